"""Feature maps over the depth of the network, for one image or several."""

from collections.abc import Iterator, Sequence

from ...insight.maps import CHANNELS, feature_maps
from ...insight.subject import Subject
from ...views import features
from ..picture import Picture


def pictures(subject: Subject, *, at: Sequence[int], layer: Sequence[str], count: int | None) -> Iterator[Picture]:
    """One sheet per image, from the first to the last stage or of some layers.

    Raises   InputError for an image or layer that does not exist, or a layer without height and width
    """
    subject.check_places(at)
    for place in at or (subject.evenly(3)[len(subject.evenly(3)) // 2],):
        rows = feature_maps(subject, place, layer, count=count or CHANNELS)
        image = subject.pixels([place])[0].permute(1, 2, 0).numpy()
        totals = ", ".join(f"{len(row.maps)} of {row.total}" for row in (rows[0], rows[-1]))
        depth = "Layers chosen with --layer" if layer else "Layers spread evenly over the stages, from the image to the head"
        caption = (
            f"{depth}: for each the channels with the largest mean absolute activation (first and last row: {totals}), on "
            f"a scale of the row's own that stands beside it; {100 * (1 - features.CLIPPED):.1f} % of the values lie beyond. "
            "Where values below zero matter blue is negative, white zero and orange positive."
        )
        caption += " Tokens are put back into their grid, without the class token." if any(row.tokens for row in rows) else ""
        known = subject.labels[place] >= 0 and int(subject.labels[place]) < len(subject.classes)
        name = subject.classes[int(subject.labels[place])] if known else f"image {place}"
        figure = features.figure(rows, image, name)
        yield Picture(f"features-{place}", figure, f"Feature maps of {subject.title}: {name}", caption)
