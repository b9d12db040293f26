"""Regions of a picture as the networks take them: how much each pixel belongs to each, in a common order of two."""

from typing import TypeAlias

import numpy as np

Labels: TypeAlias = np.ndarray  # integers, [h, w]
MOST_REGIONS = 16


def region_shares(
    labels: tuple[Labels | None, Labels | None], sizes: tuple[tuple[int, int], tuple[int, int]]
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Labels of a content and of a style as shares `[h, w, k]` (bool), one of the k labels of the content each.

    A label that the style does not have takes the whole style. `sizes` are (height, width) of the two pictures; None
    for both where there are no labels. Raises ValueError for labels of another size, of one picture only, or of more
    than `MOST_REGIONS` values.
    """
    ours, theirs = labels
    if ours is None and theirs is None:
        return None, None
    if ours is None or theirs is None:
        raise ValueError("stylize: labels are needed for both content and style, or for neither")
    for name, array, size in zip(("content", "style"), (ours, theirs), sizes, strict=True):
        if array.shape != size:
            raise ValueError(f"stylize: the {name} is {size} (height, width), its labels are {array.shape}")
    values = np.unique(ours)
    if len(values) > MOST_REGIONS:
        raise ValueError(f"stylize: {len(values)} regions; at most {MOST_REGIONS} are supported")
    known = np.isin(values, theirs)
    return ours[..., None] == values, (theirs[..., None] == values) | ~known
