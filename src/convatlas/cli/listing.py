"""`convatlas list`."""

from .flags import Json


def list_(*patterns: str, as_json: Json = False) -> None:
    """List the networks: year, size, cost, published accuracy.

    Example: convatlas list "resnet*"

    Parameters
    ----------
    patterns
        Shell patterns for names, such as "resnet*"; all networks if none is given.
    """
    from fnmatch import fnmatchcase

    from .. import console
    from ..catalog import ROWS
    from ..errors import unknown

    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in ROWS):
            raise unknown("network", pattern, ROWS)
    rows = [row for name, row in ROWS.items() if not patterns or any(fnmatchcase(name, p) for p in patterns)]
    console.networks(rows, as_json)
