"""Colour profiles that say something simple, made of the one of sRGB."""

import struct
from collections.abc import Iterator

from PIL import ImageCms

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _tags(profile: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Where the entry of each tag is, and where its content."""
    (count,) = struct.unpack(">I", profile[128:132])
    for place in range(132, 132 + 12 * count, 12):
        yield profile[place : place + 4], place, struct.unpack(">I", profile[place + 4 : place + 8])[0]


def swapped() -> bytes:
    """sRGB whose first channel is the green light and whose second is the red one."""
    made = bytearray(SRGB)
    for tag, place, _ in _tags(SRGB):
        if tag in (b"rXYZ", b"gXYZ"):
            made[place : place + 4] = b"gXYZ" if tag == b"rXYZ" else b"rXYZ"
    return bytes(made)


def linear_grey() -> bytes:
    """A profile of greys that are proportional to light."""
    made = bytearray(SRGB)
    made[16:20] = b"GRAY"
    for tag, place, content in _tags(SRGB):
        if tag == b"rTRC":
            made[place : place + 4] = b"kTRC"
            made[content : content + 12] = b"curv" + bytes(8)
    return bytes(made)
