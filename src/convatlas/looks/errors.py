"""Images whose label is likely wrong."""

from collections.abc import Iterator

from ..insight.label_errors import Suspect, likely_errors
from ..insight.predictions import class_index, labelled
from ..insight.subject import Subject
from ..views import grid, style
from ..views.confusion import class_name
from ..views.numbers import thousands
from .picture import LookOptions, Picture
from .predictions import counted, stored


def pictures(subject: Subject, wish: LookOptions) -> Iterator[Picture]:
    """The labels that the network contradicts most, of a given class if one is asked for."""
    asked = None if wish.of_class is None else class_index(subject, wish.of_class)
    said = labelled(subject, "errors")
    noise = likely_errors(said)
    found = [s for s in noise.suspects if asked is None or s.given == asked]
    kind = f" of {class_name(subject.classes, asked)}" if asked is not None else ""
    title = f"Labels{kind} that {subject.title} doubts"
    if not found:
        among = len(said) if asked is None else int((said.labels == asked).sum())
        sentence = f"Confident learning finds no likely label error among {thousands(among)} images{kind}."
        yield Picture("errors", grid.note(sentence), title, sentence)
        return
    shown = found[: wish.count or counted(subject)]
    tiles = [tile(subject, s, image) for s, image in zip(shown, stored(subject, [s.place for s in shown]), strict=True)]
    caption = (
        f"{len(shown)} of {thousands(len(found))} images{kind} among {thousands(len(said))} whose label is likely wrong, or "
        "which are hard: only the eye can tell. The suggested class (?) is at least as probable as for its own images on "
        "average, and more so than the label in red (confident learning); the clearest contradiction comes first. This holds "
        "for images that the network did not learn from."
    )
    yield Picture("errors", grid.figure(tiles), title, caption)


def tile(subject: Subject, suspect: Suspect, image: grid.Pixels) -> grid.Tile:
    """The image over the class it likely is and the label it has."""
    likely, given = (class_name(subject.classes, i) for i in (suspect.suggested, suspect.given))
    first = grid.Line(f"{likely}?", percent(suspect.of_suggested), style.INK, minor=False)
    return grid.Tile(image, style.FAINT, (first, grid.Line(f"label {given}", percent(suspect.of_given), style.WRONG)))


def percent(share: float) -> str:
    """A probability in whole percent."""
    return f"{100 * share:.0f} %"
