"""The report of a comparison: one page that holds everything it shows and asks nothing of the network."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ..errors import count_of
from ..files import write_text
from . import confusion, curves, pareto, predictions, style
from .numbers import DASH, duration, finite, thousands
from .page import date, processor, render, text
from .table import Network, Results, columns, decides, deciding_key, has_failed, held_out, load_words, mean, networks, places
from .verdict import best_name, ranking, verdict

OPEN = 6  # up to so many networks the confusions and predictions lie open


@dataclass(frozen=True, slots=True)
class Paired:
    """A paired test as the page draws it: positions of the difference and its interval in percent of the strip's width."""

    name: str
    words: str
    low: float | None
    at: float | None
    high: float | None
    zero: float


@dataclass(frozen=True, slots=True)
class Section:
    """A section that a special comparison adds: figures with their titles and captions; a figure may be missing."""

    name: str
    title: str
    note: str
    figures: tuple[tuple[str, Figure | None, str], ...]

    def panels(self) -> list[tuple[str, str, str, float]]:
        """Title, SVG, caption and width in pixels of each figure."""
        return [
            (title, style.svg(figure, title, words) if figure else "", words, width_of(figure))
            for title, figure, words in self.figures
        ]


def width_of(figure: Figure | None) -> float:
    """The width that a figure was drawn for, in pixels; it is never drawn larger."""
    return round(figure.get_figwidth() * figure.dpi) if figure else 0


def write(results: Results, pixels: NDArray[np.uint8], path: Path, sections: Sequence[Section] = ()) -> Path:
    """Writes the report, whole or not at all; `sections` come first.

    Shapes   pixels (k, h, w, c), in the order of the networks' predictions
    """
    write_text(path, page(results, pixels, sections))
    return path


def page(results: Results, pixels: NDArray[np.uint8], sections: Sequence[Section] = ()) -> str:
    """The report as one self-contained HTML page; the same results give the same page.

    Shapes   pixels (n, h, w, c), the images whose predictions are drawn
    """
    classes = [str(name) for name in results.get("data", {}).get("classes") or []]
    rows = networks(results)
    shown = [predictions.data_uri(image) for image in pixels]
    table = columns(results)
    best = best_name(results)
    sentence = verdict(results)
    head = best if best and sentence.startswith(best) else ""
    return render(
        "report.html.j2",
        title=results.get("title") or "A comparison",
        kind="comparison",
        verb="compare",
        best=head,
        rest=sentence.removeprefix(head),
        images=shown,
        tiny=bool(pixels.size) and max(pixels.shape[1:3]) <= 48,
        facts=facts(results),
        sections=sections,
        table=table,
        groups=_groups([column.measure.group for column in table]),
        each=results.get("kind", "network"),
        networks=[_row(i, network, table, best) for i, network in enumerate(rows)],
        seeds=len(results.get("seeds") or []),
        held_out=held_out(results),
        curves=learning_curves(results),
        plots=plots(results),
        tests=tests(results),
        best_name=best,
        best_figure=_figure(results, best),
        measure=decides(results).noun,
        image_score=results.get("image_score"),
        better=decides(results).better,
        percentages=decides(results).kind == "percent",
        confusions=_confusions(rows, classes),
        class_count=len(classes),
        grids=[
            (str(n.get("name")), of_network, predictions.describe(n, classes))
            for n in rows
            if (of_network := predictions.predictions_in(n, classes))
        ],
        marked=any(cell.best for column in table for cell in column.cells),
        open=len(rows) <= OPEN,
        command=results.get("command"),
        recipes=recipes(rows),
        versions=versions(results),
        measures=[column.measure for column in table],
        dash=DASH,
    )


def facts(results: Results) -> list[tuple[str, str]]:
    """The data, seeds and machine of the comparison, for the line under the verdict."""
    data, environment = results.get("data") or {}, results.get("environment") or {}
    size = "×".join(str(side) for side in data.get("size") or [])
    classes, seeds = data.get("classes") or [], results.get("seeds") or []
    kind = ", ".join(
        part for part in (count_of(len(classes), "class") if classes else "", f"{size} pixels" if size else "") if part
    )
    sets = [f"{thousands(finite(data.get(key)))} {words}" for key, words in _SETS if finite(data.get(key)) is not None]
    return [
        ("Data", "; ".join(part for part in (text(data.get("title")), kind) if part) or DASH),
        ("Images", " · ".join(sets) + ("; no test set" if held_out(results) == "val" else "") if sets else DASH),
        ("Seeds", f"{len(seeds)} ({', '.join(map(str, seeds[:8]))}{', …' if len(seeds) > 8 else ''})" if seeds else DASH),
        ("Processor", "; ".join(part for part in (processor(environment), load_words(results)) if part)),
        ("Took", duration(finite(results.get("seconds")))),
        ("Date", date(results.get("created"))),
    ]


