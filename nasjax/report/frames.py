"""Rows of a run as data frames of pandas: what notebooks have anyway, at a quarter of the size of polars."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas


def frame(rows: Sequence[dict[str, Any]]) -> "pandas.DataFrame":
    """Return rows as a data frame; a figure that a row does not have is NaN.

    Raises ImportError naming the extra when pandas is not installed.
    """
    try:
        import pandas
    except ImportError as error:
        raise ImportError("data frames of a run need the extra: pip install 'nasjax[frames]'") from error
    return pandas.DataFrame(list(rows))
