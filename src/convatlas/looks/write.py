"""Writes the pictures of looks into a folder, with a page that shows them all."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..engine.machine import fit_threads
from ..errors import InputError, unknown_name
from ..files import check_folder_is_new, make_folder, write_text
from ..insight.subject import BATCH, Subject
from ..views import looks_page
from ..views.save import FORMATS, check_theme, save
from ..views.style import svg
from .look import Look
from .picture import Picture

INDEX = "index.html"


@dataclass(frozen=True, slots=True)
class Saved:
    """A picture in the folder, or a look that was skipped and why."""

    look: str
    path: Path | None
    caption: str


def write_looks(
    subject: Subject, looks: Mapping[Look, Mapping[str, Any]], folder: Path, *, kind: str = "png", theme: str = "light",
    command: str = "", threads: int | None = None,
) -> Iterator[Saved]:  # fmt: skip
    """Writes the pictures of the looks, each with its options, and yields each as soon as it is written; then the page.

    A look that the subject cannot have is reported and skipped, unless it is the only one.
    Raises   InputError for another format or theme, a folder that is not empty, or if no look was possible
    """
    check_format(kind, theme)
    check_folder_is_new(folder)
    sections = []
    with fit_threads(subject.model, subject.size, BATCH, len(subject), threads=threads):
        for look, options in looks.items():
            panels, problem = [], ""
            try:
                for picture in look.draw_with(subject, options):
                    make_folder(folder)
                    path = save(picture.figure, folder / f"{picture.name}.{kind}", theme)
                    panels.append(page_panel(picture, path, folder))
                    yield Saved(look.name, path, picture.caption)
            except InputError as error:
                if len(looks) == 1:
                    raise
                problem = str(error)
                yield Saved(look.name, None, problem)
            sections.append(looks_page.Section(look.name, look.words, tuple(panels), problem))
    if not any(section.panels for section in sections):
        raise InputError(f"{subject.title} could be looked at in none of these ways: {', '.join(look.name for look in looks)}")
    write_text(folder / INDEX, looks_page.page(subject.title, sections, facts_of(subject), command))


def check_format(kind: str, theme: str) -> None:
    """Raises InputError for a format or a theme that there is not."""
    if kind not in FORMATS:
        raise unknown_name("--format", kind, FORMATS)
    check_theme(theme)


def page_panel(picture: Picture, path: Path, folder: Path) -> looks_page.Panel:
    """A picture for the page; its interactive form, where there is one, is written beside it."""
    beside = None
    if picture.html is not None:
        beside = f"{picture.name}.html"
        write_text(folder / beside, picture.html)
    image = svg(picture.figure, picture.title, picture.caption)
    width = round(72 * picture.figure.get_figwidth())
    return looks_page.Panel(picture.title, picture.caption, image, width, path.name, beside)


def facts_of(subject: Subject) -> list[tuple[str, str]]:
    """The network and its images, for the head of the page."""
    channels, height, width = subject.size
    return [
        ("Network", subject.name),
        ("Images", f"{len(subject):,}{'' if subject.labeled else ', of unknown classes'}"),
        ("Input", f"{channels}x{height}x{width}"),
        ("Classes", f"{len(subject.classes):,}"),
    ]
