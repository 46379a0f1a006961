"""Regenerates what is computed and not typed: catalog.csv and the tables of docs/reference.

Published ImageNet accuracies come from the metadata of torchvision's checkpoints (the first ones, trained as the papers did).
"""

import csv
import io
import sys
from pathlib import Path

from torchvision.models import get_model_weights, list_models

from convatlas.anatomy.macs import macs
from convatlas.catalog import read
from convatlas.files import write_text
from convatlas.models import CATALOG, FAMILIES, count_parameters, on_meta
from convatlas.models.family import SMALL

ROOT = Path(__file__).parent.parent
REFERENCE = set(list_models())


def published(name: str) -> tuple[float | str, str, str]:
    """Accuracy in percent, its data set and its source; three empty strings if nobody published one."""
    row = CATALOG[name].published.get(name)
    if row:
        return row.top1, row.data, row.source
    if name in REFERENCE:
        first = next(iter(get_model_weights(name)))
        return first.meta["_metrics"]["ImageNet-1K"]["acc@1"], "ImageNet", f"torchvision {first.name}"
    return "", "", ""


def catalog() -> str:
    """catalog.csv as text."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow("name family year parameters macs in_channels image_size num_classes top1 top1_on top1_source".split())
    for name, family in CATALOG.items():
        native = family.native_of(name)
        model = on_meta(name)
        sizes = count_parameters(model), macs(model, native.in_channels, native.image_size)
        year = family.years.get(name, family.papers[0].year)
        inputs = native.in_channels, native.image_size, native.num_classes
        table.writerow((name, family.name, year, *sizes, *inputs, *published(name)))
    return out.getvalue()


def networks() -> str:
    """docs/reference/networks.md as text: a section a family, a row a variant, from the table that `catalog` has written."""
    rows = read()
    parts = ["# The networks", "", f"{len(rows)} networks in {len(FAMILIES)} families. Written by `make docs`.", ""]
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
    return f"{count_parameters(on_meta(name, num_classes=10, image_size=32)):,} at 32"


def main() -> None:
    write_text(ROOT / "src/convatlas/catalog.csv", catalog())
    write_text(ROOT / "docs/reference/networks.md", networks())


if __name__ == "__main__":
    main()
