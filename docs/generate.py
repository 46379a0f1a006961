"""Regenerates what is computed and not typed: catalog.csv and the tables of docs/reference.

Published ImageNet accuracies come from the metadata of torchvision's checkpoints (the first ones, trained as the papers did).
"""

import csv
import io
from pathlib import Path

from torchvision.models import get_model_weights, list_models

from convatlas.anatomy.macs import macs
from convatlas.files import write_text
from convatlas.models import CATALOG, count_parameters, on_meta

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


def main() -> None:
    write_text(ROOT / "src/convatlas/catalog.csv", catalog())


if __name__ == "__main__":
    main()
