"""Units that never fire and activations that are saturated."""

from collections.abc import Iterator, Sequence

from ..insight.dead import FLAT, OFF, Activity, activity
from ..insight.subject import Subject
from ..views import dead
from .picture import LookOptions, Picture

NAMES = {"hardswish": "hard swish", "gelu": "GELU", "silu": "SiLU"}
WORDS = {kind: f"below −{-OFF[kind]:g}" for kind in NAMES}


def pictures(subject: Subject, wish: LookOptions) -> Iterator[Picture]:
    """One figure of all activations, or of those that were asked for, over all images."""
    found = activity(subject, wish.layers)
    yield Picture("dead", dead.figure(found), f"Dead and saturated units of {subject.title}", caption(found, len(subject)))


def caption(found: Sequence[Activity], images: int) -> str:
    """How many are dead, which layer is worst, and what the words mean here."""
    kinds = dict.fromkeys(layer.kind for layer in found)
    units, gone = sum(layer.units for layer in found), sum(layer.dead for layer in found)
    worst = max(found, key=lambda layer: layer.dead / layer.units)
    share = f" ({100 * gone / units:.2g} %)" if gone else ""
    said = f"{gone:,} of {units:,} units{share} never fire on {images:,} images" if gone else (
        f"All {units:,} units fire on some of {images:,} images"
    )  # fmt: skip
    if gone:
        said += f"; the largest share of a layer is {worst.dead:,} of {worst.units:,} in {worst.name}"
    squashing = [layer for layer in found if layer.squashes and layer.saturated is not None]
    if squashing:
        most = max(squashing, key=lambda layer: layer.saturated or 0)
        said += f"; saturation is highest in {most.name}, {100 * (most.saturated or 0):.1f} % of all activations"
    meant = []
    if kinds.keys() & {"relu", "relu6"}:
        meant.append("a unit is a channel and fires where its ReLU is above zero")
    soft = [f"{NAMES[kind]} with its input {WORDS[kind]}" for kind in kinds if kind in WORDS]
    if soft:
        meant.append(f"counted as off is {', '.join(soft)}, where hardly anything comes out")
    if squashing:
        meant.append(
            f"saturated means a slope below {100 * FLAT:g} % of the steepest, and dead that all of a unit's activations are"
        )
    if "relu6" in kinds:
        meant.append("a ReLU6 is saturated at 6")
    left = len(found) - len(dead.chosen(found))
    rest = f" {left} of {len(found)} activations without more dead units are left out." if left else ""
    means = "; ".join(meant)
    return f"{said}. {means[:1].upper()}{means[1:]}.{rest}"
