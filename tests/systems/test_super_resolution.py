"""Super-resolution: what its protocol says of the pictures that candidates are compared on."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from nasjax.chain.configs import load_config
from nasjax.chain.phases import Known, depends
from nasjax.sampling import Sampler
from nasjax.systems.super_resolution.system import SuperResolution, validation_pairs, validation_text
from nasjax.tasks.base import Model

PLAIN = Sampler("plain", 1, False, lambda key, step: jnp.zeros((1, 1), jnp.int32))


@pytest.mark.parametrize(
    ("patches", "said"),
    [
        (8, "8 textured patches of 32x32 px of 3 validation pictures"),
        (2, "2 textured patches of 32x32 px of 2 validation pictures"),
        (0, "nothing: no patches of the validation split"),
    ],
)
def test_few_pictures_are_said_to_be_few(tmp_path, patches, said):
    """Patches are many, the pictures behind them may not be; one that is too small for a patch is none of them."""
    for i, side in enumerate((80, 80, 80, 20)):
        (tmp_path / "val").mkdir(exist_ok=True)
        noise = np.random.default_rng(i).integers(0, 255, (side, side, 3), np.uint8)
        Image.fromarray(noise).save(tmp_path / "val" / f"{i}.png")
    (tmp_path / "train").mkdir()
    Image.fromarray(noise).save(tmp_path / "train" / "0.png")
    config = load_config("quickstart").tiny()
    data = replace(config.data, source=f"folder:{tmp_path}", val_patches=patches, val_patch=8, on_bad="skip")
    experiment, system = replace(config, data=data), SuperResolution(4)
    assert validation_text(system, experiment) == said
    assert len(validation_pairs(system, experiment)) == patches


def _with(degradation):
    config = load_config("quickstart").tiny()
    return replace(config, system=replace(config.system, degradation=degradation))


def _loss(ground):
    """The loss of pictures that are repeated, which a degradation moves."""
    twice = Model(lambda key: {}, lambda params, plan, x: jnp.repeat(jnp.repeat(x, 4, axis=-3), 4, axis=-2))
    task = ground.task(twice, PLAIN, 2)
    image = np.random.default_rng(0).integers(0, 256, task.batch_spec["image"].shape, np.uint8)
    batch = {"image": jnp.asarray(image)}
    loss = jax.jit(lambda batch, key: task.losses["generator"]({"generator": {}}, np.zeros((1, 1), int), batch, key)[0])
    return float(loss(batch, jax.random.key(1)))


def test_a_practical_degradation_is_learned_from_and_compared_on():
    """Low resolution is another in the loss and on the patches, twice the same there, which the protocol says."""
    experiments = [_with("bicubic"), _with("practical")]
    grounds = [each.system.prepare(each, each.system.networks()) for each in experiments]
    assert abs(_loss(grounds[0]) - _loss(grounds[1])) > 1e-3
    (low, high), (worse, same), (again, _) = (ground.judge({}) for ground in (*grounds, grounds[1]))
    np.testing.assert_array_equal(high, same)
    np.testing.assert_array_equal(worse, again)
    assert worse.shape == low.shape and float(jnp.abs(worse - low).mean()) > 1e-3
    assert [ground.search_protocol.endswith("after blur, noise and JPEG") for ground in grounds] == [False, True]


@pytest.mark.parametrize("phase", ["supernet/path", "search/path", "finalist/0"])
def test_every_phase_depends_on_the_degradation(phase):
    """Weights and scores of another one are not read back."""
    known = Known({"train": "3 pictures", "val": "1 picture", "test": "1 picture"})
    first, other = (depends(_with(degradation), phase, known) for degradation in ("bicubic", "practical"))
    assert {name for name in first if first[name] != other[name]} == {"system.degradation"}


def test_an_unknown_degradation_is_refused():
    """When the config is made, with what there is."""
    with pytest.raises(ValueError, match="degradation: unknown 'rain'; allowed: bicubic, practical"):
        _with("rain")
