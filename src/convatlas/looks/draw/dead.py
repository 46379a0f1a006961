"""Units that never fire and activations that are saturated."""

from collections.abc import Iterator, Sequence

from ...errors import count_of
from ...insight.dead import FLAT, OFF, Activity, activity
from ...insight.subject import Subject
from ...views import dead
from ..picture import Picture

NAMES = {"hardswish": "hard swish", "gelu": "GELU", "silu": "SiLU"}
WORDS = {kind: f"below −{-OFF[kind]:g}" for kind in NAMES}


def pictures(subject: Subject, *, layer: Sequence[str]) -> Iterator[Picture]:
    """One figure of all activations, or of those within some layers, over all images."""
    rows = activity(subject, layer)
    yield Picture("dead", dead.figure(rows), f"Dead and saturated units of {subject.title}", caption(rows, len(subject)))


def caption(rows: Sequence[Activity], images: int) -> str:
    """How many units are dead, which layer has the most, and how dead and saturated are defined."""
    kinds = dict.fromkeys(row.kind for row in rows)
    units, gone = sum(row.units for row in rows), sum(row.dead for row in rows)
    worst = max(rows, key=lambda row: row.dead / row.units)
    share = f" ({100 * gone / units:.2g} %)" if gone else ""
    text = f"{gone:,} of {count_of(units, 'unit')}{share} never fire on {count_of(images, 'image')}" if gone else (
        f"All {count_of(units, 'unit')} fire on some of {count_of(images, 'image')}"
    )  # fmt: skip
    if gone:
        text += f"; the largest share of a layer is {worst.dead:,} of {worst.units:,} in {worst.name}"
    squashing = [row for row in rows if row.squashes and row.saturated is not None]
    if squashing:
        most = max(squashing, key=lambda row: row.saturated or 0)
        text += f"; saturation is highest in {most.name}, {100 * (most.saturated or 0):.1f} % of all activations"
    definitions = []
    if kinds.keys() & {"relu", "relu6"}:
        definitions.append("a unit is a channel and fires where its ReLU is above zero")
    soft = [f"{NAMES[kind]} with its input {WORDS[kind]}" for kind in kinds if kind in WORDS]
    if soft:
        definitions.append(f"counted as off is {', '.join(soft)}, where the output is nearly zero")
    if squashing:
        definitions.append(
            f"saturated means a slope below {100 * FLAT:g} % of the steepest, and dead that all activations of a unit are "
            "saturated"
        )
    if "relu6" in kinds:
        definitions.append("a ReLU6 is saturated at 6")
    omitted = len(rows) - len(dead.select_layers(rows))
    rest = f" {omitted} of {len(rows)} activations without more dead units are omitted." if omitted else ""
    means = "; ".join(definitions)
    return f"{text}. {means[:1].upper()}{means[1:]}.{rest}"
