"""What `convatlas data check` prints and draws."""

import sys
from pathlib import Path

from rich.text import Text

from ..errors import count_of
from ..files import check_folder_is_new, check_is_new, is_occupied
from ..streams import escape_controls
from ..studies.data_check import USUAL_SIDE, Check
from .terminal import dump, show, table

FILES = ("overview.png", "duplicates.png")
PAIRS = 24  # on the sheet
CLASSES, PATHS = 40, 12  # in the terminal; JSON has all


def check_pictures(out: Path | None) -> None:
    """Raises InputError where a picture lies that would be overwritten, or none can be written."""
    if out is not None and not is_occupied(out):
        check_folder_is_new(out)
    elif out is not None:
        for name in FILES:
            check_is_new(out / name)


def print_check(check: Check, as_json: bool, pictures: list[Path]) -> None:
    """Whether it can be trained on, the classes, the sizes, the duplicates, and what to mend."""
    if as_json:
        dump(check.results() | {"pictures": [str(path) for path in pictures]})
        return
    print(escape_controls(f"{check.root} {check.verdict}"))
    print(escape_controls(f"{check.root}: {count_of(len(check.images), 'image')}, {count_of(len(check.classes), 'class')}"))
    print_classes(check)
    print_sizes(check)
    print_duplicates(check)
    for warning in check.warnings():
        print(f"warning: {escape_controls(warning)}")
    for path in pictures:
        print(f"picture {escape_controls(path)}")
    if check.sound:
        print("sound: nothing is broken, missing, in two parts or in two classes")


def print_classes(check: Check) -> None:
    """Images of each class and their share, by part."""
    heads = [head for part in check.parts for head in ("images" if part == "all" else part, "%")]
    rows = table("class", *heads)
    totals = {part: max(sum(row.values()), 1) for part, row in check.counts.items()}
    for label in check.classes[:CLASSES]:
        counts = [(row[label], 100 * row[label] / totals[part]) for part, row in check.counts.items()]
        rows.add_row(Text(label), *(cell for count, share in counts for cell in (f"{count:,}", f"{share:.1f}")))
    if len(check.classes) > CLASSES:
        rows.add_row(f"… {len(check.classes) - CLASSES} more")
    rows.add_section()
    rows.add_row("all", *(cell for row in check.counts.values() for cell in (f"{sum(row.values()):,}", "")))
    ratios = [check.ratio(part) for part in check.parts]
    words = [cell for ratio in ratios for cell in ("" if ratio is None else f"{ratio:.2f}", "")]
    rows.add_row("largest / smallest", *words)
    show(rows)


def print_sizes(check: Check) -> None:
    """How large the images are, and how many are gray, transparent or turned."""
    figures = check.sizes()
    rows = table("", "least", "median", "most")
    for name in ("width", "height", "aspect_ratio"):
        if row := figures[name]:
            digits = 2 if name == "aspect_ratio" else 0
            words = (f"{row[key]:,.{digits}f}" for key in ("min", "median", "max"))
            rows.add_row(name.replace("_", " "), *words)
    show(rows)
    print(
        f"{figures[f'smaller_than_{USUAL_SIDE}']:,} smaller than {USUAL_SIDE} pixels, {figures['gray']:,} gray, "
        f"{figures['color']:,} in color, {figures['transparent']:,} with transparency, "
        f"{figures['turned_by_exif']:,} turned by EXIF"
    )


def print_duplicates(check: Check) -> None:
    """The pairs, the worst first."""
    if not check.pairs:
        print("no duplicates")
        return
    kinds = {kind: sum(pair.kind == kind for pair in check.pairs) for kind in ("same", "near", "mirrored")}
    print(f"{count_of(len(check.pairs), 'pair')} of duplicates: {', '.join(f'{n} {kind}' for kind, n in kinds.items() if n)}")
    rows = table("", "first", "second", "correlation", "", left=3)
    rows.columns[-1].justify = "left"
    for pair in check.pairs[:PATHS]:
        first, second = (check.images[place] for place in (pair.first, pair.second))
        rows.add_row(pair.kind, Text(first.path), Text(second.path), f"{pair.correlation:.3f}", check.fault(pair))
    show(rows)
    if len(check.pairs) > PATHS:
        print(f"… and {len(check.pairs) - PATHS} more pairs, all of them in --json")


def draw(check: Check, out: Path) -> list[Path]:
    """Writes the pictures, and returns their paths; without duplicates there is no sheet of them."""
    from ..files import make_folder
    from ..views import data_check as views
    from ..views.save import save

    make_folder(out)
    sizes = {
        part: [(i.glimpse.width, i.glimpse.height) for i in check.images if i.part == part] for part in check.parts
    }  # fmt: skip
    paths = [save(views.overview(check.counts, sizes, USUAL_SIDE), out / FILES[0])]
    twins = [
        views.DuplicatePair(*check.pixels(pair), check.paths(pair), pair.kind, pair.correlation, check.fault(pair))
        for pair in check.pairs[:PAIRS]
    ]
    if twins:
        paths.append(save(views.duplicates_figure(twins), out / FILES[1]))
        if len(check.pairs) > PAIRS:
            print(f"{FILES[1]} shows {PAIRS} of {len(check.pairs)} pairs, the worst first", file=sys.stderr)
    return paths
