"""Which networks a test takes always, which with `make slow`, and which with `make thorough` alone."""

from collections.abc import Collection, Iterable
from typing import Any

import pytest

from convatlas.catalog import ROWS
from convatlas.models import FAMILIES

SMALLEST = [min(family.variants, key=lambda name: ROWS[name].parameters) for family in FAMILIES]

LARGE = ("maxvit_t", "efficientnet_v2_s", "inception_v3")  # smallest of their families, and yet large
MODERATE = [name for name in SMALLEST if name not in LARGE]


def mark_of(name: str, quick: Collection[str], slow: Collection[str]) -> Any:
    if name in quick:
        return ()
    return pytest.mark.slow if name in slow else pytest.mark.thorough


def networks(names: Iterable[str], quick: Collection[str], slow: Collection[str] = ()) -> list[Any]:
    """One parameter per name; a name that is neither in `quick` nor in `slow` is marked as thorough."""
    return [pytest.param(name, marks=mark_of(name, quick, slow)) for name in names]
