"""Small pictures as people's files are, and what is right for each: a row is a file, and a plain picture it equals.

Nothing here is read or written by the code under test. All are 32x32, so that each command compiles once.
"""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageCms, PngImagePlugin

SIDE = 32
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


class Case(NamedTuple):
    """`write(path)` makes the file; its outcome is that of a plain picture of `right`, `[h, w, 3 or 4]` of 8 bits.

    `near`: levels that the two may differ by; `says`: words of the line about it; `deep`: the output has 16 bits.
    """

    write: Callable[[Path], object]
    right: np.ndarray
    near: int = 1
    says: str = ""
    deep: bool = False


def _scene() -> np.ndarray:
    """A sky, a dark tower, and a checker: smooth and sharp things, nowhere the same left and right, or up and down."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    a = np.stack([90 + 4 * y, 150 + 2 * x, 220 - 3 * y], -1)
    a[8:24, 10:14] = (40, 35, 30)
    a[18:28, 20:30] = np.where(((x // 2 + y // 2) % 2)[18:28, 20:30, None] > 0, 235, 25)
    return a.astype(np.uint8)


SCENE = _scene()
GREY = np.repeat(SCENE[..., 1:2], 3, -1)
PATCHES = np.zeros((SIDE, SIDE, 3), np.uint8)
PATCHES[:, :11], PATCHES[:, 11:22], PATCHES[:, 22:] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
# 1024 levels within 16 of the 256 that 8 bits have.
FINE = (20000 + 4 * np.arange(SIDE * SIDE).reshape(SIDE, SIDE)).astype(np.uint16)
FINE_RGB = np.stack([FINE, FINE[::-1] + np.uint16(9000), FINE.T + np.uint16(18000)], -1)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(pixels: np.ndarray, *extra: bytes) -> bytes:
    """A PNG of the pixels' depth and channels, with further chunks before them."""
    height, width, channels = pixels.shape
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    head = struct.pack(">IIBBBBB", width, height, 8 * pixels.itemsize, colour, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(pixels.dtype.newbyteorder(">")).tobytes() for row in pixels)
    chunks = [_chunk(b"IHDR", head), *extra, _chunk(b"IDAT", zlib.compress(rows)), _chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def deep_tiff(pixels: np.ndarray, *more: tuple[int, int, int, int]) -> bytes:
    """A TIFF of 16-bit colours, uncompressed, with further entries."""
    height, width, _ = pixels.shape
    content = pixels.astype("<u2").tobytes()
    place = 8 + 2 + (9 + len(more)) * 12 + 4
    entries = [
        *((256, 4, 1, width), (257, 4, 1, height), (258, 3, 3, place), (259, 3, 1, 1), (262, 3, 1, 2)),
        *((273, 4, 1, place + 6), (277, 3, 1, 3), (278, 4, 1, height), (279, 4, 1, len(content)), *more),
    ]
    packed = b"".join(struct.pack("<HHLL", *entry) for entry in sorted(entries))
    ifd = struct.pack("<H", len(entries)) + packed + bytes(4)
    return b"II*\0\x08\0\0\0" + ifd + struct.pack("<HHH", 16, 16, 16) + content


def exif(orientation: int) -> bytes:
    """EXIF with an orientation, and a number where the camera's name belongs."""
    entries = struct.pack("<HHLHH", 0x0112, 3, 1, orientation, 0) + struct.pack("<HHLL", 0x010F, 12, 1, 38)
    return b"II*\0\x08\0\0\0\x02\0" + entries + bytes(4) + struct.pack("<d", 1.5)


def ink_profile() -> bytes:
    """A profile of inks whose colours are half as bright as naive ones (white less the ink); paper is white.

    A table of two values an ink, from CMYK to Lab, as ICC.1 10.10 (lut8Type) and 7.2 (header) have it.
    """
    light = [[(1 - ink) * (1 - black) / (2 if any(inks) else 1) for ink in inks] for *inks, black in _corners()]
    picture = Image.fromarray(np.round(np.array(light) * 255).astype(np.uint8)[None])
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    lab = ImageCms.applyTransform(picture, to_lab)
    assert lab is not None
    # Pillow gives a and b as signed bytes, the table has them from 0 on.
    table = (np.asarray(lab).reshape(16, 3) ^ np.array([0, 128, 128], np.uint8)).tobytes()
    identity = b"".join(struct.pack(">i", 65536 * (i % 4 == 0)) for i in range(9))
    ramp = bytes(range(256))
    lut = b"mft1" + bytes(4) + struct.pack(">BBBB", 4, 3, 2, 0) + identity + 4 * ramp + table + 3 * ramp
    white = b"XYZ " + bytes(4) + struct.pack(">iii", 63190, 65536, 54061)
    tags, place = [], 128 + 4 + 2 * 12
    for name, content in ((b"A2B0", lut), (b"wtpt", white)):
        tags.append((name, place, content))
        place += len(content) + -len(content) % 4
    head = struct.pack(">II4s4s4s4s", place, 0, b"\x02\x40\0\0", b"prtr", b"CMYK", b"Lab ") + bytes(12) + b"acsp"
    head = head.ljust(68, b"\0") + struct.pack(">iii", 63190, 65536, 54061)
    listed = b"".join(struct.pack(">4sII", name, at, len(content)) for name, at, content in tags)
    body = b"".join(content + bytes(-len(content) % 4) for _, _, content in tags)
    return head.ljust(128, b"\0") + struct.pack(">I", 2) + listed + body


def _corners() -> list[tuple[int, ...]]:
    return [tuple(i >> (3 - k) & 1 for k in range(4)) for i in range(16)]


def sprite(hidden: tuple[int, int, int]) -> np.ndarray:
    """A disc, opaque inside, half clear at its edge, of another colour where it cannot be seen."""
    y, x = np.mgrid[:SIDE, :SIDE]
    distance = np.hypot(y - 15.5, x - 15.5)
    pixels = np.zeros((SIDE, SIDE, 4), np.uint8)
    pixels[..., :3] = hidden
    pixels[distance < 10] = (200, 60, 60, 255)
    pixels[(distance >= 9) & (distance < 10), 3] = 128
    return pixels


def _eight_bits(levels: np.ndarray) -> np.ndarray:
    return np.round(levels / 257).astype(np.uint8)


def _bytes(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


def _saved(pixels: np.ndarray, mode: str | None = None, **options) -> Callable[[Path], object]:
    def write(path: Path) -> None:
        image = Image.fromarray(pixels)
        (image if mode is None else image.convert(mode)).save(path, **options)

    return write


def _orientation(number: int) -> Image.Exif:
    found = Image.Exif()
    found[0x0112] = number
    return found


def _in_inks() -> Image.Image:
    levels = 255 * _INKS[np.repeat([0, 1, 2], [11, 11, 10])][None].repeat(SIDE, 0).astype(np.uint8)
    return Image.merge("CMYK", [Image.fromarray(np.ascontiguousarray(levels[..., k])) for k in range(4)])


def _inks(path: Path) -> None:
    _in_inks().save(path, icc_profile=ink_profile(), compression="tiff_lzw")


def _turned_inks(path: Path) -> None:
    turned = _in_inks().transpose(Image.Transpose.ROTATE_90)
    turned.save(path, icc_profile=ink_profile(), exif=_orientation(6), quality=100, subsampling=0)


def _lab(path: Path) -> None:
    levels = np.zeros((SIDE, SIDE, 3), np.uint8)
    for where, (light, a, b) in zip((slice(0, 11), slice(11, 22), slice(22, None)), _LAB, strict=True):
        levels[:, where] = (round(light * 2.55), round(a) + 128, round(b) + 128)
    Image.merge("LAB", [Image.fromarray(levels[..., k]) for k in range(3)]).save(path)


def _pages(path: Path) -> None:
    Image.fromarray(SCENE).save(path, save_all=True, append_images=[Image.fromarray(255 - SCENE)] * 2)


def _moving(path: Path) -> None:
    frames = [Image.fromarray(np.roll(PATCHES, 8 * i, 1)) for i in range(4)]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=100)


def _palette(path: Path) -> None:
    image = Image.fromarray(PATCHES).quantize(3)
    image.save(path, transparency=image.getpixel((0, 0)))


def _captioned(path: Path) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "x" * 2_000_000, zip=True)
    Image.fromarray(SCENE).save(path, pnginfo=text)


