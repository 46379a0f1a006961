"""Images whose label is likely wrong."""

from collections.abc import Iterator

from ...errors import count_of
from ...insight.label_errors import SuspectLabel, likely_errors
from ...insight.predictions import class_index, labeled_predictions
from ...insight.subject import Subject
from ...views import grid, style
from ...views.confusion import class_name
from ...views.numbers import thousands
from ..picture import Picture
from .predictions import count_for_rows, pixels_at


def pictures(subject: Subject, *, of_class: str | None, count: int | None) -> Iterator[Picture]:
    """The labels that the network contradicts most, of one labeled class if it is given."""
    class_ = None if of_class is None else class_index(subject, of_class)
    predictions = labeled_predictions(subject, "errors")
    suspects = [s for s in likely_errors(predictions).suspects if class_ is None or s.label == class_]
    kind = f" of {class_name(subject.classes, class_)}" if class_ is not None else ""
    title = f"Likely label errors{kind} by {subject.title}"
    if not suspects:
        among = len(predictions) if class_ is None else int((predictions.labels == class_).sum())
        sentence = f"Confident learning finds no likely label error among {count_of(among, 'image')}{kind}."
        yield Picture("errors", grid.note(sentence), title, sentence)
        return
    shown = suspects[: count or count_for_rows(subject)]
    tiles = [tile(subject, s, image) for s, image in zip(shown, pixels_at(subject, [s.place for s in shown]), strict=True)]
    caption = (
        f"{len(shown)} of {count_of(len(suspects), 'image')}{kind} among {thousands(len(predictions))} whose label is likely "
        "wrong, or which are hard: look at them to decide. The suggested class (?) is at least as probable as for its own "
        "images on average, and more probable than the label in red (confident learning); the clearest contradiction comes "
        "first. This holds for images that the network did not learn from."
    )
    yield Picture("errors", grid.figure(tiles), title, caption)


def tile(subject: Subject, suspect: SuspectLabel, image: grid.Pixels) -> grid.Tile:
    """The image over its suggested class and its label.

    Shapes   image (h, w, c) uint8
    """
    suggested, label = (class_name(subject.classes, i) for i in (suspect.suggested, suspect.label))
    first = grid.Line(f"{suggested}?", whole_percent(suspect.suggested_probability), style.INK, minor=False)
    return grid.Tile(
        image, style.FAINT, (first, grid.Line(f"label {label}", whole_percent(suspect.label_probability), style.WRONG))
    )


def whole_percent(share: float) -> str:
    """A probability in whole percent."""
    return f"{100 * share:.0f} %"
