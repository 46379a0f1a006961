"""The form of metrics.json, checked where it is read: a damaged file is a sentence and no surprise later on."""

from math import inf, isfinite
from typing import Any

from ..errors import InputError
from ..files import JsonObject, shown

TABLES = ("confusion", "images_per_class")
NUMBER = (int, float)


def check_figures(metrics: JsonObject) -> JsonObject:
    """The metrics themselves, if the figures of each split are finite numbers and those of classes lists of numbers from 0.

    Raises   InputError that names the file and the figure
    """
    for split in ("val", "test"):
        for key, value in (metrics[split] or {}).items():
            of_classes = key in TABLES or key.startswith("per_class_")
            valid = is_list_of_figures(value, square=key == "confusion") if of_classes else is_figure(value, least=-inf)
            if not valid or (key == "n" and not (isinstance(value, int) and value > 0)):
                raise InputError(f"{metrics.path} holds {shown(value)} as {key} of {split}: it is damaged")
    return metrics


def is_list_of_figures(value: Any, *, square: bool) -> bool:
    """Whether it is a list of numbers from 0, null where there is none; a square one is a list of as long lists of numbers."""
    if not isinstance(value, list):
        return False
    rows = value if square else [value]
    return all(
        isinstance(row, list)
        and (not square or len(row) == len(value))
        and all((one is None and not square) or is_figure(one) for one in row)
        for row in rows
    )


def is_figure(value: Any, least: float = 0.0) -> bool:
    """Whether it is a finite number of at least some value."""
    return isinstance(value, NUMBER) and isfinite(value) and value >= least