def _heif(path: Path) -> None:
    import pillow_heif

    pillow_heif.from_pillow(Image.fromarray(SCENE)).save(path, quality=-1)


# No ink, cyan, and magenta with yellow.
_INKS = np.array([(0, 0, 0, 0), (1, 0, 0, 0), (0, 1, 1, 0)])
_INKS_RIGHT = np.array([(255, 255, 255), (0, 128, 128), (128, 0, 0)])[np.repeat([0, 1, 2], [11, 11, 10])]
# Lightness and colour under D50, and sRGB's levels of them: a dark grey, a light one, and its red.
_LAB = [(20, 0, 0), (80, 0, 0), (54.29, 80.81, 69.89)]
_LAB_RIGHT = np.array([(48, 48, 48), (198, 198, 198), (255, 0, 0)])[np.repeat([0, 1, 2], [11, 11, 10])][None].repeat(
    SIDE, 0
)
_LINEAR = _chunk(b"gAMA", struct.pack(">I", 100000))
_SWAPPED = _chunk(b"gAMA", struct.pack(">I", 45455)) + _chunk(
    b"cHRM", struct.pack(">8I", 31270, 32900, 30000, 60000, 64000, 33000, 15000, 6000)
)
_BROKEN_TEXT = _chunk(b"tEXt", b"Comment\0text")[:-4] + b"oops"
_CLEAR_GREY = _chunk(b"tRNS", struct.pack(">H", int(FINE[3, 7])))
_CLEARED = np.dstack([_eight_bits(FINE[..., None].repeat(3, -1)), np.full((SIDE, SIDE), 255, np.uint8)])
_CLEARED[3, 7, 3] = 0
# Levels of light, and those of sRGB that have it.
_LEVELS = np.array([[0, 0], [55, 128], [128, 188], [255, 255]], np.uint8)
_LIGHT = _LEVELS[np.repeat([0, 1, 2, 3], 8)][:, None, None].repeat(SIDE, 1).repeat(3, 2)  # [h, w, 3, 2]
_UNUSED = "EXIF that is unusable is left out"

