"""What each choice did: main effects with their intervals around zero, and interactions as lines that are not parallel."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from ..errors import count_of
from . import style
from .crossing import APART, FOOT, HEAD, MOST, SIDE, TITLE, Crossing, draw_crossing, shorten_apart
from .grid import shorten_to_width
from .numbers import DASH, thousands

EffectsRecord = Mapping[str, Any]
"""What `studies.effects.to_json` gives."""
ContrastRecord = Mapping[str, Any]

ROW, GROUP = 20.0, 32.0  # pixels of a level, and of its factor's name above
ACROSS, LONGEST, INDENT, GAP = 340.0, 190.0, 20.0, 16.0
TOP, BOTTOM = 66.0, 60.0
HINTED = 1.03  # times as wide as measured a long line may be drawn
COLOR, PALE = style.SERIES_LIGHT[0], 0.4

PANELS, IN_A_ROW, PAGE = 6, 3, 1040.0  # at most, and how wide a row of panels may be


def main_effects(effects: EffectsRecord, noun: str = "accuracy") -> Figure:
    """One row per level under its factor: the difference from the factor's base, with its interval around zero.

    Intervals that exclude zero stand in full color, the others pale.
    """
    groups = [own for factor in effects["factors"] if (own := [row for row in effects["main"] if row["factor"] == factor])]
    rows = [row for own in groups for row in own]
    titles = [shorten_to_width(own[0]["factor"], LONGEST, TITLE) for own in groups]
    bases = [shorten_to_width(f"against {own[0]['base']}", LONGEST) for own in groups]
    names = [name for own in groups for name in shorten_apart([row["level"] for row in own], LONGEST)]
    digits = places_of(rows)
    columns = {
        "points": [signed_points(row["difference"], digits) for row in rows],
        "95 % interval": [ends_text(row["interval"], digits) for row in rows],
        "pairs": [thousands(row["pairs"]) for row in rows],
    }
    lines = (f"main effects on {noun}, percentage points", source_text(rows))
    heads = [style.width(title, TITLE) + 8 + style.width(base) for title, base in zip(titles, bases, strict=True)]
    left = 12 + max([100.0, *heads, *(INDENT + style.width(name) for name in names)])
    stops, end = [], left + ACROSS
    for title, texts in columns.items():
        end += GAP + max(map(style.width, [title, *texts]))
        stops.append(end)
    width = max(end + 4, *(HINTED * style.width(line) for line in lines))
    high = ROW * len(rows) + GROUP * len(groups) + 6
    with style.context():
        margins = {"left": left, "right": width - left - ACROSS, "top": TOP, "bottom": BOTTOM}
        chart, axes = style.canvas(width, TOP + high + BOTTOM, **margins)
        draw_points_axis(axes, [v for row in rows for v in (row["difference"], *(row["interval"] or ()))], high)
        for place, line in enumerate(lines):
            style.place_text(chart, 0, TOP + high + BOTTOM - 12 - 16 * place, line, style.INK if place == 0 else style.MUTED)
        for stop, title in zip(stops, columns, strict=True):
            style.place_text(chart, stop, BOTTOM + high + 8, title, style.MUTED, align="right")
        y, place = BOTTOM + high, 0
        for title, base, own in zip(titles, bases, groups, strict=True):
            y -= GROUP
            style.place_text(chart, 0, y + 6, title, size=TITLE)
            style.place_text(chart, style.width(title, TITLE) + 8, y + 6, base, style.MUTED)
            for row in own:
                y -= ROW
                style.place_text(chart, INDENT, y + 6, names[place])
                draw_effect(axes, row, y + ROW / 2 - BOTTOM)
                for stop, texts in zip(stops, columns.values(), strict=True):
                    ink = style.INK if row["excludes_zero"] else style.MUTED
                    style.place_text(chart, stop, y + 6, texts[place], ink, align="right")
                place += 1
        write_effects_key(chart)
    return chart


def draw_points_axis(axes: Axes, values: Sequence[float], high: float) -> None:
    """Percentage points along the foot, and a line at zero.

    Units   values are shares of one, high is pixels
    """
    low, top = 100 * min(values, default=-0.01), 100 * max(values, default=0.01)
    low, top = min(low, 0.0), max(top, 0.0)
    air = 0.06 * (top - low) or 1.0
    axes.set_xlim(low - air, top + air)
    axes.set_ylim(0, high)
    ticks = [t for t in MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10]).tick_values(low, top) if low - air <= t <= top + air]
    axes.set_xticks(ticks, [f"{tick:+.4g}".replace("-", "−") if abs(tick) > 1e-9 else "0" for tick in ticks])
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    axes.axvline(0, color=style.MUTED, linewidth=1.2, zorder=1)


def draw_effect(axes: Axes, row: ContrastRecord, y: float) -> None:
    """A dot, and its interval if it has one."""
    alpha = 1.0 if row["excludes_zero"] else PALE
    if row["interval"]:
        ends = [100 * end for end in row["interval"]]
        axes.plot(ends, [y, y], color=COLOR, linewidth=2.4, alpha=alpha, solid_capstyle="butt", zorder=3)
    axes.plot([100 * row["difference"]], [y], "o", color=COLOR, alpha=alpha, markersize=7, markeredgewidth=0, zorder=4)


def write_effects_key(chart: Figure) -> None:
    """What full color means, in a row at the foot."""
    width, height = style.page_size(chart)
    at = 2.0
    for words, alpha in (("interval excludes zero", 1.0), ("zero is possible", PALE)):
        line = Line2D([at / width, (at + 20) / width], [14 / height] * 2, color=COLOR, alpha=alpha, linewidth=2.4)
        chart.add_artist(line)
        style.place_text(chart, at + 26, 10, words, style.MUTED)
        at += 46 + style.width(words)


def interactions(effects: EffectsRecord, noun: str = "accuracy") -> Figure:
    """The mean figure over the levels of one factor, a line per level of another, for up to six pairs of factors.

    Of more pairs, those with the largest interactions, intervals that exclude zero first.
    """
    panels, pairs = list(interaction_panels(effects)), len(effects["tables"])
    of = f"; the {PANELS} strongest of {pairs} pairs" if pairs > PANELS else ""
    lines = (f"{noun}, %, mean over seeds and the other factors{of}",
             "under each title its largest interaction, in points; parallel lines: none")  # fmt: skip
    if not panels:
        lines = ("no interactions", "no four networks cross two levels of one factor with two of another")
    widest = max((panel.width + APART for panel in panels), default=0.0)
    beside = next(n for n in range(IN_A_ROW, 0, -1) if n * widest <= PAGE or n == 1)
    rows = [panels[start : start + beside] for start in range(0, len(panels), beside)]
    columns = [max(row[i].width for row in rows if i < len(row)) + APART for i in range(len(rows[0]))] if rows else []
    tall = max((panel.height for panel in panels), default=0.0)
    width = max(sum(columns), *(HINTED * style.width(line) for line in lines))
    height = 44 + (HEAD + tall + FOOT) * len(rows)
    known = [value for panel in panels for line in panel.means for value in line if value is not None]
    with style.context():
        chart = Figure(figsize=(width / 72, height / 72), dpi=72)
        for place, line in enumerate(lines):
            style.place_text(chart, 0, height - 12 - 16 * place, line, style.INK if place == 0 else style.MUTED)
        for number, row in enumerate(rows):
            bottom = height - 44 - (HEAD + tall) - (HEAD + tall + FOOT) * number
            for place, panel in enumerate(row):
                x = sum(columns[:place])
                style.place_text(chart, x, bottom + tall + 34, panel.title, size=TITLE)
                style.place_text(chart, x, bottom + tall + 18, panel.strongest, style.MUTED)
                draw_crossing(chart, panel, (x + SIDE, bottom, panel.span, tall), (min(known), max(known)))
    return chart


def interaction_panels(effects: EffectsRecord) -> Iterator[Crossing]:
    """The panels in the order of the factors: the factor with more levels along the foot, the other one as lines."""
    short = {factor: dict(zip(own, shorten_apart(own, MOST), strict=True)) for factor, own in effects["factors"].items()}
    strongest = [max(of_pair(effects, table), key=strength) for table in effects["tables"]]
    chosen = sorted(range(len(strongest)), key=lambda i: strength(strongest[i]), reverse=True)[:PANELS]
    for table, most in ((effects["tables"][i], strongest[i]) for i in sorted(chosen)):
        a, b, means = table["factor_a"], table["factor_b"], table["means"]
        one, other = short[a][most["level_a"]], short[b][most["level_b"]]
        words = f"{one} with {other}: {signed_points(most['difference'])} {ends_text(most['interval'])}"
        if len(effects["factors"][b]) > len(effects["factors"][a]):
            a, b = b, a
        else:
            means = zip(*means, strict=True)
        percent = tuple(tuple(None if value is None else 100 * value for value in line) for line in means)
        across, along = (shorten_to_width(factor, MOST) for factor in (a, b))
        yield Crossing(across, along, tuple(short[a]), tuple(short[b].values()), percent, words)


def strength(row: ContrastRecord) -> tuple[bool, float]:
    """What interactions are ranked by: those whose interval excludes zero first, then their size."""
    return row["excludes_zero"], abs(row["difference"])


def of_pair(effects: EffectsRecord, table: Mapping[str, Any]) -> list[ContrastRecord]:
    """The interactions of the two factors of a table."""
    pair = table["factor_a"], table["factor_b"]
    return [row for row in effects["interactions"] if (row["factor_a"], row["factor_b"]) == pair]


def signed_points(share: float, digits: int = 1) -> str:
    """A difference in percentage points: +1.2, −0.4, 0.0."""
    text = f"{100 * share:+.{digits}f}"
    return text.replace("-", "−") if float(text) else text[1:]


def ends_text(interval: Sequence[float] | None, digits: int = 1) -> str:
    """An interval in percentage points, an en dash where there is none."""
    return f"[{signed_points(interval[0], digits)}, {signed_points(interval[1], digits)}]" if interval else DASH


def places_of(rows: Sequence[ContrastRecord]) -> int:
    """Decimals: one, or two where with one an interval that excludes zero would read as if it ended there."""
    clear = [abs(end) for row in rows if row["excludes_zero"] for end in row["interval"]]
    return 2 if min(clear, default=1.0) < 0.0005 else 1


def source_text(rows: Sequence[ContrastRecord]) -> str:
    """What the intervals carry."""
    if not rows:
        return "no two networks differ in one factor alone"
    seeds, images = max(row["seeds"] for row in rows), min(row["images"] for row in rows)
    of_images = count_of(images, "image") if images else ""
    if seeds > 1:
        return f"95 % intervals over {count_of(seeds, 'seed')}{f' and {of_images}' if images else ''}"
    return f"95 % intervals over {of_images}; one seed: what another one changes is not in them" if images else "one seed"


def describe(contrasts: Sequence[ContrastRecord]) -> str:
    """Main effects or interactions for those who cannot see them."""
    return "; ".join(
        f"{row['name']} {signed_points(row['difference'])} points {ends_text(row['interval'])}" for row in contrasts
    )
