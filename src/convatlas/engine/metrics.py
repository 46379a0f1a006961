"""The form of metrics.json, checked where it is read: a damaged file is a sentence and no surprise later on."""

from typing import Any

from ..errors import InputError
from ..files import JsonObject, shown

TABLES = ("confusion", "images_per_class")
NUMBER = (int, float)


def check_figures(metrics: JsonObject) -> JsonObject:
    """The metrics themselves, if the figures of each split are numbers, those of classes lists of numbers, tables square.

    Raises   InputError that names the file and the figure
    """
    for split in ("val", "test"):
        for key, value in (metrics[split] or {}).items():
            of_classes = key in TABLES or key.startswith("per_class_")
            if not (is_table(value, square=key == "confusion") if of_classes else isinstance(value, NUMBER)):
                raise InputError(f"{metrics.path} holds {shown(value)} as {key} of {split}: it is damaged")
    return metrics


def is_table(value: Any, *, square: bool) -> bool:
    """Whether it is a list of numbers, null where there is none; a square one is a list of as long lists."""
    if not isinstance(value, list):
        return False
    rows = value if square else [value]
    return all(
        isinstance(row, list)
        and (not square or len(row) == len(value))
        and all(one is None or isinstance(one, NUMBER) for one in row)
        for row in rows
    )
