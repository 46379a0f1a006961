"""Writes the tables and the pictures of a page in docs/studies from the results of `convatlas compare` or `ablate`.

python docs/write/study.py docs/studies/depth.md runs/depth

The part of the page between `<!-- results -->` and `<!-- /results -->` is replaced, and the pictures go to docs/images.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from convatlas.files import write_text
from convatlas.views import curves, effects, numbers, table
from convatlas.views.effect_words import base_words, effect_verdict, match_words
from convatlas.views.save import save
from convatlas.views.verdict import verdict

IMAGES = Path(__file__).parents[1] / "images"
START, END = "<!-- results -->", "<!-- /results -->"


def rows(results: dict[str, Any]) -> Iterator[str]:
    """A line per network, in the order of the command."""
    yield f"| {results['kind']} | parameters | MACs | training images, % | test images, % | training, s |"
    yield "|---|---:|---:|---:|---:|---:|"
    for network in table.networks(results):
        shares = (network["train_accuracy"], network["test_accuracy"])
        figures = [f"{100 * share['mean']:.1f} ± {100 * share['sd']:.1f}" for share in shares]
        cells = (f"{network['parameters']:,}", numbers.count(network["macs"]), *figures, f"{network['seconds']['mean']:.0f}")
        yield f"| {' | '.join((network['name'], *cells))} |"


def contrasts(kind: str, found: list[dict[str, Any]]) -> Iterator[str]:
    """A line per effect; those whose interval excludes zero are bold."""
    yield f"| {kind} | difference, points | 95 % interval |"
    yield "|---|---:|---:|"
    for effect in found:
        mark = "**" if effect["excludes_zero"] else ""
        name = effect["name"] + (f" against {effect['base']}" if "base" in effect else "")
        difference = f"{mark}{effects.signed_points(effect['difference'])}{mark}"
        yield f"| {name} | {difference} | {effects.ends_text(effect['interval']).strip('[]').replace(', ', ' to ')} |"


def machine(results: dict[str, Any]) -> str:
    """Where it was measured, with how many seeds and images."""
    where, seeds = results["environment"], len(results["seeds"])
    took = numbers.duration(sum(sum(network["seconds"]["values"]) for network in table.networks(results)))
    return (
        f"{seeds} seeds, {table.held_out_images(results):,} test images; mean ± standard deviation (n − 1) over the seeds. "
        f"{where['processor']}, {where['threads']} thread, float{where['precision']}, torch {where['torch']}; "
        f"all trainings together took {took} on one core."
    )


def pictures(results: dict[str, Any]) -> dict[str, tuple[Figure, str]]:
    """The figures of a page with their descriptions, by what their file's name ends in."""
    found = results.get("effects")
    if not found:
        keys = curves.keys(results)
        return {key.replace("_", "-"): (curves.figure(results, key), curves.describe(results, key)) for key in keys}
    drawn = {"effects": (effects.main_effects(found), effects.describe(found["main"]))}
    if found["interactions"]:
        drawn["interactions"] = (effects.interactions(found), effects.describe(found["interactions"]))
    return drawn


def file_name(page: Path, key: str) -> str:
    """The file of a page's picture."""
    return f"study-{page.stem}-{key}.png"


def results_part(results: dict[str, Any], page: Path, drawn: dict[str, tuple[Figure, str]]) -> Iterator[str]:
    """The replaced part of the page: command, pictures, tables, verdict."""
    command = re.sub(r" --data-dir \S+| --resume", "", results["command"])  # a place on one machine, a stop on the way
    yield f"```console\n$ {command}\n```\n"
    for key, (_, words) in drawn.items():
        yield f"![{words}](../images/{file_name(page, key)})\n"
    found = results.get("effects")
    if found:
        yield from contrasts("main effect", found["main"])
        if found["interactions"]:
            yield ""
            yield from contrasts("interaction", found["interactions"])
        yield f"\n{effect_verdict(found)}\n\n{found['limits']}\n"
    yield from rows(results)
    words = (base_words(results), match_words(results)) if found else (verdict(results),)
    yield "\n" + "\n\n".join(filter(None, (*words, machine(results))))


def main() -> None:
    page, folder = map(Path, sys.argv[1:])
    results = json.loads((folder / "results.json").read_text())
    drawn = pictures(results)
    for key, (figure, _) in drawn.items():
        save(figure, IMAGES / file_name(page, key))
    before, _, rest = page.read_text().partition(START)
    part = "\n".join(results_part(results, page, drawn))
    write_text(page, f"{before}{START}\n\n{part}\n\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main()
