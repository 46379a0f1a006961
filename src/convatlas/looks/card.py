"""A run's model card, with its pictures beside it."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..engine.task import Measure
from ..errors import InputError, count_of
from ..files import make_folder, write_text
from ..runs.network import NetworkRequest
from ..studies.card import SPLITS, Card, card, last_part
from ..studies.subject import open_subject
from ..views import card as view
from ..views import confusion, curves
from ..views.page import processor
from ..views.save import save
from . import draw_look
from .draw.curves import caption, training_panels
from .picture import Picture

FOLDER = "card"
NAMED = 20  # classes that are named in a sentence
ROWS = 30  # classes in the table
CHOSEN = ", and the best epoch chosen by them, so that their figures may be too good"


@dataclass(frozen=True, slots=True)
class Written:
    """A card and its pictures; which were skipped, and why."""

    card: Path
    pictures: tuple[Path, ...]
    left_out: tuple[tuple[str, str], ...]
    folder: Path  # of the pictures


def write(
    folders: tuple[Path, ...], out: Path | None = None, *, weights_license: str | None = None, license_: str | None = None,
    replace: bool = False,
) -> Written:  # fmt: skip
    """Writes the card of the first run, as README.md in its folder by default, and its pictures into card/ or NAME-card/.

    Raises   InputError if there is a card already, unless it may be replaced; what `studies.card` raises
    """
    if not folders:
        raise InputError("card needs a run folder, or several that differ in their seed alone")
    path = out or folders[0] / "README.md"
    beside = FOLDER if path.stem in ("README", FOLDER) else f"{path.stem}-{FOLDER}"
    place = path.parent / beside
    for taken in (path, place):
        if (taken.exists() or taken.is_symlink()) and not replace:
            raise InputError(f"{taken} exists and nothing is overwritten: add --replace, or choose another --out")
    if place.exists() and not (place.is_dir() and all(file.suffix == ".png" for file in place.iterdir())):
        raise InputError(f"{place} holds more than the pictures of a card, so it is not replaced: choose another --out")
    if path.suffix != ".md":
        raise InputError(f"a card is Markdown, in a file that ends in .md, got {path.name}")
    made = card(folders, weights_license, license_)
    make_folder(path.parent)
    temporary = make_folder(path.parent / f".{FOLDER}.{os.getpid()}.tmp")
    try:
        panels, left_out = [], []
        for name, pictures in card_pictures(made):
            try:
                for picture in pictures:
                    file = save(picture.figure, temporary / f"{picture.name}.png").name
                    panels.append(view.Plate(f"{beside}/{file}", picture.title, picture.caption))
            except InputError as error:
                left_out.append((name, str(error)))
        text = markdown(made, panels, left_out)
        if place.is_dir():
            shutil.rmtree(place)
        temporary.rename(place)
        write_text(path, text)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return Written(path, tuple(path.parent / panel.file for panel in panels), tuple(left_out), place)


def card_pictures(card: Card) -> Iterator[tuple[str, Iterator[Picture]]]:
    """The pictures by name; those that show images need the data set, the others the run folder alone."""
    yield "curves", training_curves(card)
    yield "confusion", confusion_matrix(card)
    yield "predictions", predictions(card)


def training_curves(card: Card) -> Iterator[Picture]:
    """The curves of the first run."""
    rows = card.run.epochs()
    measure = card.task.measures[0]
    panels = list(training_panels(rows, measure, card.data["val"]))
    yield Picture("curves", curves.panels(panels), f"Training curves of {card.recipe.model}", caption(rows, measure))


def confusion_matrix(card: Card) -> Iterator[Picture]:
    """The confusion matrix, where its classes are few enough for names.

    Raises   InputError where there is none, or too many classes
    """
    if not card.figures:
        raise InputError("there were no images to measure it on.")
    if not card.figures[0].confusion:
        raise InputError("no class is taken for another where each is decided by itself.")
    counts = np.array(card.figures[0].confusion)
    if len(counts) > confusion.NAMED:
        raise InputError(
            f"{count_of(len(counts), 'class')} are too many for it; `convatlas look --what confusion` shows the worst."
        )
    chart = confusion.counts_figure(counts, card.data["classes"], confusion.SLIDE)
    text = (
        f"{np.trace(counts):,} of {counts.sum():,} {card.figures[0].split} images are right. Each row is a true class, each "
        "column a predicted one; depth of color is the share of the row, blue where right, red where wrong."
    )
    yield Picture("confusion", chart, f"Confusion of {card.recipe.model} on {card.data['title']}", text)


def predictions(card: Card) -> Iterator[Picture]:
    """Images with the network's predictions, and its most confident mistakes."""
    subject = open_subject(NetworkRequest(str(card.run.path)))
    for picture in draw_look(subject, "predictions"):
        if picture.name != "least-confident-correct":
            yield picture


def each_class(card: Card) -> list[tuple[str, int, list[tuple[Measure, float]]]]:
    """Name, images and figures of the classes with images, where each is decided by itself; the worst ones of many."""
    if not (card.figures and card.figures[0].images_per_class):
        return []
    own = card.figures[0]
    measures = [measure for measure in card.measures if measure.key in own.per_class]
    rows = [
        (name, n, [(measure, own.per_class[measure.key][i] or 0.0) for measure in measures])
        for i, (name, n) in enumerate(zip(card.data["classes"], own.images_per_class, strict=True))
        if n
    ]
    return rows if len(rows) <= ROWS else sorted(rows, key=lambda row: row[2][0][1])[:ROWS]


def markdown(card: Card, panels: list[view.Plate], left_out: list[tuple[str, str]]) -> str:
    """The card as Markdown."""
    rows = card.per_class(card.figures[0]) if card.figures else []
    chosen = "best_epoch" in card.metrics
    return view.page(
        card=card,
        title=f"{card.base} on {card.data['title']}",
        dataset=last_part(card.recipe.data),
        named=NAMED,
        rows=rows if len(rows) <= ROWS else sorted(rows, key=lambda row: row.accuracy)[:ROWS],
        of_all=len(rows),
        each_class=each_class(card),
        words=SPLITS,
        measures=card.measures,
        decides=card.measures[0],
        looked=f"looked at after every epoch{CHOSEN if chosen else ''}",
        teacher=last_part(card.recipe.teacher or ""),
        processor=processor(card.environment),
        pictures=panels,
        left_out=left_out,
    )
