"""A folder of pictures with a page that shows them all."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..files import make_folder, write_text
from ..insight.subject import Subject
from ..views import looks_page
from ..views.save import FORMATS, THEMES, save
from ..views.style import svg
from . import LOOKS, look
from .picture import LookOptions, Picture

INDEX = "index.html"


@dataclass(frozen=True, slots=True)
class Saved:
    """A picture that lies in the folder now, or a look that was not possible and why."""

    look: str
    path: Path | None
    caption: str


def write_looks(
    subject: Subject, names: Sequence[str], wish: LookOptions, folder: Path, *, kind: str = "png", theme: str = "light",
    command: str = "",
) -> Iterator[Saved]:  # fmt: skip
    """Writes the pictures of all looks, each told as soon as it is written, then the page.

    What a subject cannot be looked at is told and passed over, unless nothing else was asked for.
    Raises   InputError for another format or theme, or if no look was possible
    """
    if kind not in FORMATS or theme not in THEMES:
        raise InputError(f"pictures are {', '.join(FORMATS)} and {', '.join(THEMES)}, got {kind!r} and {theme!r}")
    sections = []
    for name in names:
        plates = []
        try:
            for picture in look(subject, name, wish):
                make_folder(folder)
                path = save(picture.figure, folder / f"{picture.name}.{kind}", theme)
                plates.append(panel(picture, path, folder))
                yield Saved(name, path, picture.caption)
        except InputError as error:
            if len(names) == 1:
                raise
            yield Saved(name, None, str(error))
            sections.append(looks_page.Section(name, LOOKS[name], tuple(plates), str(error)))
        else:
            sections.append(looks_page.Section(name, LOOKS[name], tuple(plates)))
    if not any(section.plates for section in sections):
        raise InputError(f"{subject.title} could be looked at in none of these ways: {', '.join(names)}")
    write_text(folder / INDEX, looks_page.page(subject.title, sections, facts(subject), command))


def panel(picture: Picture, path: Path, folder: Path) -> looks_page.Plate:
    """A picture for the page; its interactive form, where there is one, is written beside it."""
    beside = None
    if picture.html is not None:
        beside = f"{picture.name}.html"
        write_text(folder / beside, picture.html)
    drawn = svg(picture.figure, picture.title, picture.caption)
    width = round(72 * picture.figure.get_figwidth())
    return looks_page.Plate(picture.title, picture.caption, drawn, width, path.name, beside)


def facts(subject: Subject) -> list[tuple[str, str]]:
    """What was looked at, and with what."""
    channels, height, width = subject.size
    return [
        ("Network", subject.name),
        ("Images", f"{len(subject):,}{'' if subject.labelled else ', of unknown classes'}"),
        ("Seen as", f"{channels}x{height}x{width}"),
        ("Classes", f"{len(subject.classes):,}"),
    ]
