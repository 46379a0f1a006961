"""What each layer makes of an image."""

from collections.abc import Iterator

from ..errors import InputError
from ..insight.maps import CHANNELS, feature_maps
from ..insight.subject import Subject
from ..views import features
from .picture import LookOptions, Picture


def pictures(subject: Subject, wish: LookOptions) -> Iterator[Picture]:
    """A sheet for each image, down the depth of the network or of the layers that were asked for."""
    if wish.places and not 0 <= min(wish.places) <= max(wish.places) < len(subject):
        raise InputError(f"images have the places 0 to {len(subject) - 1}, got {', '.join(map(str, wish.places))}")
    places = wish.places or (subject.evenly(3)[len(subject.evenly(3)) // 2],)
    for place in places:
        rows = feature_maps(subject, place, wish.layers, shown=wish.count or CHANNELS)
        image = subject.pixels([place])[0].permute(1, 2, 0).numpy()
        of_all = ", ".join(f"{len(row.maps)} of {row.total}" for row in (rows[0], rows[-1]))
        depth = "Layers as asked for" if wish.layers else "Layers spread evenly over the stages, from the image to the head"
        caption = (
            f"{depth}: of each the channels with the largest mean absolute activation (first and last row: {of_all}), on "
            f"a scale of the row's own that stands beside it; {100 * (1 - features.CLIPPED):.1f} % of the values lie beyond. "
            "Where values below zero matter blue is negative, white zero and orange positive."
        )
        caption += " Tokens are put back into their grid, the class token left out." if any(row.tokens for row in rows) else ""
        known = subject.labels[place] >= 0 and int(subject.labels[place]) < len(subject.classes)
        words = subject.classes[int(subject.labels[place])] if known else f"image {place}"
        yield Picture(
            f"features-{place}", features.figure(rows, image, words), f"Feature maps of {subject.title}: {words}", caption
        )
