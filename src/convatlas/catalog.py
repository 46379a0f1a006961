"""The families, and the table of their variants: sizes and published accuracies, read without importing torch.

catalog.csv is written by `make docs`; a test compares it with the networks.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

FAMILIES = (
    "lenet", "alexnet", "zfnet", "vgg", "googlenet", "inception",
    "resnet", "resnet_cifar", "preact_resnet", "wrn_cifar",
    "squeezenet", "densenet", "resnext_cifar", "mobilenet_v1",
    "mobilenet_v2", "mnasnet", "shufflenet_v2", "mobilenet_v3", "efficientnet",
    "regnet", "tinyvgg", "vit", "efficientnet_v2",
    "swin", "convnext", "maxvit",
)  # fmt: skip
"""The families' files in `models/`. Names, not imports: one line registers a family, and `convatlas list` needs no torch."""


@dataclass(frozen=True, slots=True)
class Row:
    """One variant at the input it was published for."""

    name: str
    family: str
    year: int
    parameters: int  # trainable
    macs: int  # multiply-accumulates of one image
    in_channels: int
    image_size: int
    num_classes: int
    top1: float | None  # percent
    top1_on: str
    top1_source: str


def read() -> dict[str, Row]:
    """All rows by name, in the catalog's order."""
    text = (files(__package__) / "catalog.csv").read_text(encoding="utf-8")
    rows = {}
    for cells in csv.DictReader(text.splitlines()):
        numbers = {key: int(cells[key]) for key in ("year", "parameters", "macs", "in_channels", "image_size", "num_classes")}
        top1 = float(cells["top1"]) if cells["top1"] else None
        words = {key: cells[key] for key in ("name", "family", "top1_on", "top1_source")}
        rows[cells["name"]] = Row(**words, **numbers, top1=top1)  # type: ignore[arg-type]  # the keys are Row's fields
    return rows


ROWS: Mapping[str, Row] = read()
UNCOUNTED = frozenset(FAMILIES) - {row.family for row in ROWS.values()}
"""Families that `make docs` has not yet met: their rows are counted when they are asked for, which takes torch."""
