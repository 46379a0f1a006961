"""All families: each file that `catalog.FAMILIES` names brings its FAMILY."""

from collections.abc import Mapping
from importlib import import_module

from .. import catalog
from .family import Family

FAMILIES: tuple[Family, ...] = tuple(import_module(f".{name}", __package__).FAMILY for name in catalog.FAMILIES)
CATALOG: Mapping[str, Family] = {name: family for family in FAMILIES for name in family.variants}
