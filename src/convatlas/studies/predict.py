"""What a trained network says about picture files."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from ..data import Batches, Feed, Resident
from ..data.picture import ENDINGS, Unreadable, square
from ..errors import InputError
from .run import Trained, load_run

BATCH = 64


@dataclass(frozen=True, slots=True)
class Answer:
    """The likeliest classes of one file with their probabilities, or why it could not be read."""

    path: Path
    classes: tuple[tuple[str, float], ...]
    error: str | None = None


def predict(run: Path, paths: Sequence[Path], topk: int = 5) -> Iterator[Answer]:
    """An answer for each file, folders searched through, in order; files that cannot be read are answered with the reason.

    Raises   InputError if there is no image, a path does not exist or every file is broken
    """
    if topk < 1:
        raise InputError(f"--topk needs to be at least 1, got {topk}")
    files = list(found(paths))
    if not files:
        raise InputError(f"predict needs images ({' '.join(sorted(ENDINGS))}) or folders of them, got none")
    return answers(load_run(run), files, topk)


def found(paths: Sequence[Path]) -> Iterator[Path]:
    """The files themselves, and every image below the folders."""
    for path in paths:
        if path.is_dir():
            yield from sorted(p for p in path.rglob("*") if p.suffix.lower() in ENDINGS and not p.name.startswith("."))
        elif path.exists():
            yield path
        else:
            raise InputError(f"{path} does not exist")


def answers(trained: Trained, files: Sequence[Path], topk: int) -> Iterator[Answer]:
    """Batch by batch, so that a large folder takes little memory."""
    unreadable = 0
    for first in range(0, len(files), BATCH):
        pictures, reasons = {}, {}
        for path in files[first : first + BATCH]:
            try:
                pictures[path] = torch.tensor(square(path, trained.channels, trained.stored))
            except Unreadable as error:
                reasons[path] = str(error)
        said = classify(trained, torch.stack(list(pictures.values())), topk) if pictures else []
        named = dict(zip(pictures, said, strict=True))
        unreadable += len(reasons)
        for path in files[first : first + BATCH]:
            yield Answer(path, named.get(path, ()), reasons.get(path))
    if unreadable == len(files):
        raise InputError(f"none of the {len(files)} files could be read as an image")


def classify(trained: Trained, pixels: torch.Tensor, topk: int) -> list[tuple[tuple[str, float], ...]]:
    """The likeliest classes of each image.

    Shapes   pixels (n, channels, stored, stored) uint8
    """
    images = Resident(pixels, torch.zeros(len(pixels), dtype=torch.int64))
    feed = Feed(len(pixels), trained.image_size, trained.mean, trained.std)
    with torch.inference_mode():
        x, _ = next(iter(Batches(images, feed).epoch()))
        top = trained.model(x).softmax(1).topk(min(topk, len(trained.classes)))
    return [
        tuple((trained.classes[i], p) for p, i in zip(row_p, row_i, strict=True))
        for row_p, row_i in zip(top.values.tolist(), top.indices.tolist(), strict=True)
    ]
