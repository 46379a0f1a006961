"""What `convatlas data check` shows and draws."""

import sys
from pathlib import Path

from rich.text import Text

from ..errors import InputError
from ..studies.data_check import USUAL_SIDE, Check, number
from .terminal import dump, show, table

FILES = ("overview.png", "duplicates.png")
PAIRS = 24  # on the sheet
CLASSES, PATHS = 40, 12  # in the terminal; JSON has all


def free(out: Path | None) -> None:
    """Makes sure that no picture lies where one would be written.

    Raises   InputError
    """
    there = next((out / name for name in FILES if (out / name).exists()), None) if out else None
    if there:
        raise InputError(f"{there} exists and is never overwritten: give another folder with --out, or remove it")


def checked(check: Check, as_json: bool, drawn: list[Path]) -> None:
    """The classes, the sizes, the copies, and what is to be mended."""
    if as_json:
        dump(check.results() | {"pictures": [str(path) for path in drawn]})
        return
    print(f"{check.root}: {number(len(check.images), 'image')}, {len(check.classes)} classes")
    classes(check)
    sizes(check)
    copies(check)
    for warning in check.warnings():
        print(f"warning: {warning}")
    for path in drawn:
        print(f"picture {path}")
    if check.sound:
        print("sound: nothing is broken, missing, in two parts or in two classes")


def classes(check: Check) -> None:
    """Images of each class and their share, by part."""
    heads = [head for part in check.parts for head in ("images" if part == "all" else part, "%")]
    shown = table("class", *heads)
    totals = {part: max(sum(row.values()), 1) for part, row in check.counts.items()}
    for label in check.classes[:CLASSES]:
        counts = [(row[label], 100 * row[label] / totals[part]) for part, row in check.counts.items()]
        shown.add_row(Text(label), *(cell for count, share in counts for cell in (f"{count:,}", f"{share:.1f}")))
    if len(check.classes) > CLASSES:
        shown.add_row(f"… {len(check.classes) - CLASSES} more")
    shown.add_section()
    shown.add_row("all", *(cell for row in check.counts.values() for cell in (f"{sum(row.values()):,}", "")))
    ratios = [check.ratio(part) for part in check.parts]
    words = [cell for ratio in ratios for cell in ("" if ratio is None else f"{ratio:.2f}", "")]
    shown.add_row("largest / smallest", *words)
    show(shown)


def sizes(check: Check) -> None:
    """How large the images are, and of which kind."""
    found = check.sizes()
    shown = table("", "least", "median", "most")
    for name in ("width", "height", "aspect_ratio"):
        if row := found[name]:
            digits = 2 if name == "aspect_ratio" else 0
            words = (f"{row[key]:,.{digits}f}" for key in ("min", "median", "max"))
            shown.add_row(name.replace("_", " "), *words)
    show(shown)
    print(
        f"{found[f'smaller_than_{USUAL_SIDE}']:,} smaller than {USUAL_SIDE} pixels, {found['gray']:,} gray, "
        f"{found['color']:,} in color, {found['transparent']:,} with transparency, {found['turned_by_exif']:,} turned by EXIF"
    )


def copies(check: Check) -> None:
    """The pairs, the worst first."""
    if not check.pairs:
        print("no duplicates")
        return
    kinds = {kind: sum(pair.kind == kind for pair in check.pairs) for kind in ("same", "near", "mirrored")}
    print(f"{number(len(check.pairs), 'pair')} of duplicates: {', '.join(f'{n} {kind}' for kind, n in kinds.items() if n)}")
    shown = table("", "first", "second", "correlation", "", left=3)
    shown.columns[-1].justify = "left"
    for pair in check.pairs[:PATHS]:
        first, second = (check.images[place] for place in (pair.first, pair.second))
        shown.add_row(pair.kind, Text(first.path), Text(second.path), f"{pair.correlation:.3f}", check.fault(pair))
    show(shown)
    if len(check.pairs) > PATHS:
        print(f"… and {len(check.pairs) - PATHS} more pairs, all of them in --json")


def draw(check: Check, out: Path) -> list[Path]:
    """Writes the pictures, and gives back where they lie; without duplicates there is no sheet of them."""
    from ..files import make_folder
    from ..views import data_check as views
    from ..views.save import save

    make_folder(out)
    sizes = {
        part: [(i.glimpse.width, i.glimpse.height) for i in check.images if i.part == part] for part in check.parts
    }  # fmt: skip
    drawn = [save(views.overview(check.counts, sizes, USUAL_SIDE), out / FILES[0])]
    twins = [
        views.Twins(*check.pixels(pair), check.paths(pair), pair.kind, pair.correlation, check.fault(pair))
        for pair in check.pairs[:PAIRS]
    ]
    if twins:
        drawn.append(save(views.sheet(twins), out / FILES[1]))
        if len(check.pairs) > PAIRS:
            print(f"{FILES[1]} shows {PAIRS} of {len(check.pairs)} pairs, the worst first", file=sys.stderr)
    return drawn
