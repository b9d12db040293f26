"""Pictures in: sources, the pipeline of training patches, and what networks are judged on."""

from nasjax.data.check import DataReport, check_data
from nasjax.data.decode import UnreadableImage, halve, read_image
from nasjax.data.degrade import Degraded, degrade
from nasjax.data.domains import OneSide, Resized, Reversed, Unpaired, unpair
from nasjax.data.embedded import credit, embedded_photos
from nasjax.data.embedded_pairs import furniture, furniture_credit
from nasjax.data.evaluation import EvalImage, eval_images, validation_patches
from nasjax.data.folders import folder, pairs, side_by_side
from nasjax.data.pipeline import PatchIterator, patches
from nasjax.data.source import Cached, Halved, Source, Subset, at_least
from nasjax.data.spec import open_source
from nasjax.data.taught import TaughtCrops, taught_crops
from nasjax.data.tfds import prepare, tfds_source

__all__ = [
    "Cached",
    "DataReport",
    "Degraded",
    "EvalImage",
    "Halved",
    "OneSide",
    "PatchIterator",
    "Resized",
    "Reversed",
    "Source",
    "Subset",
    "TaughtCrops",
    "Unpaired",
    "UnreadableImage",
    "at_least",
    "check_data",
    "credit",
    "degrade",
    "embedded_photos",
    "eval_images",
    "folder",
    "furniture",
    "furniture_credit",
    "halve",
    "open_source",
    "pairs",
    "patches",
    "prepare",
    "read_image",
    "side_by_side",
    "taught_crops",
    "tfds_source",
    "unpair",
    "validation_patches",
]
