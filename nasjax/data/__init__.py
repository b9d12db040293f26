"""Pictures in: sources, the pipeline of training patches, and what networks are judged on."""

from nasjax.data.decode import UnreadableImage, halve, read_image
from nasjax.data.embedded import credit, embedded_photos
from nasjax.data.evaluation import EvalImage, eval_images, validation_patches
from nasjax.data.folders import folder, pairs, side_by_side
from nasjax.data.pipeline import PatchIterator, patches
from nasjax.data.source import Cached, Halved, Source, Subset, at_least
from nasjax.data.spec import open_source
from nasjax.data.tfds import prepare, tfds_source

__all__ = [
    "Cached",
    "EvalImage",
    "Halved",
    "PatchIterator",
    "Source",
    "Subset",
    "UnreadableImage",
    "at_least",
    "credit",
    "embedded_photos",
    "eval_images",
    "folder",
    "halve",
    "open_source",
    "pairs",
    "patches",
    "prepare",
    "read_image",
    "side_by_side",
    "tfds_source",
    "validation_patches",
]