CASES: dict[str, Case] = {
    "plain.png": Case(_saved(SCENE), SCENE),
    "a file without suffix": Case(_bytes(png(SCENE)), SCENE),
    "png_inside.jpg": Case(_bytes(png(SCENE)), SCENE, near=12),
    "-dash.png": Case(_saved(SCENE), SCENE),
    f"{'long' * 62}.png": Case(_saved(SCENE), SCENE),
    "grey16.png": Case(_bytes(png(FINE[..., None])), _eight_bits(FINE[..., None].repeat(3, -1)), deep=True),
    "rgb16.png": Case(_bytes(png(FINE_RGB)), _eight_bits(FINE_RGB), deep=True),
    "tiff16.tif": Case(_bytes(deep_tiff(FINE_RGB)), _eight_bits(FINE_RGB), deep=True),
    "clear16.png": Case(_bytes(png(FINE[..., None], _CLEAR_GREY)), _CLEARED, deep=True),
    "inks.tif": Case(_inks, _INKS_RIGHT[None].repeat(SIDE, 0), near=3),
    "inks_without_profile.jpg": Case(_saved(GREY, "CMYK", quality=100), GREY, near=6, says="no profile of them"),
    "turned8.tif": Case(_saved(np.rot90(SCENE), exif=_orientation(6)), SCENE),
    "turned_inks.jpg": Case(_turned_inks, _INKS_RIGHT[None].repeat(SIDE, 0), near=9),
    "turned16.tif": Case(_bytes(deep_tiff(FINE_RGB, (274, 3, 1, 3))), _eight_bits(FINE_RGB[::-1, ::-1]), deep=True),
    "lab.tif": Case(_lab, _LAB_RIGHT, near=6),
    "linear.png": Case(_bytes(png(_LIGHT[..., 0], _LINEAR)), _LIGHT[..., 1]),
    "swapped.png": Case(_bytes(png(PATCHES, _SWAPPED)), PATCHES[..., [1, 0, 2]], near=3),
    "sprite.png": Case(_saved(sprite((0, 255, 0))), sprite((0, 0, 0)), near=0),
    "palette.gif": Case(_palette, np.dstack([PATCHES, np.where(PATCHES[..., 0] > 0, 0, 255).astype(np.uint8)])),
    "turned.png": Case(_bytes(png(SCENE, _chunk(b"eXIf", exif(6)))), np.rot90(SCENE, -1), says=f"{_UNUSED}: Make"),
    "garbage.png": Case(_bytes(png(SCENE, _chunk(b"eXIf", b"\1\2\3" * 30))), SCENE, says=_UNUSED),
    "profile.png": Case(_saved(SCENE, icc_profile=b"no profile at all"), SCENE, says="its colour profile is unusable"),
    "grey_of_rgb.png": Case(_saved(GREY[..., 0], icc_profile=SRGB), GREY, says="its colour profile is one of RGB"),
    "captioned.png": Case(_captioned, SCENE, says="the text 'Comment' of 2000000 characters is left out"),
    "checksum.png": Case(_bytes(png(SCENE, _BROKEN_TEXT)), SCENE, says="metadata that is unusable is left out"),
    "moving.gif": Case(_moving, PATCHES, says="4 frames: number 1 is used"),
    "pages.tif": Case(_pages, SCENE, says="3 frames: number 1 is used"),
    "phone.heic": Case(_heif, SCENE, near=3),
}
# What is no picture that can be used, and the words of its line; files that nothing is said about.
FAILING: dict[str, tuple[bytes, str]] = {
    "empty.png": (b"", "the file is empty"),
    "cut.png": (png(SCENE)[:400], "truncated"),
    "text.png": (b"not a picture\n", "not a picture of a format that is read"),
    "stub.heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200), "HEIC"),
    "camera.nef": (deep_tiff(FINE_RGB), "raw file; develop it"),
    "new.jxl": (b"\xff\x0a" + bytes(60), "JPEG XL is not read"),
}
IGNORED: dict[str, bytes] = {
    "._hidden.png": b"\0\5\x16\7" + bytes(60),
    ".hidden.png": png(SCENE),
    "notes.txt": b"P1 is not what this text begins a picture with\n",
    "binary.dat": bytes(range(256)) * 4,
}
