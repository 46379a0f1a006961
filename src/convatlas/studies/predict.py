"""The likeliest classes of picture files, by a trained network."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import torch

from ..data.film import Camera
from ..data.picture_file import FORMATS_IN_WORDS, Unreadable
from ..data.walk import walk_pictures
from ..engine.machine import fit_threads
from ..errors import InputError
from ..files import missing_words
from ..runs.network import OpenNetwork
from .shots import EVERY, Shot, shots

BATCH = 64


@dataclass(frozen=True, slots=True)
class Prediction:
    """The likeliest classes of one file with their probabilities, or why it could not be read.

    Units    time in seconds from the beginning, of a frame of a film
    """

    path: Path | str  # or an address, or a camera in words
    classes: tuple[tuple[str, float], ...]
    error: str | None = None
    time: float | None = None


def list_images(paths: Sequence[Path]) -> tuple[list[Path], tuple[str, ...]]:
    """The files themselves, and every image below the folders, in order; and what was left out of these.

    Raises   InputError if there is no image, or a path does not exist
    """
    files: list[Path] = []
    notes: tuple[str, ...] = ()
    for path in paths:
        if path.is_dir():
            names, left_out = walk_pictures(path)
            files += sorted(path / name for name in names)
            notes += left_out
        elif path.is_file():
            files.append(path)
        else:
            raise InputError(f"{path} is a pipe, socket or device, and no file" if path.exists() else missing_words(path))
    if not files:
        because = "".join(f": {words}" for words in notes)
        raise InputError(f"predict needs images ({FORMATS_IN_WORDS}) or folders of them, got none{because}")
    return files, notes


def predict(
    network: OpenNetwork, files: Sequence[Path | Camera], topk: int = 5, batch_size: int = BATCH, threads: int | None = None,
    *, every: float = EVERY, most: int | None = None, names: Mapping[Path, str] | None = None,
) -> Iterator[Prediction]:  # fmt: skip
    """A prediction for each file, or why it could not be read; batch by batch, so that a large folder takes little memory.

    Of a film or camera there is one for a frame every so many seconds, and for `most` frames if that is given. `names` are
    what some files are called in place of their paths.

    Raises   InputError if topk, batch_size or most is below 1, every is not above 0, every file is broken, or outputs are NaN
             or infinite
    """
    for flag, value in (("--topk", topk), ("--batch-size", batch_size), ("--frames", most)):
        if value is not None and value < 1:
            raise InputError(f"{flag} needs to be at least 1, got {value}")
    if every <= 0:
        raise InputError(f"--every needs to be above 0 seconds, got {every:g}")
    pictures = shots(files, every, most)
    if names:
        pictures = (replace(shot, name=names.get(shot.name, shot.name)) for shot in pictures)  # type: ignore[arg-type]
    return predict_batches(network, pictures, topk, batch_size, (threads, len(files)))


def predict_batches(
    network: OpenNetwork, pictures: Iterator[Shot], topk: int, batch_size: int, work: tuple[int | None, int]
) -> Iterator[Prediction]:
    """The predictions as they are made; `work` is the number of threads and about how many pictures there are.

    Raises   InputError if every file is broken, or for NaN or infinite outputs
    """
    count, unreadable, reason = 0, 0, ""
    size = network.channels, network.image_size, network.image_size
    with fit_threads(network.model, size, batch_size, work[1], threads=work[0]):
        while batch := list(islice(pictures, batch_size)):
            readings = [read_shot(network, shot) for shot in batch]
            pixels = [reading for reading in readings if not isinstance(reading, str)]
            rows = iter(top_classes(network, torch.stack(pixels), topk) if pixels else [])
            for shot, reading in zip(batch, readings, strict=True):
                if isinstance(reading, str):
                    unreadable, reason = unreadable + 1, reason or f"{shot.name} ({reading})"
                    yield Prediction(shot.name, (), reading, shot.time)
                else:
                    yield Prediction(shot.name, next(rows), None, shot.time)
            count += len(batch)
    if unreadable == count:
        what = (
            f"none of {count:,} files could be read as an image: " if count > 1 else "the file could not be read as an image: "
        )
        raise InputError(f"{what}{reason}")


def read_shot(network: OpenNetwork, shot: Shot) -> torch.Tensor | str:
    """The bytes of a picture, or why it cannot be read.

    Shapes   → (channels, side, side) uint8
    """
    if shot.picture is None:
        return shot.error
    try:
        return network.read(shot.picture)
    except Unreadable as error:
        return str(error)


def top_classes(network: OpenNetwork, pixels: torch.Tensor, topk: int) -> list[tuple[tuple[str, float], ...]]:
    """The likeliest classes of each picture.

    Shapes   pixels (n, channels, side, side) uint8
    Raises   InputError if the network's outputs are NaN or infinite
    """
    logits = network.logits(pixels)
    if not logits.isfinite().all():
        raise InputError("the network's outputs are NaN or infinite: its weights hold NaN, or its activations overflow")
    top = network.task.probabilities(logits).topk(min(topk, len(network.classes)))
    return [
        tuple((network.classes[i], p) for p, i in zip(row_p, row_i, strict=True))
        for row_p, row_i in zip(top.values.tolist(), top.indices.tolist(), strict=True)
    ]
