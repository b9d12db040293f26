"""The space of discriminators: its range, the known ones in it, what its scores are of, and what it refuses."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from nasjax.cost.table import tabulate
from nasjax.ops.judging import mean_pool2, spectral_size
from nasjax.ops.resize import upscale
from nasjax.spaces.sr_discriminator import FIXED, fixed_options, sr_discriminator
from nasjax.supernet.units import units


@functools.cache
def _whole():
    net = sr_discriminator()
    return net, tabulate(net.space, units(net, (1, 32, 32, 3)))


def test_it_reaches_from_thousands_to_millions():
    """The smallest has 6,465 params: a stem, two convolutions of stride 2, a 3x3 to a score; the largest 4.9M."""
    stem, halves, score = 3 * 9 * 16 + 16, 16 * 9 * 16 + 16 + 16 * 9 * 24 + 24, 24 * 9 + 1
    _, table = _whole()
    assert table.minimum("params").value == stem + halves + score == 6465
    assert 4.5e6 < table.maximum("params").value < 5.5e6


@pytest.mark.parametrize("name, convs", [("srgan", 9), ("esrgan", 9), ("unet", 4), ("patchgan", 4)])
def test_known_discriminators_are_archs(name, convs):
    """Each has as many convolutions as its paper's: stem and levels; its kernels are counted by hand."""
    net, table = _whole()
    options, widths = fixed_options(name), (64, 128, 256, 256, 384)
    level = int(options["head"][-1])
    options |= {f"w{i}": str(w) for i, w in enumerate(widths[: level + 1])}
    arch = net.space.encode(options)
    assert net.space.decode(arch) | options == net.space.decode(arch)
    kernels = [3 * 3 * 3 * 64]
    for i in range(1, level + 1):
        kernels += [9 * widths[i - 1] ** 2] if options[f"c{i}"] != "off" else []
        kernels += [int(options[f"d{i}"][1]) ** 2 * widths[i - 1] * widths[i]]
    assert len(kernels) == convs
    head = int(table.only("params")(arch)["params"]) - sum(kernels)
    assert 0 < head < 0.02 * sum(kernels)  # what is left: the head, biases, directions of spectral norms


def test_known_discriminators_learn_what_is_sharp():
    """Noise from noise that was made half as large and back: 30 steps leave hardly anything of ln 2, in one program.

    With norms behind convolutions, whose means over pixels are all but constant, three of them keep more than .4.
    """
    net = sr_discriminator(
        ((8,),) * 3, heads=("patch2", "unet2", "dense2"), keep=("k3i",), halve=("s3i", "s4", "s4i", "s4s")
    )
    sharp, other = (jax.random.uniform(jax.random.key(i), (8, 16, 16, 3), minval=-1) for i in range(2))
    images = jnp.concatenate([sharp, upscale(mean_pool2(other), 2, "bicubic")])
    adam, truth = optax.adam(3e-3), jnp.repeat(jnp.array([1.0, -1.0]), 8)

    def loss(params, arch):
        scores = net.switched(params, arch, images).mean((1, 2, 3))
        return jax.nn.softplus(-truth * scores).mean()

    @jax.jit
    def last(params, arch):
        def step(state, _):
            value, grads = jax.value_and_grad(loss)(state[0], arch)
            updates, moments = adam.update(grads, state[1], state[0])
            return (optax.apply_updates(state[0], updates), moments), value

        return jax.lax.scan(step, (params, adam.init(params)), None, length=30)[1][-1]

    params = net.init(jax.random.key(2))
    left = {name: float(last(params, net.space.encode(fixed_options(name, 2)))) for name in FIXED}
    assert max(left.values()) < 0.1, left


def test_scores_are_repeated_over_what_they_are_of():
    """A score of level 2 stands on 4x4 pixels, one of an image on all of them, that of a U-Net on its own pixel."""
    net = sr_discriminator(((4,), (4,), (4,)), heads=("patch2", "dense2", "unet2"), keep=("k3",), halve=("s4",))
    params, x = net.init(jax.random.key(0)), jax.random.normal(jax.random.key(1), (1, 8, 8, 3))
    distinct = {}
    for head in ("patch2", "dense2", "unet2"):
        y = np.asarray(jax.jit(net.switched)(params, net.space.encode({"head": head}), x))
        assert y.shape == (1, 8, 8, 1)
        distinct[head] = len(np.unique(y))
        if head == "patch2":
            assert (y[0, :4, :4] == y[0, 0, 0]).all() and (y[0, 4:, 4:] == y[0, 7, 7]).all()
    assert distinct == {"patch2": 4, "dense2": 1, "unet2": 64}


def test_sizes_that_no_halving_divides_are_filled_up():
    """An image of 9x6 pixels is judged by levels of 4."""
    net = sr_discriminator(((4,), (4,), (4,)), heads=("patch2",), keep=("k3",), halve=("s3",))
    params, x = net.init(jax.random.key(0)), jnp.zeros((1, 9, 6, 3))
    assert jax.eval_shape(net.switched, params, net.space.default_arch(), x).shape == (1, 12, 8, 1)


def test_the_spectral_size_is_that_of_the_part_in_use():
    """Of the leading channels alone: the matrix norm, from below, whatever stands in the others."""
    rng = np.random.default_rng(0)
    w, u = (jnp.asarray(rng.normal(size=s), jnp.float32) for s in ((3, 3, 6, 8), (8,)))
    true = np.linalg.norm(np.asarray(w)[:, :, :4, :5].reshape(-1, 5), 2)
    found = float(spectral_size(w, u, 5, inner=4))
    assert 0.9 * true < found <= true * (1 + 1e-5)
    traced = jax.jit(lambda out, inner: spectral_size(w, u, out, inner=inner))
    np.testing.assert_allclose(traced(5, 4), found, rtol=1e-5)
    streams = traced(jnp.array([5, 8]), jnp.array([4, 6]))
    np.testing.assert_allclose(streams, [found, spectral_size(w, u, 8, inner=6)], rtol=1e-5)


@pytest.mark.parametrize(
    "wrong, message",
    [
        (dict(keep=("k9",)), "keep: unknown 'k9'; allowed: k3, k3i, k3s, k5, k5i"),
        (dict(heads=("patch5",)), "heads must be among patch1, .* for 4 levels"),
        (dict(heads=("patch2",)), "no head is behind level 4"),
        (dict(widths=((8,), (16, 8)), heads=("patch1",)), "widths of level 1 must be positive and ascending"),
    ],
)
def test_unsuitable_settings_are_refused(wrong, message):
    """The value, what is allowed, and where."""
    with pytest.raises(ValueError, match=f"sr_discriminator: .*{message}"):
        sr_discriminator(**wrong)


def test_an_unknown_discriminator_is_refused():
    """The known ones are named."""
    with pytest.raises(ValueError, match="unknown discriminator 'biggan'; allowed: srgan, esrgan, unet, patchgan"):
        fixed_options("biggan")
