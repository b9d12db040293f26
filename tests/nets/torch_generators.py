"""The generators of pix2pix and CycleGAN in PyTorch, which the readers are compared with.

    python -m tests.nets.torch_generators

writes `teacher_reference.json`: what PyTorch computes of the small networks of `teacher_states.py` and of the trained
one that the package vintagify ships, at a few pixels, for the tests that run without PyTorch.
"""

import importlib.util
import json
from pathlib import Path

import numpy as np
import torch
from torch import nn

from tests.nets.teacher_states import CASES, Case, state_of

REFERENCE = Path(__file__).with_name("teacher_reference.json")


def _norm(case: Case, channels: int) -> nn.Module:
    if case.norm == "batch":
        return nn.BatchNorm2d(channels)
    return nn.InstanceNorm2d(channels, affine=case.norm == "affine")


class _Block(nn.Module):
    def __init__(self, case: Case, c: int):
        super().__init__()
        bias = case.norm != "batch"
        half = [nn.ReflectionPad2d(1), nn.Conv2d(c, c, 3, bias=bias), _norm(case, c)]
        other = [nn.ReflectionPad2d(1), nn.Conv2d(c, c, 3, bias=bias), _norm(case, c)]
        dropout = [nn.Dropout(0.5)] if case.names == "dropout" else []
        layers = nn.Sequential(*half, nn.ReLU(True), *dropout, *other)
        setattr(self, "block" if case.names == "block" else "conv_block", layers)
        self._layers = [layers]

    def forward(self, x):
        return x + self._layers[0](x)


class Resnet(nn.Module):
    """Johnson's generator as CycleGAN has it."""

    def __init__(self, case: Case):
        super().__init__()
        w, bias = case.width, case.norm != "batch"
        layers = [nn.ReflectionPad2d(3), nn.Conv2d(3, w, 7, bias=bias), _norm(case, w), nn.ReLU(True)]
        for c in (w, 2 * w):
            layers += [nn.Conv2d(c, 2 * c, 3, 2, 1, bias=bias), _norm(case, 2 * c), nn.ReLU(True)]
        layers += [_Block(case, 4 * w) for _ in range(case.blocks)]
        for c in (4 * w, 2 * w):
            if case.up == "transposed":
                layers += [nn.ConvTranspose2d(c, c // 2, 3, 2, 1, 1, bias=bias)]
            else:
                layers += [nn.Upsample(scale_factor=2, mode=case.up), nn.ReflectionPad2d(1)]
                layers += [nn.Conv2d(c, c // 2, 3, bias=bias)]
            layers += [_norm(case, c // 2), nn.ReLU(True)]
        self.model = nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(w, 3, 7), nn.Tanh())

    def forward(self, x):
        return self.model(x)


class _Level(nn.Module):
    def __init__(self, case: Case, i: int):
        super().__init__()
        widths = [case.width * min(2**k, 8) for k in range(case.levels)]
        c, before = widths[i], widths[i - 1] if i else 3
        self.first, last, bias = i == 0, i == case.levels - 1, case.norm != "batch"
        layers = [] if self.first else [nn.LeakyReLU(0.2, True)]
        layers += [nn.Conv2d(before, c, 4, 2, 1, bias=bias)]
        if not last:
            layers += [] if self.first else [_norm(case, c)]
            layers += [_Level(case, i + 1)]
        layers += [nn.ReLU(True), nn.ConvTranspose2d(c if last else 2 * c, before, 4, 2, 1, bias=bias or self.first)]
        self.model = nn.Sequential(*layers, nn.Tanh() if self.first else _norm(case, before))

    def forward(self, x):
        return self.model(x) if self.first else torch.cat([x, self.model(x)], 1)


class Unet(nn.Module):
    """pix2pix's U-Net, without dropout."""

    def __init__(self, case: Case):
        super().__init__()
        self.model = _Level(case, 0)

    def forward(self, x):
        return self.model(x)


def run(case: Case, state, x: np.ndarray) -> np.ndarray:
    """`[b, h, w, 3]` through the network that loads exactly this state dict; batch norm in the mode of the case."""
    network = (Resnet if case.kind == "resnet" else Unet)(case)
    network.load_state_dict({name: torch.from_numpy(np.array(a)) for name, a in state.items()})
    network.train(case.norm == "batch" and case.statistics == "image")
    return forward(network, x)


def forward(network: nn.Module, x: np.ndarray) -> np.ndarray:
    """A network of PyTorch on `[b, h, w, 3]`."""
    with torch.no_grad():
        return network(torch.from_numpy(x.transpose(0, 3, 1, 2).copy())).numpy().transpose(0, 2, 3, 1)


def vintagify() -> nn.Module:
    """The package's own network with its weights; the package itself, which would draw in a dozen, is not imported."""
    folder = Path(next(iter(importlib.util.find_spec("vintagify").submodule_search_locations)))
    spec = importlib.util.spec_from_file_location("vintagify_generator", folder / "generator.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    network = module.ResnetGenerator()
    path = folder / "resources" / "G_A2B_epoch33.pth"
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return network.eval()


def main() -> None:
    """Write the reference."""
    from tests.nets.test_teachers import picture, sample

    outputs = {name: run(case, state_of(case), picture(case)) for name, case in CASES.items()}
    outputs["vintagify"] = forward(vintagify(), picture(None))
    lines = [f'"{name}": {json.dumps([round(float(v), 6) for v in sample(y)])}' for name, y in outputs.items()]
    REFERENCE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
