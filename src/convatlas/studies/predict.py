"""The likeliest classes of picture files, by a trained network."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from ..data.picture_file import FORMATS_IN_WORDS, Unreadable
from ..data.walk import walk_pictures
from ..engine.machine import fit_threads
from ..errors import InputError
from ..runs.network import OpenNetwork

BATCH = 64


@dataclass(frozen=True, slots=True)
class Prediction:
    """The likeliest classes of one file with their probabilities, or why it could not be read."""

    path: Path
    classes: tuple[tuple[str, float], ...]
    error: str | None = None


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
            raise InputError(f"{path} is a pipe, socket or device, and no file" if path.exists() else f"{path} does not exist")
    if not files:
        because = "".join(f": {words}" for words in notes)
        raise InputError(f"predict needs images ({FORMATS_IN_WORDS}) or folders of them, got none{because}")
    return files, notes


def predict(
    network: OpenNetwork, files: Sequence[Path], topk: int = 5, batch_size: int = BATCH, threads: int | None = None
) -> Iterator[Prediction]:
    """A prediction for each file, or why it could not be read; batch by batch, so that a large folder takes little memory.

    Raises   InputError if topk or batch_size is below 1, if every file is broken, or for NaN or infinite outputs
    """
    for flag, value in (("--topk", topk), ("--batch-size", batch_size)):
        if value < 1:
            raise InputError(f"{flag} needs to be at least 1, got {value}")
    return predict_batches(network, files, topk, batch_size, threads)


def predict_batches(
    network: OpenNetwork, files: Sequence[Path], topk: int, batch_size: int, threads: int | None
) -> Iterator[Prediction]:
    """The predictions as they are made.

    Raises   InputError if every file is broken, or for NaN or infinite outputs
    """
    unreadable, reason = 0, ""
    size = network.channels, network.image_size, network.image_size
    with fit_threads(network.model, size, batch_size, len(files), threads=threads):
        for first in range(0, len(files), batch_size):
            batch = files[first : first + batch_size]
            pictures, reasons = {}, {}
            for path in batch:
                try:
                    pictures[path] = network.read(path)
                except Unreadable as error:
                    reasons[path] = str(error)
                    reason = reason or f"{path} ({error})"
            rows = top_classes(network, torch.stack(list(pictures.values())), topk) if pictures else []
            classes = dict(zip(pictures, rows, strict=True))
            unreadable += sum(path in reasons for path in batch)
            for path in batch:
                yield Prediction(path, classes.get(path, ()), reasons.get(path))
    if unreadable == len(files):
        raise InputError(f"none of the {len(files)} files could be read as an image: {reason}")


def top_classes(network: OpenNetwork, pixels: torch.Tensor, topk: int) -> list[tuple[tuple[str, float], ...]]:
    """The likeliest classes of each picture.

    Shapes   pixels (n, channels, side, side) uint8
    Raises   InputError if the network's outputs are NaN or infinite
    """
    logits = network.logits(pixels)
    if not logits.isfinite().all():
        raise InputError("the network's outputs are NaN or infinite: its weights need to be trained again")
    top = network.task.probabilities(logits).topk(min(topk, len(network.classes)))
    return [
        tuple((network.classes[i], p) for p, i in zip(row_p, row_i, strict=True))
        for row_p, row_i in zip(top.values.tolist(), top.indices.tolist(), strict=True)
    ]
