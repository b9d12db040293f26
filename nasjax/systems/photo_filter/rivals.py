"""What a found filter is compared with: a network of its space chosen by hand, and a generator as CycleGAN has it."""

from typing import Any

import numpy as np

from nasjax.spaces.resnet_generator import resnet_generator, teacher_options
from nasjax.system import Found, Networks, Rival, same_size

RESNET = (24, 32, 48)  # widths


def arch_of(networks: Networks, text: str) -> np.ndarray:
    """The arch of these options, "grid=none side=128", and of the space's defaults for others.

    Raises ValueError for what is no `choice=option` of the space.
    """
    pairs = [pair.partition("=") for pair in text.split()]
    if wrong := [name for name, equal, option in pairs if not (name and equal and option)]:
        raise ValueError(f"system.by_hand: {wrong[0]!r} is no choice=option; e.g. 'colour=curves grid=none'")
    try:
        return networks.supernet.space.encode({name: option for name, _, option in pairs})
    except ValueError as error:
        raise ValueError(f"system.by_hand: {error}") from error


def by_hand(networks: Networks, arch: np.ndarray, found: Found) -> Rival:
    """A network of the space that somebody chose; it starts from the shared weights as the found one does."""
    net = networks.supernet
    return Rival("by hand", "chosen by hand", networks, arch, start=net.extract_params(found.shared, arch))


def resnet(widths: tuple[int, int, int], *, blocks: int, adds: str = "image") -> Rival:
    """The residual generator over every pixel, of these widths of stem, first and second halving; from random weights.

    `adds` is what its output is added to: "image", its input, or as CycleGAN's own "none".
    """
    arguments: dict[str, Any] = {"widths": [[w] for w in (*widths, *widths[1::-1])], "inner": [widths[2]]}
    arguments |= {"blocks": blocks, "ops": ["res"], "up": ["nearest"]}
    net = resnet_generator(**arguments)
    arch = net.space.encode(teacher_options(net.space, up="nearest") | {"global": adds})
    networks = Networks(net, same_size(), builder=("resnet_generator", arguments))
    return Rival("ResNet", f"a residual generator over every pixel, {blocks} blocks, widths {widths}", networks, arch)
