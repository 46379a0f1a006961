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


def picture_of(page: Path, key: str = "") -> str:
    """The name of a page's picture, or of the curve of a key."""
    return "-".join(filter(None, ("study", page.stem, key.replace("_", "-")))) + ".png"


def written(results: dict[str, Any], page: Path) -> Iterator[str]:
    """The part of the page: command, picture, tables, verdict."""
    command = re.sub(r" --data-dir \S+| --resume", "", results["command"])  # a place on one machine, a stop on the way
    yield f"```console\n$ {command}\n```\n"
    found = results.get("effects")
    if not found:
        for key in curves.keys(results):
            yield f"![{curves.describe(results, key)}](../images/{picture_of(page, key)})\n"
        yield from rows(results)
        yield f"\n{verdict(results)}\n\n{machine(results)}"
        return
    yield f"![{effects.describe(found['main'])}](../images/{picture_of(page)})\n"
    yield from contrasts("main effect", found["main"])
    if found["interactions"]:
        yield f"\n![{effects.describe(found['interactions'])}](../images/{picture_of(page, 'interactions')})\n"
        yield from contrasts("interaction", found["interactions"])
    yield f"\n{effect_verdict(found)}\n\n{found['limits']}\n"
    yield from rows(results)
    yield "\n" + "\n\n".join(filter(None, (base_words(results), match_words(results), machine(results))))


def main() -> None:
    page, folder = map(Path, sys.argv[1:])
    results = json.loads((folder / "results.json").read_text())
    if "effects" in results:
        save(effects.main_effects(results["effects"]), IMAGES / picture_of(page))
        if results["effects"]["interactions"]:
            save(effects.interactions(results["effects"]), IMAGES / picture_of(page, "interactions"))
    else:
        for key in curves.keys(results):
            save(curves.figure(results, key), IMAGES / picture_of(page, key))
    before, _, rest = page.read_text().partition(START)
    part = "\n".join(written(results, page))
    write_text(page, f"{before}{START}\n\n{part}\n\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main()
