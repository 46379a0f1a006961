"""Targets: class numbers, masks and boxes, by number and in batches."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from convatlas.data import Augment, Batches, Feed, Resident, Streamed, picture_file
from convatlas.data.picture import PathTable
from convatlas.data.targets import Boxes, Labels, LabelSets, MaskFiles, Masks
from convatlas.errors import InputError

FEED = Feed(2, 8, (0.5,), (0.5,), workers=0)


def boxes_of(counts: list[int]) -> Boxes:
    total = sum(counts)
    xyxy = torch.arange(4.0 * total).view(-1, 4) + torch.tensor([0.0, 0, 10, 10])
    offsets = torch.tensor([0, *np.cumsum(counts)])
    return Boxes(offsets, xyxy, torch.arange(total), torch.arange(total) % 2 == 1)


def rows(boxes: Boxes, image: int) -> list[list[float]]:
    first, last = boxes.offsets[image], boxes.offsets[image + 1]
    columns = boxes.labels[first:last, None], boxes.crowd[first:last, None], boxes.xyxy[first:last]
    return torch.cat([column.float() for column in columns], 1).tolist()


@settings(deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=6), st.lists(st.integers(0, 5), max_size=8))
def test_boxes_are_taken_by_image_and_joined_again(counts: list[int], chosen: list[int]) -> None:
    boxes, wanted = boxes_of(counts), [i % len(counts) for i in chosen]
    taken = boxes.take(torch.tensor(wanted, dtype=torch.int64))
    assert len(taken) == len(wanted)
    assert [rows(taken, place) for place in range(len(wanted))] == [rows(boxes, i) for i in wanted]
    assert taken.image.tolist() == [place for place, i in enumerate(wanted) for _ in range(counts[i])]
    alone = [boxes.take(torch.tensor([i])) for i in range(len(counts))]
    again = boxes.join(alone)
    for name in ("offsets", "xyxy", "labels", "crowd"):
        assert torch.equal(getattr(again, name), getattr(boxes, name))


def test_strata_are_the_class_numbers_where_there_are_any() -> None:
    numbers = torch.tensor([2, 0, 1])
    assert torch.equal(Labels(numbers).strata(), numbers)
    assert Masks(torch.zeros(3, 2, 2, dtype=torch.uint8)).strata() is None
    assert boxes_of([1, 2]).strata() is None


TARGETS = {
    "masks": Masks(torch.arange(5 * 64, dtype=torch.uint8).view(5, 8, 8) % 7),
    "boxes": boxes_of([0, 2, 1, 0, 3]),
    "labels": Labels(torch.arange(5)),
    "label sets": LabelSets(torch.arange(15).view(5, 3) % 2),
}


def held(kind: str) -> Resident:
    return Resident(torch.zeros(5, 1, 8, 8, dtype=torch.uint8), TARGETS[kind])


@pytest.mark.parametrize("kind", TARGETS)
def test_a_subset_has_the_targets_of_its_images(kind: str) -> None:
    images, chosen = held(kind), torch.tensor([4, 1])
    part = images.subset(chosen)
    assert len(part) == 2
    (_, target), (_, expected) = (
        next(Batches(i, FEED).epoch()) for i in (part, Resident(images.x[chosen], TARGETS[kind].subset(chosen)))
    )
    for got, want in zip(tensors(target), tensors(expected), strict=True):
        assert torch.equal(got, want)
    assert all(torch.equal(a, b) for a, b in zip(tensors(target), tensors(TARGETS[kind].take(chosen)), strict=True))


def tensors(target: Tensor | Boxes) -> list[Tensor]:
    return [target] if isinstance(target, Tensor) else [target.offsets, target.labels, target.crowd]


@pytest.mark.parametrize("kind", ["masks", "boxes"])
def test_class_numbers_of_masks_and_boxes_say_that_there_are_none(kind: str) -> None:
    with pytest.raises(InputError, match=f"these images have {kind}, but one class number per image is needed"):
        _ = held(kind).labels
    with pytest.raises(InputError, match="one class number per image"):
        Batches(held(kind), Feed(2, 8, (0.5,), (0.5,), balanced=True))


@pytest.mark.parametrize(("kind", "change"), [("masks", "mixup"), ("boxes", "mixup"), ("boxes", "cutmix")])
def test_mixing_what_cannot_be_mixed_says_so(kind: str, change: str) -> None:
    feed = Feed(2, 8, (0.5,), (0.5,), Augment(**{change: 1.0}), classes=7)
    with pytest.raises(InputError, match=f"{change} makes no sense for images that have {kind}: leave it out"):
        Batches(held(kind), feed)


def test_a_feed_that_contains_says_how_much_of_each_image_is_valid() -> None:
    images = Resident(torch.zeros(5, 1, 16, 8, dtype=torch.uint8), TARGETS["boxes"])
    for _, boxes in Batches(images, Feed(2, 8, (0.5,), (0.5,), fit="contain")).epoch():
        assert boxes.valid.tolist() == [[8, 4]] * len(boxes)
    with pytest.raises(InputError, match="fit"):
        Feed(2, 8, (0.5,), (0.5,), fit="stretch")


def write(folder: Path, sizes: list[tuple[int, int]], mask_sizes: list[tuple[int, int]]) -> Streamed:
    for i, (size, mask_size) in enumerate(zip(sizes, mask_sizes, strict=True)):
        Image.new("L", size, 9 * i).save(folder / f"{i}.png")
        palette = Image.new("P", mask_size, i)
        palette.putpalette(list(range(256)) * 3)
        palette.save(folder / f"{i}_mask.png")
    paths = PathTable(folder, [f"{i}_mask.png" for i in range(len(sizes))])
    return Streamed(folder, [f"{i}.png" for i in range(len(sizes))], Masks(MaskFiles(paths)), channels=1, side=8)


def test_masks_lie_beside_their_pictures_and_one_of_another_size_is_left_out(tmp_path: Path) -> None:
    images = write(tmp_path, [(20, 10), (9, 9), (30, 40)], [(20, 10), (8, 9), (30, 40)])
    with pytest.warns(UserWarning, match="1.png cannot be read .its mask has 9x8 pixels, it has 9x9"):
        masks = [mask for _, target in Batches(images, FEED).epoch() for mask in target]
    assert [mask.unique().tolist() for mask in masks] == [[0], [2]]


def test_a_mask_in_colors_is_none(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "0.png")
    with pytest.raises(picture_file.Unreadable, match="a palette or 8 bits of gray, and its mode is RGB"):
        MaskFiles(PathTable(tmp_path, ["0.png"]))[torch.tensor([0])]


def test_masks_and_boxes_cannot_follow_a_frame(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="leave the frame out"):
        Streamed(tmp_path, ["0.png"], boxes_of([1]), channels=1, side=8, frame=lambda _: torch.zeros(1, 8, 8))


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("kind", ["masks", "boxes"])
def test_workers_send_what_the_main_process_would_read(
    tmp_path: Path, kind: str, shared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("convatlas.data.stream._shared_memory", lambda: float("inf") if shared else 0.0)
    images = write(tmp_path, [(20, 10), (9, 9), (30, 40)], [(20, 10), (9, 9), (30, 40)])
    if kind == "boxes":
        images = Streamed(tmp_path, [f"{i}.png" for i in range(3)], boxes_of([1, 0, 2]), channels=1, side=8)
    feed = Feed(2, 8, (0.5,), (0.5,), Augment(zoom=0.9, flip=True), seed=3)
    one, two = (list(Batches(images, replace(feed, workers=workers)).epoch()) for workers in (0, 1))
    for (x, mine), (y, theirs) in zip(one, two, strict=True):
        assert torch.equal(x, y)
        assert all(torch.equal(a, b) for a, b in zip(tensors(mine), tensors(theirs), strict=True))
