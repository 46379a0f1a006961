"""Writes checkpoints.csv, imagenet.txt and docs/reference/weights.md from torchvision's metadata of its weights."""

import csv
import io
import math
import re
from pathlib import Path
from typing import Any

import torchvision
from torchvision.models import get_model_weights, list_models

from convatlas.files import write_text
from convatlas.weights.checkpoints import Checkpoint, read_rows

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "src/convatlas/weights/checkpoints.csv"
CLASSES = ROOT / "src/convatlas/weights/imagenet.txt"
PAGE = ROOT / "docs/reference/weights.md"

COLUMNS = (
    "name tag default url sha256 mebibytes parameters acc1 acc5 image_size resize crop interpolation mean std license recipe "
    "switches notes"
).split()
LICENSES = {None: "BSD-3-Clause", "https://github.com/facebookresearch/SWAG/blob/main/LICENSE": "CC-BY-NC-4.0"}
SWITCHES = dict.fromkeys(("googlenet", "inception_v3"), "transform_input")  # trained elsewhere, on images from -1 to 1


def entries() -> list[tuple[str, Any]]:
    """Each classification network of torchvision with each of its published weights."""
    return [(name, entry) for name in list_models(module=torchvision.models) for entry in get_model_weights(name)]


def checkpoints() -> str:
    """checkpoints.csv as text."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(COLUMNS)
    table.writerows(row(name, entry) for name, entry in entries())
    return out.getvalue()


def row(name: str, entry: Any) -> list[Any]:
    """One published file: its cells in the order of COLUMNS."""
    meta, preset = entry.meta, entry.transforms()
    [resize], [crop] = preset.resize_size, preset.crop_size
    [sha256] = re.findall(r"-([0-9a-f]{8,64})\.pth$", entry.url)
    accuracies = [meta["_metrics"]["ImageNet-1K"][key] for key in ("acc@1", "acc@5")]
    untested = any(map(math.isnan, accuracies))
    return [
        name,
        entry.name.lower(),
        "yes" if entry is type(entry).DEFAULT else "",
        entry.url,
        sha256,
        meta["_file_size"],
        meta["num_params"],
        *(["", ""] if untested else accuracies),
        max(crop, *meta["min_size"]),
        resize,
        crop,
        preset.interpolation.value,
        *(" ".join(map(repr, values)) for values in (preset.mean, preset.std)),
        LICENSES[meta.get("license")],
        meta["recipe"],
        SWITCHES.get(name, ""),
        "for its features: the classifier is not trained" if untested else "",
    ]


def classes() -> str:
    """imagenet.txt as text: the names of the 1000 classes in the order of the logits, the same for every file."""
    [names] = {tuple(entry.meta["categories"]) for _, entry in entries() if entry.meta["categories"]}
    return "\n".join(names) + "\n"


def page() -> str:
    """docs/reference/weights.md as text, from the table that `checkpoints` has written."""
    rows = read_rows()
    parts = [
        "# Published weights",
        "",
        f"{len(rows)} files for {len({row.name for row in rows})} networks: [how to use them](../how-to/weights.md).",
        "Accuracy is on ImageNet's validation images, as torchvision publishes it. Written by `make docs`.",
        "",
        "| network | tag | top-1 | top-5 | resize, crop | size | license | |",
        "|---|---|---:|---:|---|---:|---|---|",
        *map(line, rows),
        "",
        '*default*: what `weights="default"` means.',
        "",
    ]
    return "\n".join(parts)


def line(row: Checkpoint) -> str:
    """A row of the page."""
    tag = f"{row.tag}, *default*" if row.default else row.tag
    accuracies = ["" if value is None else f"{value:.2f} %" for value in (row.acc1, row.acc5)]
    size = f"{row.resize}, {row.crop}, {row.interpolation}"
    cells = (row.name, tag, *accuracies, size, f"{row.mebibytes:,.1f} MiB", row.license, row.notes)
    return f"| {' | '.join(cells)} |"


def main() -> None:
    write_text(TABLE, checkpoints())
    write_text(CLASSES, classes())
    write_text(PAGE, page())


if __name__ == "__main__":
    main()
