"""TensorFlow Datasets as sources, without TensorFlow, and folders prepared as such data sets.

Everything goes through `data_source` and ArrayRecord files; `tensorflow_datasets`, of the extra `tfds`, is imported on
first use.
"""

import dataclasses
import functools
import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from nasjax.data.decode import to_rgb
from nasjax.data.source import Source, image_keys
from nasjax.extras import load_extra

# Where a data set has only a "train" split, validation and test come off its end.
_SLICES = {"train": "train[:80%]", "val": "train[80%:90%]", "test": "train[90%:]"}
# Sets of two domains (cycle_gan/...) have these; validation comes off the end of training.
_DOMAINS = {"train": "train{}[:90%]", "val": "train{}[90%:]", "test": "test{}", "all": "train{0}+test{0}"}
_PAIR = ("input", "target")


@dataclasses.dataclass(frozen=True)
class TfdsSource:
    """A source over a prepared data set; `size` decodes, as its records have no header to look at."""

    label: str
    records: Any
    keys: tuple[tuple[str, str], ...]

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> dict[str, Any]:
        record = self.records[index]
        return {"name": self.name(index), **{ours: _rgb(record[theirs]) for ours, theirs in self.keys}}

    def name(self, index: int) -> str:
        return f"{self.label}/{index:06d}"

    def size(self, index: int) -> tuple[int, int]:
        height, width = self[index][self.keys[-1][0]].shape[:2]
        return height, width


def tfds_source(name: str, split: str, *, key: str | None = None, data_dir: str | None = None) -> TfdsSource:
    """Opens `name` ("div2k", "div2k/bicubic_x4", or the folder of a prepared data set), downloading it if need be.

    `split` is one of the data set's, a slice of one, or "val" for its "validation"; of a set that has "train" alone,
    the last tenths become "val" and "test"; "all" joins every split. `key` names the image feature; without it,
    features "input" and "target" make pairs, else the only image feature is taken. ValueError if the set, the split
    or the feature does not exist.
    """
    builder = _builder(name, data_dir)
    if not builder.is_prepared():
        builder.download_and_prepare()
    keys = _feature_keys(name, builder.info.features, key)
    return TfdsSource(name, builder.as_data_source(_resolve_split(name, split, tuple(builder.info.splits))), keys)


def tfds_domains(
    name: str, split: str, *, key: str | None = None, data_dir: str | None = None
) -> tuple[TfdsSource, TfdsSource] | None:
    """Both domains of a data set with the splits trainA, trainB, testA, testB; None for one without.

    `split` is train, val, test or all; the last tenth of training is "val". Else as `tfds_source`.
    """
    builder = _builder(name, data_dir)
    if not builder.is_prepared():
        builder.download_and_prepare()
    if not {f"{part}{letter}" for part in ("train", "test") for letter in "AB"} <= set(builder.info.splits):
        return None
    if split not in _DOMAINS:
        raise ValueError(f"tfds: {name} has two domains and no split {split!r}; allowed: {', '.join(_DOMAINS)}")
    keys = _feature_keys(name, builder.info.features, key)
    first, second = (
        TfdsSource(f"{name}/{letter}", builder.as_data_source(_DOMAINS[split].format(letter)), keys) for letter in "AB"
    )
    return first, second


def prepare(source: Source, name: str, data_dir: str | os.PathLike) -> Path:
    """Writes a source (pictures or pairs) as a TFDS data set in ArrayRecord files and returns its folder.

    The folder can be opened by `tfds_source`, or anywhere by `tensorflow_datasets.builder_from_directory`. Pictures
    are stored as PNG, in the split "train". A data set that is there already is left as it is; ValueError if it has
    another number of pictures.
    """
    builder_class, config_class = _builder_classes()
    config = config_class(name=name, source=source)
    builder = builder_class(config=config, data_dir=str(data_dir), file_format="array_record")
    builder.download_and_prepare()
    written = builder.info.splits["train"].num_examples
    if written != len(source):
        raise ValueError(
            f"tfds: {builder.data_dir} exists with {written} pictures, not {len(source)}; choose another name"
        )
    return Path(builder.data_dir)


def _import_tfds() -> Any:
    return load_extra("tensorflow_datasets", "tfds", "data of the form tfds:NAME")


@functools.cache  # a second class of this name would be refused by the library's registry
def _builder_classes() -> tuple[Any, Any]:
    tfds = _import_tfds()

    @dataclasses.dataclass
    class SourceConfig(tfds.core.BuilderConfig):
        source: Source | None = None

    class NasjaxImages(tfds.core.GeneratorBasedBuilder):
        """Pictures or pairs of a source of nasjax."""

        VERSION = tfds.core.Version("1.0.0")
        builder_config: Any  # always a SourceConfig
        code_path = None  # a class made in a function has no file of its own with checksums beside it

        def _info(self):
            features: dict[str, Any] = {"name": tfds.features.Text()}
            for key in image_keys(self.builder_config.source[0]):
                features[key] = tfds.features.Image(shape=(None, None, 3), encoding_format="png")
            return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

        def _split_generators(self, _):
            return {"train": self._generate_examples()}

        def _generate_examples(self):
            source = self.builder_config.source
            for index in range(len(source)):
                element = source[index]
                # Arrays would be encoded through TensorFlow, Pillow's pictures are not.
                pictures = {key: Image.fromarray(element[key]) for key in image_keys(element)}
                yield index, {"name": element["name"], **pictures}

    return NasjaxImages, SourceConfig


def _builder(name: str, data_dir: str | None) -> Any:
    tfds = _import_tfds()
    if Path(name).is_dir():
        return tfds.builder_from_directory(name)
    try:
        return tfds.builder(name, data_dir=data_dir, file_format="array_record")
    except tfds.core.DatasetNotFoundError as error:
        raise ValueError(
            f"tfds: no data set is called {name!r}, and no folder either; see tensorflow_datasets.list_builders()"
        ) from error


def _resolve_split(name: str, split: str, known: tuple[str, ...]) -> str:
    if split == "all":
        return "+".join(known)
    if known == ("train",) and split in _SLICES:
        return _SLICES[split]
    if split == "val" and "val" not in known and "validation" in known:
        return "validation"
    if split.split("[")[0] not in known:
        raise ValueError(f"tfds: {name} has no split {split!r}; allowed: {', '.join(known)}, all")
    return split


def _feature_keys(name: str, features: Any, key: str | None) -> tuple[tuple[str, str], ...]:
    images = tuple(k for k, f in features.items() if type(f).__name__ == "Image")
    if key is not None and key not in images:
        raise ValueError(f"tfds: {name} has no image feature {key!r}; allowed: {', '.join(images)}")
    if key is None and set(_PAIR) <= set(images):
        return tuple(zip(_PAIR, _PAIR, strict=True))
    if key is None and len(images) != 1:
        raise ValueError(
            f"tfds: {name} has image features {', '.join(images) or 'none'}; choose one as tfds:NAME#FEATURE"
        )
    return (("image", key or images[0]),)


def _rgb(image: np.ndarray) -> np.ndarray:
    """Decoded features come as [h, w, 1], [h, w, 3] or [h, w, 4], of 8 or 16 bits."""
    if image.dtype == np.uint16:
        image = np.round(image / 257).astype(np.uint8)
    return np.asarray(to_rgb(Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)))
