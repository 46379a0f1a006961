"""The figures of a comparison as people read them: one list of columns for the page, the terminal and the CSV file."""

import csv
import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..engine.task import Kind, Measure
from ..files import write_text
from .numbers import count, duration, figure, finite, milliseconds, operations, percent, rate, size

Results = Mapping[str, Any]
Network = Mapping[str, Any]

SPREAD_KEYS = ("mean", "sd", "n")


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure: `text` and `spread` to show ("97.6", "± 0.3"), `value` to sort by."""

    text: str
    spread: str = ""
    value: float | None = None
    best: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """A measure with one cell for each network, in the order of the results."""

    measure: Measure
    cells: tuple[Cell, ...]


COSTS = (
    Measure("parameters", "Parameters", "", "Size", "less", "count", "Trainable parameters"),
    Measure("trained_parameters", "Trained", "parameters", "Size", "less", "count", "Parameters that learn"),
    Measure("macs", "MACs", "", "Size", "less", "macs", "Multiply-accumulates for one image"),
    Measure("training_memory_bytes", "Memory", "peak", "Size", "less", "bytes", "Peak memory while training"),
    Measure("training_images_per_second", "Training", "images/s", "Speed", "more", "rate", "Images a second while training"),
    Measure("latency_ms", "Latency", "ms, batch 1", "Speed", "less", "time", "Time for a single image"),
    Measure("throughput_images_per_second", "Throughput", "images/s, 128", "Speed", "more", "rate",
            "Images a second in batches of 128"),
)  # fmt: skip
TIME = Measure("seconds", "Time", "a run", "", "less", "seconds", "Seconds to train one seed")
SPLITS = (("train", "Train", "training"), ("val", "Val", "validation"), ("test", "Test", "test"))
UNKNOWN = Measure("", "Figure", "", "", "more", "number", "")  # of results without measures

BUSY = 0.1  # share of all cores from which on other programs are worth a word
OVER_SEEDS = ("percent", "number")  # kinds of which a network has one figure per seed
OF_A_NETWORK = ("macs", "latency_ms", "throughput_images_per_second")  # however it was trained


def load_words(results: Results) -> str:
    """Whether other programs made the speeds lower than they would be on an idle machine; empty where they did not."""
    keys = ("training_other_load", "speed_other_load")
    loads = [load for network in networks(results) for key in keys if (load := finite(network.get(key))) is not None]
    if max(loads, default=0) < BUSY:
        return ""
    return f"other programs took up to {100 * max(loads):.0f} % of the cores: speeds are lower than on an idle machine"


def measures(results: Results) -> list[Measure]:
    """What was measured of the task, as the results carry it; the first one decides."""
    return [Measure(**values) for values in results.get("measures") or []]


def decides(results: Results) -> Measure:
    """The measure that the verdict is about."""
    return next(iter(measures(results)), UNKNOWN)


def deciding_key(results: Results) -> str:
    """Where a network has the figure that decides: the first measure on the held-out images."""
    return f"{held_out(results)}_{decides(results).key}"


def task_columns(results: Results) -> list[Measure]:
    """The first measure on every split and with test-time augmentation, the others on the test images."""
    telling = [m for m in measures(results) if len(results.get("data", {}).get("classes") or []) >= m.classes]
    if not telling:
        return []
    first, *others = telling
    on_splits = [
        replace(first, key=f"{split}_{first.key}", header=header, explain=f"{first.explain} on the {words} images")
        for split, header, words in SPLITS
    ]
    views = replace(first, key=f"tta_{first.key}", header="TTA", explain=f"{first.explain} with test-time augmentation")
    return [*on_splits, views, *(replace(m, key=f"test_{m.key}", unit=f"{m.unit}, test".lstrip(", ")) for m in others)]


def all_measures(results: Results) -> list[Measure]:
    """The columns of a comparison, those without figures among them."""
    return [*COSTS, *task_columns(results), TIME]


def mean(network: Network, key: str) -> float | None:
    """A measured figure: itself when it is a number, the mean over seeds when it is a summary."""
    value = network.get(key)
    return finite(value.get("mean")) if isinstance(value, Mapping) else finite(value)


def standard_deviation(network: Network, key: str) -> float | None:
    """The standard deviation over seeds; None with a single seed."""
    value = network.get(key)
    return finite(value.get("sd")) if isinstance(value, Mapping) and (finite(value.get("n")) or 0) > 1 else None


def held_out(results: Results) -> str:
    """The set the verdict is about: "test", or "val" where there is no test set."""
    return "val" if results.get("data", {}).get("held_out") == "val" else "test"


def held_out_images(results: Results) -> int:
    """How many images the verdict rests on."""
    return int(finite(results.get("data", {}).get(held_out(results))) or 0)


def places(results: Results) -> int:
    """Decimals of a percentage: one, or two where more than 5,000 images give them a meaning."""
    return 2 if held_out_images(results) > 5000 else 1


def figure_text(kind: Kind, value: float | None, digits: int) -> str:
    """A figure of a kind as text; an en dash where there is none."""
    return percent(value, digits) if kind == "percent" else _WRITERS[kind](value)


def networks(results: Results) -> list[Network]:
    """The networks in the order of the command line."""
    return list(results.get("networks") or [])


def has_failed(network: Network) -> bool:
    """Whether the network gave no figures."""
    return network.get("status") == "failed"


def columns(results: Results) -> list[Column]:
    """The summary table: one column per measure, one cell per network, the best of each column marked.

    Cells that read alike are equally best; a column that does not tell the networks apart marks none. Without a test set its
    columns are left out, and so is what the comparison did not do.
    """
    digits, rows = places(results), networks(results)
    chosen = []
    for measure in all_measures(results):
        values = [mean(network, measure.key) for network in rows]
        if measure.key.startswith("test_") and held_out(results) == "val" and not any(v is not None for v in values):
            continue
        if says_nothing(measure, rows):
            continue
        texts = [figure_text(measure.kind, value, digits) for value in values]
        known = [(value, text) for value, text in zip(values, texts, strict=True) if value is not None]
        best = (min if measure.better == "less" else max)(known)[1] if len({text for _, text in known}) > 1 else None
        cells = []
        for network, value, text in zip(rows, values, texts, strict=True):
            sd = standard_deviation(network, measure.key) if measure.kind in OVER_SEEDS else None
            spread = f"± {figure_text(measure.kind, sd, digits)}" if sd is not None and value is not None else ""
            cells.append(Cell(text, spread, value, value is not None and text == best))
        chosen.append(Column(measure, tuple(cells)))
    return chosen


def says_nothing(measure: Measure, rows: Sequence[Network]) -> bool:
    """Whether a column is of what is the same in all rows, or was not done: freezing, test-time augmentation."""
    if measure.key in OF_A_NETWORK and len(rows) > 1:
        return len({(row.get("recipe") or {}).get("model", row.get("name")) for row in rows}) == 1
    if measure.key == "trained_parameters":
        return all(mean(row, "trained_parameters") in (None, mean(row, "parameters")) for row in rows)
    return measure.key.startswith("tta_") and all(mean(row, measure.key) is None for row in rows)


def csv_rows(results: Results) -> list[dict[str, str | int | float]]:
    """One flat row per network in plain units (bytes, seconds, shares of one); an unknown figure is empty."""
    rows = []
    for network in networks(results):
        row: dict[str, Any] = {key: network.get(key) for key in ("name", "status", "error", "image_size")}
        for measure in all_measures(results):
            value = network.get(measure.key)
            if measure.kind in OVER_SEEDS or measure is TIME:
                summary = value if isinstance(value, Mapping) else {"mean": value}
                row |= {f"{measure.key}_{part}": summary.get(part) for part in SPREAD_KEYS}
            else:
                row[measure.key] = value
        against = network.get("against_best") or {}
        low, high = against.get("interval") or (None, None)
        row |= {"best": against.get("best"), "difference": against.get("difference")}
        row |= {"difference_low": low, "difference_high": high, "p_value": against.get("p_value")}
        rows.append({key: "" if _missing(value) else value for key, value in row.items()})
    return rows


def write_csv(results: Results, path: Path) -> Path:
    """Writes the flat rows, a header first."""
    rows = csv_rows(results)
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    write_text(path, text.getvalue())
    return path


_WRITERS: Mapping[Kind, Callable[[float | None], str]] = {
    "count": count,
    "macs": operations,
    "bytes": size,
    "rate": rate,
    "time": milliseconds,
    "seconds": duration,
    "number": figure,
}


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and not math.isfinite(value))
