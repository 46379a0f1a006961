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
    from ..catalog import ROWS, UNCOUNTED
    from ..errors import unknown_name

    rows_by_name = ROWS
    if UNCOUNTED:
        from ..models import CATALOG, row_of

        rows_by_name = {name: row_of(name) for name in CATALOG}
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in rows_by_name):
            raise unknown_name("network", pattern, rows_by_name)
    rows = [row for name, row in rows_by_name.items() if not patterns or any(fnmatchcase(name, p) for p in patterns)]
    console.print_networks(rows, as_json)
