"""The commands on pictures that every law of files is tested over: a new one is a new row."""

import contextlib
import functools
import io
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import jax
import jax.numpy as jnp
from PIL import Image

from nasjax import cli
from nasjax.export.bundle import write_bundle
from nasjax.export.card import Card
from nasjax.export.network import Network
from nasjax.export.stylist import write_style_network
from nasjax.spaces.photonet import photonet
from tests.commands.cases import SCENE
from tests.export.networks import photo_filter, sr_cell

_parser = functools.cache(cli._parser)  # hundreds of calls want the same one
_STYLE = {"widths": [4, 6, 8], "convs": [1, 1, 1], "ops": ["conv"]}


class Command(NamedTuple):
    """A command ready to be given pictures: its options, and the words before and behind them."""

    name: str
    options: tuple[str, ...]
    before: tuple[str, ...]
    behind: tuple[str, ...]
    scale: int
    tag: str  # what is added to the stem of an output
    gain: float  # by how much more than its input an output may differ

    def __call__(self, images: Path | str, output: Path | str, *options: str) -> tuple[int, str, str]:
        """Exit code, standard output and standard error."""
        out, err = io.StringIO(), io.StringIO()
        words = (*self.before, str(images), *self.behind, str(output))
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            mock.patch.object(cli, "_parser", _parser),
        ):
            code = cli.main([self.name, *self.options, *options, "--", *words])
        return code, out.getvalue(), err.getvalue()


def _apply(folder: Path) -> Command:
    """A network that enlarges by bicubic: all that it has learned is nothing."""
    _write(folder / "bundle", _bicubic(), "x2")
    return Command("apply", (), (str(folder / "bundle"),), (), 2, "", 1.0)


def _apply_onnx(folder: Path) -> Command:
    """The same in onnxruntime."""
    write_bundle(folder / "bundle", _bicubic(), card=Card("x2"), formats=("onnx",))
    return Command("apply", ("--runtime", "onnx"), (str(folder / "bundle"),), (), 2, "", 1.0)


def _write(folder: Path, network: Network, name: str) -> None:
    """The bundle without graphs: only theirs are cut as its card says, which takes long to find out."""
    with mock.patch("nasjax.export.card.describe_tiling", return_value={}):
        write_bundle(folder, network, card=Card(name), formats=())


def _bicubic() -> Network:
    network = sr_cell(2, {"b1": "off", "b2": "off", "image": "bicubic"})
    return network._replace(params=jax.tree.map(jnp.zeros_like, network.params))


def _stylize(folder: Path) -> Command:
    """A network with one transfer, at full resolution, and random weights."""
    net = photonet(**_STYLE)
    arch = net.space.encode({c.name: c.options[0] for c in net.space.choices} | {"d1.cat": "on", "d1.skip": "on"})
    params = net.extract_params(net.init(jax.random.key(0)), arch)
    write_style_network(folder / "network", _STYLE, arch=arch, params=params, card={"name": "test"})
    Image.fromarray(SCENE[::-1, ::-1]).save(folder / "style.png")
    return Command(
        "stylize",
        ("--network", str(folder / "network"), "--no-match"),
        (),
        (str(folder / "style.png"),),
        1,
        "_style",
        4.0,
    )


def _filter(folder: Path) -> Command:
    """A photo filter whose colours and detail are left as they are: all that it has learned is nothing."""
    network = photo_filter({"colour": "mix3x2", "grid": "a8x2", "bands": "2", "restore": "half1conv"})
    _write(folder / "bundle", network._replace(params=jax.tree.map(jnp.zeros_like, network.params)), "nothing")
    return Command("filter", ("--model", str(folder / "bundle")), (), (), 1, "", 1.0)


def _upscale(folder: Path) -> Command:
    """The smallest network that comes with the package."""
    return Command("upscale", ("--model", "small"), (), (), 4, "", 2.0)


COMMANDS: dict[str, Callable[[Path], Command]] = {
    "apply": _apply,
    "apply by onnxruntime": _apply_onnx,
    "upscale": _upscale,
    "stylize": _stylize,
    "filter": _filter,
}
