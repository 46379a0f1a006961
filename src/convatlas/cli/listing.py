"""`convatlas list`: what there is."""

from .flags import Json


def list_(*patterns: str, as_json: Json = False) -> None:
    """List the networks: year, parameters, multiply-accumulates, published accuracy.

    Parameters
    ----------
    patterns
        Shell patterns that names must match, such as "resnet*"; all networks if there is none.
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
