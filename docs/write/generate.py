"""Writes catalog.csv and the tables of docs/reference.

Published ImageNet accuracies come from the metadata of torchvision's checkpoints: the first one that fits the network as it
is built by default.
"""

import csv
import io
import sys
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.models import get_model_weights, list_models

from convatlas.anatomy.macs import macs
from convatlas.catalog import read
from convatlas.files import write_text
from convatlas.models import CATALOG, FAMILIES, count_parameters, create_on_meta
from convatlas.models.family import SMALL, Family
from convatlas.models.history import sections

ROOT = Path(__file__).parents[2]
REFERENCE = set(list_models())


def published(name: str) -> tuple[float | str, str, str]:
    """Accuracy in percent, its data set and its source; three empty strings if nobody published one."""
    row = CATALOG[name].published.get(name)
    if row:
        return row.top1, row.data, row.source
    if name in REFERENCE:
        rows = list(get_model_weights(name))
        first = next((row for row in rows if row.meta["num_params"] == count_parameters(create_on_meta(name))), rows[0])
        return first.meta["_metrics"]["ImageNet-1K"]["acc@1"], "ImageNet", f"torchvision {first.name}"
    return "", "", ""


def catalog() -> str:
    """catalog.csv as text."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow("name family year parameters macs in_channels image_size num_classes top1 top1_on top1_source".split())
    for name, family in CATALOG.items():
        native = family.native_of(name)
        model = create_on_meta(name)
        sizes = count_parameters(model), macs(model, native.in_channels, native.image_size)
        year = family.year_of(name)
        inputs = native.in_channels, native.image_size, native.num_classes
        table.writerow((name, family.name, year, *sizes, *inputs, *published(name)))
    return out.getvalue()


ABLATIONS = """\
A name may carry ablations after a colon, fields of the family's `Spec`: `resnet20:depths=3-3-3,width=32`. A tuple is its
numbers with a `-` between them, which no shell changes, or written as in Python and quoted, `"resnet20:depths=(3,3,3)"`. A
switch is `true` or `false`. Every command and `create_model` take such names."""


def networks() -> str:
    """docs/reference/networks.md as text: one section per family, one row per variant, from the table `catalog` wrote."""
    rows = read()
    parts = [
        "# The networks",
        "",
        f"{len(rows)} networks in {len(FAMILIES)} families. Written by `make docs`.",
        "",
        ABLATIONS,
        "",
    ]
    for family in FAMILIES:
        module = sys.modules[family.build.__module__]
        idea = (module.__doc__ or "").partition("\n")[0]
        papers = " · ".join(f"{p.authors} {p.year}, *{p.title}*, {p.where}" for p in family.papers)
        source = f"../../src/convatlas/models/{module.__name__.rpartition('.')[2]}.py"
        parts += [f"## [{family.name}]({source})", "", idea, "", papers, ""]
        parts += [
            "| network | year | parameters | MACs | input | small input | top-1 | published |",
            "|---|---:|---:|---:|---|---|---:|---|",
        ]
        for name in family.variants:
            row = rows[name]
            side = f"{row.in_channels}x{row.image_size}x{row.image_size}"
            top1 = f"{row.top1:.2f} %" if row.top1 else ""
            source = f"{row.top1_on}, {row.top1_source}" if row.top1 else ""
            cells = (name, row.year, f"{row.parameters:,}", f"{row.macs:,}", side, small(name), top1, source)
            parts.append(f"| {' | '.join(map(str, cells))} |")
        parts.append("")
    return "\n".join(parts)


def small(name: str) -> str:
    """Parameters for ten classes in 32-pixel images, where the network has a stem of its own for them."""
    if CATALOG[name].native_of(name).image_size <= SMALL:
        return ""
    return f"{count_parameters(create_on_meta(name, num_classes=10, image_size=32)):,} at 32"


SMALL_IMAGES = f"""\
# Small images

Up to {SMALL} pixels, every family that was published for larger images has a small form. The names of the parameters stay,
and so do the shapes of all but the first layer and the layers named below: published weights load, and layers that do not
fit are re-initialized and reported. Counted for the smallest variant, three channels, ten classes and 32 pixels. Written
by `make docs`.

| family | variant | first layer | for small images | other layers that differ | last map | parameters | MACs |
|---|---|---|---|---|---:|---:|---:|"""


def smallest(family: Family) -> str:
    """The variant with the fewest parameters of those that were published for larger images."""
    rows = read()
    return min((name for name in family.variants if rows[name].image_size > SMALL), key=lambda name: rows[name].parameters)


def small_images() -> str:
    """docs/reference/small-images.md as text: what each family published for ImageNet changes for small images."""
    parts = [SMALL_IMAGES]
    families = [family for family in FAMILIES if family.native.image_size > SMALL]
    for family in families:
        name = smallest(family)
        side = family.native_of(name).fitting_size(32)
        usual, little = create_on_meta(name, num_classes=10), create_on_meta(name, num_classes=10, image_size=side)
        differ = ", ".join(f"`{module}`" for module in family.sized)
        last = "tokens" if "transformer" in family.tags else "x".join(map(str, last_map(little, side)))
        stems = (kernel(model.get_submodule(family.stem)) for model in (usual, little))
        sizes = f"{count_parameters(little):,}", f"{macs(little, 3, side):,}"
        parts.append(f"| {' | '.join((family.name, name, *stems, differ, last, *sizes))} |")
    parts.append("")
    for family in families:
        parts += [f"**{family.name}:** {sections(smallest(family))['Small']}", ""]
    return "\n".join(parts)


def kernel(stem: nn.Module) -> str:
    """The convolution that reads the image, in a few words."""
    return "{}x{}, stride {}".format(*stem.weight.shape[2:], stem.stride[0])


def last_map(model: nn.Module, side: int) -> tuple[int, int]:
    """Height and width of the last map of more than one pixel, in the order of computation."""
    sizes = [(side, side)]

    def add_size(_: nn.Module, __: object, output: object) -> None:
        if isinstance(output, Tensor) and output.ndim == 4 and output.shape[2] > 1 < output.shape[3]:
            sizes.append((output.shape[2], output.shape[3]))

    handles = [
        module.register_forward_hook(add_size)
        for module in model.modules()
        if isinstance(module, nn.Conv2d | nn.BatchNorm2d | nn.MaxPool2d)
    ]
    model.eval()(torch.empty(1, 3, side, side, device="meta"))
    for handle in handles:
        handle.remove()
    return sizes[-1]


def main() -> None:
    write_text(ROOT / "src/convatlas/catalog.csv", catalog())
    write_text(ROOT / "docs/reference/networks.md", networks())
    write_text(ROOT / "docs/reference/small-images.md", small_images())


if __name__ == "__main__":
    main()
