"""PatchGAN discriminators: what a score sees, what spectral norm bounds, and how its power iteration moves."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from nasjax.nets.discriminators import patch_discriminator
from nasjax.tasks.spectral import power_iterated


def _size(params):
    return sum(a.size for a in jax.tree.leaves(params))


def test_the_70x70_patchgan_of_pix2pix():
    """Three layers of 64, for pairs of images: its 2,768,705 params but batch norm's, 30x30 scores of 256x256."""
    net = patch_discriminator(6)
    params = jax.eval_shape(net.init, jax.random.key(0))
    assert _size(params) == 2_768_705 - 2 * (128 + 256 + 512)
    (scores,) = jax.eval_shape(net.apply, params, jax.ShapeDtypeStruct((2, 256, 256, 6), jnp.float32))
    assert scores.shape == (2, 30, 30, 1)


def test_a_score_sees_its_patch_alone():
    """With one layer a score depends on 16x16 pixels and on no other (no norm, which would see the whole image)."""
    net = patch_discriminator(width=4, layers=1, norm="none")
    params = net.init(jax.random.key(0))
    x = jax.random.normal(jax.random.key(1), (24, 24, 3))
    gradient = np.asarray(jax.jit(jax.grad(lambda x: net.apply(params, x)[0][5, 4, 0]))(x)).any(-1)
    rows, columns = np.flatnonzero(gradient.any(1)), np.flatnonzero(gradient.any(0))
    assert (rows[0], len(rows)) == (2 * 5 - 5, 16) and (columns[0], len(columns)) == (2 * 4 - 5, 16)


def test_scales_see_halved_images():
    """Every scale has params of its own and sees means of 2x2 pixels of the one before; streams lead as images do."""
    net = patch_discriminator(width=4, layers=2, scales=2)
    params = net.init(jax.random.key(0))
    x = jax.random.normal(jax.random.key(1), (2, 3, 32, 40, 3))
    run = jax.jit(net.apply)
    fine, coarse = run(params, x)
    assert fine.shape == (2, 3, 6, 8, 1) and coarse.shape == (2, 3, 2, 3, 1)
    half = x.reshape(2, 3, 16, 2, 20, 2, 3).mean((3, 5))
    single = patch_discriminator(width=4, layers=2)
    np.testing.assert_allclose(single.apply({"scale1": params["scale2"]}, half)[0], coarse, atol=1e-5)
    assert not np.allclose(params["scale1"]["conv1"]["w"], params["scale2"]["conv1"]["w"])


def _norms(params):
    """The largest singular value of each kernel as it is used, by a full decomposition."""
    from nasjax.nets.discriminators import _kernel

    kernels = jax.jit(lambda params: [_kernel(p).reshape(-1, p["w"].shape[-1]) for p in params.values()])(params)
    return [np.linalg.svd(kernel, compute_uv=False)[0] for kernel in kernels]


def test_spectral_norm_bounds_every_kernel():
    """After the iterations of `init` the used kernels have norm 1 within 3 %, and within 0.1 % after a few more."""
    net = patch_discriminator(width=8, layers=2, norm="none", spectral=True)
    params = net.init(jax.random.key(0))
    np.testing.assert_allclose(_norms(params["scale1"]), 1, rtol=0.03)
    advance = jax.jit(net.advance)
    for _ in range(60):
        params = advance(params)
    np.testing.assert_allclose(_norms(params["scale1"]), 1, rtol=1e-3)


def test_the_power_iteration_is_a_part_of_the_update():
    """Weights take the optimiser's step, directions one power iteration of the new weights, and get no gradient."""
    net = patch_discriminator(width=4, layers=1, norm="none", spectral=True)
    optimiser = power_iterated(optax.adamw(1e-2, weight_decay=0.1), net.advance)
    plain = optax.adamw(1e-2, weight_decay=0.1)
    params = net.init(jax.random.key(0))
    x = jax.random.normal(jax.random.key(1), (1, 16, 16, 3))
    gradient = jax.jit(jax.grad(lambda p: jnp.square(net.apply(p, x)[0] - 1).mean()))(params)
    assert all(not own["u"].any() for own in gradient["scale1"].values())
    updates, _ = jax.jit(optimiser.update)(gradient, optimiser.init(params), params)
    wanted, _ = jax.jit(plain.update)(gradient, plain.init(params), params)
    new = optax.apply_updates(params, updates)
    for name, own in new["scale1"].items():
        np.testing.assert_allclose(updates["scale1"][name]["w"], wanted["scale1"][name]["w"], rtol=1e-5, atol=1e-9)
        w = np.asarray(own["w"]).reshape(-1, own["w"].shape[-1])
        u = w.T @ (w @ np.asarray(params["scale1"][name]["u"]))
        np.testing.assert_allclose(own["u"], u / np.linalg.norm(u), atol=1e-5)


def test_gradients_of_gradients():
    """A gradient penalty differentiates the input's gradient: finite, and not zero, with norm and spectral norm."""
    net = patch_discriminator(width=4, layers=1, spectral=True)
    params = net.init(jax.random.key(0))
    x = jax.random.normal(jax.random.key(1), (1, 16, 16, 3))

    def penalty(p):
        return jnp.square(jax.grad(lambda x: net.apply(p, x)[0].sum())(x)).sum()

    norm = optax.tree.norm(jax.jit(jax.grad(penalty))(params))
    assert np.isfinite(norm) and norm > 0


@pytest.mark.parametrize("wrong", [dict(norm="batch"), dict(layers=0), dict(scales=0)])
def test_unsuitable_settings_are_refused(wrong):
    """The values and what is allowed."""
    with pytest.raises(ValueError, match="patch_discriminator: .*'instance' or 'none'"):
        patch_discriminator(**wrong)


@pytest.mark.parametrize(("layers", "scales", "least"), [(1, 1, 6), (2, 2, 24), (3, 1, 24)])
def test_images_without_a_score_are_refused(layers, scales, least):
    """The smallest image that has one at each scale has it; one pixel less is refused with how many it takes."""
    net = patch_discriminator(width=4, layers=layers, scales=scales)
    params = jax.eval_shape(net.init, jax.random.key(0))
    scores = jax.eval_shape(net.apply, params, jax.ShapeDtypeStruct((1, least, least, 3), jnp.float32))
    assert all(min(each.shape) > 0 for each in scores)
    with pytest.raises(ValueError, match=rf"needs patches of {least} pixels or more, got {least}x{least - 1}"):
        jax.eval_shape(net.apply, params, jax.ShapeDtypeStruct((1, least, least - 1, 3), jnp.float32))