def versions(results: Results) -> list[tuple[str, str]]:
    """What it takes to repeat it: programs, machine, threads, seeds and sets."""
    data, environment = results.get("data") or {}, results.get("environment") or {}
    made = [(key, text(value) or DASH) for key, value in environment.items()]
    seeds = ", ".join(map(str, results.get("seeds") or [])) or DASH
    sets = [(f"{words} images", thousands(finite(data.get(key)))) for key, words in _SETS]
    return [
        *made,
        ("data", text(data.get("name")) or DASH),
        *sets,
        ("seeds", seeds),
        ("date", text(results.get("created")) or DASH),
    ]


def learning_curves(results: Results) -> list[tuple[str, str]]:
    """The learning curves there are data for."""
    return [
        (title := curves.title(results, key), style.svg(curves.figure(results, key), title, curves.describe(results, key)))
        for key in curves.keys(results)
        if curves.has(results, key)
    ]


def plots(results: Results) -> list[tuple[str, str]]:
    """The deciding figure against each cost that is known of two networks or more."""
    prices: tuple[pareto.Price, ...] = ("parameters", "macs", "latency_ms")
    if results.get("kind") == "strategy":
        prices = ("trained_parameters", "training_memory_bytes", "seconds")
    header = decides(results).header
    titles = [(price, f"{header} against {pareto.TITLES[price]}") for price in prices if len(pareto.points(results, price)) > 1]
    return [
        (title, style.svg(pareto.figure(results, price), title, pareto.describe(results, price))) for price, title in titles
    ]


def tests(results: Results) -> list[Paired]:
    """Each network's paired test against the best, best first, on one common scale of differences."""
    order = {id(network): place for place, network in enumerate(ranking(results))}
    tested = [n for n in networks(results) if (n.get("against_best") or {}).get("words")]
    tested.sort(key=lambda n: order.get(id(n), len(order)))
    spans = [_interval(n["against_best"]) for n in tested]
    known = [v for span in spans for v in span if v is not None]
    low, high = min([0.0, *known]), max([0.0, *known])
    pad = 0.04 * (high - low) or 1.0

    def across(value: float | None) -> float | None:
        return None if value is None else round(100 * (value - low + pad) / (high - low + 2 * pad), 2)

    zero = across(0.0) or 0.0
    drawn = []
    for network, span in zip(tested, spans, strict=True):
        low_at, at, high_at = map(across, span)
        drawn.append(Paired(str(network.get("name")), str(network["against_best"]["words"]), low_at, at, high_at, zero))
    return drawn


def recipes(rows: Sequence[Network]) -> dict[str, Any]:
    """The recipes as one table: what they share once, and one row per field that differs."""
    known = [(str(n.get("name")), n["recipe"]) for n in rows if isinstance(n.get("recipe"), Mapping)]
    fields = list(dict.fromkeys(key for _, recipe in known for key in recipe))
    texts = {field: [_value(recipe.get(field)) for _, recipe in known] for field in fields}
    same = [(field, values[0]) for field, values in texts.items() if len(set(values)) == 1]
    differ = [(field, values) for field, values in texts.items() if len(set(values)) > 1]
    return {"names": [name for name, _ in known], "same": same, "differ": differ}


_SETS = (("train", "training"), ("val", "validation"), ("test", "test"))


def _row(i: int, network: Network, table: Sequence[Any], best: str | None) -> dict[str, Any]:
    lost = has_failed(network)
    return {
        "name": str(network.get("name")),
        "swatch": i % len(style.SERIES_LIGHT) + 1,
        "dashed": i >= len(style.SERIES_LIGHT),
        "failed": lost,
        "best": network.get("name") == best,
        "error": text(network.get("error")) or "no reason was recorded",
        "cells": [(column.measure, column.cells[i], *number_and_unit(column.cells[i].text)) for column in table],
    }


def number_and_unit(text: str) -> tuple[str, str]:
    """A figure's text in its two parts."""
    number, _, unit = text.partition(" ")
    return number, unit


def _groups(names: Sequence[str]) -> list[tuple[str, int]]:
    groups: list[tuple[str, int]] = []
    for name in names:
        if groups and groups[-1][0] == name:
            groups[-1] = (name, groups[-1][1] + 1)
        else:
            groups.append((name, 1))
    return groups


def _confusions(rows: Sequence[Network], classes: Sequence[str]) -> list[dict[str, Any]]:
    confusions = []
    for network in rows:
        if confusion.matrix(network) is not None:
            name = str(network.get("name"))
            drawn = style.svg(confusion.figure(network, classes), f"Confusion of {name}", confusion.describe(network, classes))
            confusions.append({"name": name, "svg": drawn, "mistakes": confusion.mistakes(network, classes)})
    return confusions


def _figure(results: Results, name: str | None) -> str:
    value = next((mean(n, deciding_key(results)) for n in networks(results) if n.get("name") == name), None)
    return decides(results).write(value, places(results)) if value is not None else DASH


def _interval(against: Mapping[str, Any]) -> tuple[float | None, float | None, float | None]:
    low, high = against.get("interval") or (None, None)
    return finite(low), finite(against.get("difference")), finite(high)


def _value(value: Any) -> str:
    if value is None or value in ("", {}, [], ()):
        return DASH
    if isinstance(value, bool):
        return "yes" if value else "no"
    return json.dumps(value) if isinstance(value, dict | list | tuple) else str(value)
