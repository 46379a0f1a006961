"""Masks and boxes move with their pictures, whatever moves them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from convatlas.data import Augment, Batches, Feed, Resident, Streamed, policies
from convatlas.data.geometry import IGNORED, see_boxes, see_masks
from convatlas.data.picture import PathTable
from convatlas.data.targets import Boxes, MaskFiles, Masks
from convatlas.data.windows import Stretch, Surround

MOVES = {name for name, change in policies.CHANGES.items() if change.map} | {"identity"}
GRAY = 127 / 255  # what is blanked takes a color that neither the picture nor the black around it has
SOME = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

one_each = [
    Augment(), Augment(zoom=0.2), Augment(crop=3), Augment(flip=True), Augment(randaugment=30), Augment(trivialaugment=True),
    Augment(cutout=7), Augment(erasing=1.0), Augment(cutmix=1.0),
]  # fmt: skip
augmentations = st.one_of(
    st.sampled_from(one_each),
    st.builds(
        lambda policy, **others: Augment(**policy, **others),
        st.sampled_from([{}, {"randaugment": 20}, {"trivialaugment": True}]),
        zoom=st.sampled_from([1.0, 0.3]), crop=st.integers(0, 4), flip=st.booleans(), cutout=st.sampled_from([0, 6]),
        erasing=st.sampled_from([0.0, 0.7]),
    ),
)  # fmt: skip
sides = st.sampled_from([8, 16, 20, 24, 30, 48])
fits = st.sampled_from(["cover", "contain"])
seeds = st.integers(0, 2**31)


@pytest.fixture(autouse=True)
def _colors_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Changes of color leave the picture as it is, so that its pixels still tell what they were."""
    for name in policies.NAMES:
        if name not in MOVES:
            monkeypatch.setitem(policies.CHANGES, name, policies.CHANGES[name]._replace(apply=lambda x, _degree, _space: x))


def feed_of(augment: Augment, side: int, fit: str, seed: int, channels: int = 1) -> Feed:
    return Feed(
        4, side, (GRAY,) * channels, (1.0,) * channels, augment, shuffle=True, seed=seed, classes=3, fit=fit, workers=0
    )  # fmt: skip


def blobs(n: int, h: int, w: int, seed: int) -> Tensor:
    """Two-valued pictures: rectangles of ones."""
    rng = np.random.default_rng(seed)
    masks = np.zeros((n, h, w), np.uint8)
    for mask in masks:
        for _ in range(3):
            top, left = rng.integers(0, h), rng.integers(0, w)
            mask[top : top + rng.integers(2, h), left : left + rng.integers(2, w)] = 1
    return torch.from_numpy(masks)


def check_pictures_and_masks_agree(batches: Batches, number: int = 0) -> None:
    shown = 0
    for x, masks in batches.epoch(number):
        assert masks.dtype == torch.uint8
        assert masks.shape == (len(x), *x.shape[2:])
        level = ((x + GRAY) * 255).round(decimals=2)[:, 0]
        white, black = (level - 255).abs() < 0.5, level.abs() < 0.5
        assert set(masks.unique().tolist()) <= {0, 1, IGNORED}
        # Between a white and a black pixel the picture is gray, and the mask says one or the other.
        assert (masks[white] == 1).all()
        assert ((masks[black] == 0) | (masks[black] == IGNORED)).all()
        shown += int((white | black).sum())
    assert shown


@SOME
@given(augmentations, st.tuples(st.integers(12, 30), st.integers(12, 30)), sides, fits, seeds)
def test_a_mask_that_is_its_own_picture_comes_out_as_its_picture_does(
    augment: Augment, size: tuple[int, int], side: int, fit: str, seed: int
) -> None:
    masks = blobs(6, *size, seed)
    images = Resident(masks[:, None] * 255, Masks(masks))
    check_pictures_and_masks_agree(Batches(images, feed_of(augment, side, fit, seed)))


@pytest.mark.parametrize("augment", [Augment(cutout=7), Augment(erasing=0.8), Augment(flip=True, cutout=5, erasing=0.5)])
def test_what_is_blanked_is_ignored_and_nothing_else(augment: Augment) -> None:
    masks = blobs(30, 20, 20, 2)
    images = Resident(masks[:, None] * 255, Masks(masks))
    for x, seen in Batches(images, feed_of(augment, 20, "cover", 5)).epoch():
        assert torch.equal(seen == IGNORED, x[:, 0].abs() < 1e-4)
        assert (seen == IGNORED).any()


def write_streamed(folder: Path, count: int = 6, large: tuple[int, int] = (60, 45)) -> tuple[list[str], list[Tensor]]:
    """Pictures of two values and different sizes, some of which EXIF turns, and their masks beside them."""
    masks = []
    for i in range(count):
        mask = blobs(1, large[0] + 9 * i, large[1] + 31 * (i % 2), i)[0]
        exif = Image.Exif()
        exif[0x0112] = 6 if i == 3 else 1  # to be turned to the right: stored turned to the left
        stored = mask.rot90() if i == 3 else mask
        Image.fromarray((stored * 255).numpy()).save(folder / f"{i}.png", exif=exif)
        Image.fromarray(mask.numpy()).save(folder / f"{i}_mask.png")
        masks.append(mask)
    return [f"{i}.png" for i in range(count)], masks


@SOME
@given(augmentations, sides, fits, seeds)
def test_a_streamed_mask_comes_out_as_its_picture_does(
    tmp_path: Path, augment: Augment, side: int, fit: str, seed: int
) -> None:
    names, _ = write_streamed(tmp_path)
    masks = Masks(MaskFiles(PathTable(tmp_path, [name.replace(".", "_mask.") for name in names])))
    images = Streamed(tmp_path, names, masks, channels=1, side=16 + 8 * (seed % 2))
    check_pictures_and_masks_agree(Batches(images, feed_of(augment, side, fit, seed)), number=seed % 3)


def painted(n: int, h: int, w: int, seed: int) -> tuple[Tensor, Boxes]:
    """Black pictures with one white rectangle each, and boxes around them, the second half of them crowds."""
    rng = np.random.default_rng(seed)
    x, rows = torch.zeros(n, 1, h, w, dtype=torch.uint8), []
    for i in range(n):
        top, left = int(rng.integers(0, h - 4)), int(rng.integers(0, w - 4))
        bottom, right = int(rng.integers(top + 3, h + 1)), int(rng.integers(left + 3, w + 1))
        x[i, 0, top:bottom, left:right] = 255
        rows.append([left, top, right, bottom])
    boxes = Boxes(torch.arange(n + 1), torch.tensor(rows).float(), torch.arange(n), torch.arange(n) >= n // 2)
    return x, boxes


def check_boxes_bound(x: Tensor, boxes: Boxes, order: list[int], count: int) -> None:
    (rows, columns), image = x.shape[2:], boxes.image.tolist()
    assert len(boxes) == len(x)
    assert boxes.labels.tolist() == [order[i] for i in image]
    assert boxes.crowd.tolist() == [order[i] >= count // 2 for i in image]
    level = (x[:, 0] + GRAY) * 255
    for i in range(len(x)):
        white = (level[i] > 254).nonzero()
        if len(white):
            assert i in image, "a rectangle that is seen has a box"
            left, top, right, bottom = boxes.xyxy[image.index(i)].tolist()
            assert 0 <= left < right <= columns
            assert 0 <= top < bottom <= rows
            (first, west), (last, east) = white.amin(0).tolist(), white.amax(0).tolist()
            assert left - 1 <= west
            assert east + 1 <= right + 1
            assert top - 1 <= first
            assert last + 1 <= bottom + 1


@SOME
@given(
    augmentations.filter(lambda augment: not augment.mixes),
    st.tuples(st.integers(12, 30), st.integers(12, 30)),
    sides,
    fits,
    seeds,
)
def test_boxes_around_a_painted_rectangle_still_bound_it(
    augment: Augment, size: tuple[int, int], side: int, fit: str, seed: int
) -> None:
    x, boxes = painted(6, *size, seed)
    batches = Batches(Resident(x, boxes), feed_of(augment, side, fit, seed))
    order = batches.order(0).tolist()
    for step, (seen, moved) in enumerate(batches.epoch()):
        check_boxes_bound(seen, moved, order[4 * step : 4 * step + 4], 6)


@SOME
@given(augmentations.filter(lambda augment: not augment.mixes), sides, fits, seeds)
def test_boxes_of_streamed_pictures_bound_what_is_painted(
    tmp_path: Path, augment: Augment, side: int, fit: str, seed: int
) -> None:
    x, boxes = painted(6, 70, 51, 4)
    for i, image in enumerate(x):
        Image.fromarray(image[0].numpy()).save(tmp_path / f"{i}.png")
    images = Streamed(tmp_path, [f"{i}.png" for i in range(6)], boxes, channels=1, side=24)
    batches = Batches(images, feed_of(augment, side, fit, seed))
    order = batches.order(0).tolist()
    for step, (seen, moved) in enumerate(batches.epoch()):
        check_boxes_bound(seen, moved, order[4 * step : 4 * step + 4], 6)


@pytest.mark.parametrize("augment", [Augment(), Augment(zoom=0.2), Augment(crop=3), Augment(zoom=0.4, crop=2, flip=True)])
def test_boxes_are_tight_where_nothing_turns(augment: Augment) -> None:
    x, boxes = painted(40, 24, 20, 1)
    batches = Batches(Resident(x, boxes), replace(feed_of(augment, 24, "contain", 1), batch_size=40, shuffle=False))
    ((seen, moved),) = batches.epoch()
    level = (seen[:, 0] + GRAY) * 255
    for i, (left, top, right, bottom) in zip(moved.image.tolist(), moved.xyxy.tolist(), strict=True):
        white = (level[i] > 127).nonzero()
        if len(white):
            (first, west), (last, east) = white.amin(0).tolist(), white.amax(0).tolist()
            assert max(abs(west - left), abs(first - top), abs(east + 1 - right), abs(last + 1 - bottom)) <= 2


def test_boxes_out_of_sight_are_dropped_and_others_clipped() -> None:
    xyxy = torch.tensor([[0.0, 0, 3, 3], [2, 2, 9, 9], [8, 8, 10, 10]])
    crop = Augment(crop=4)
    boxes = Boxes(torch.tensor([0, 3]), xyxy, torch.tensor([5, 6, 7]), torch.tensor([False, True, False]))
    images = Resident(torch.zeros(1, 1, 10, 10, dtype=torch.uint8), boxes)
    kept = set()
    for number in range(40):
        ((_, moved),) = Batches(images, feed_of(crop, 10, "cover", 0)).epoch(number)
        kept.add(tuple(moved.labels.tolist()))
        assert moved.crowd.tolist() == [label == 6 for label in moved.labels.tolist()]
        assert moved.xyxy.min() >= 0
        assert moved.xyxy.max() <= 10
        assert ((moved.xyxy[:, 2:] - moved.xyxy[:, :2]) > 0).all()
    assert {(5, 6), (6, 7), (5, 6, 7)} <= kept


def test_a_box_that_is_wholly_blanked_is_dropped() -> None:
    boxes = Boxes(
        torch.tensor([0, 2, 2]), torch.tensor([[2.0, 2, 4, 4], [2, 2, 8, 8]]), torch.tensor([0, 1]), torch.zeros(2).bool()
    )
    hole = torch.zeros(2, 1, 10, 10, dtype=torch.bool)
    hole[0, 0, 1:5, 1:5] = True
    left = boxes.blank(boxes, hole)
    assert left.labels.tolist() == [1]
    assert left.offsets.tolist() == [0, 1, 1]
    assert left.xyxy.tolist() == [[2, 2, 8, 8]]


def test_fitting_moves_masks_and_boxes_in_closed_form() -> None:
    mask = torch.arange(6, dtype=torch.uint8).view(1, 2, 3)
    assert see_masks(mask, Surround((2, 3), 4)).tolist() == [[[255] * 4, [0, 1, 2, 255], [3, 4, 5, 255], [255] * 4]]
    assert see_masks(mask, Stretch((2, 3), 6))[0, ::3, ::2].tolist() == [[0, 1, 2], [3, 4, 5]]
    box = torch.tensor([[1.0, 0, 2, 1]])
    assert see_boxes(box, torch.tensor([0]), Stretch((2, 3), 6))[0].tolist() == [[2, 0, 4, 3]]
    assert see_boxes(box, torch.tensor([0]), Surround((2, 3), 5))[0].tolist() == [[2, 1, 3, 2]]


@pytest.mark.parametrize("policy", [policies.RANDAUGMENT, policies.TRIVIALAUGMENT])
@pytest.mark.parametrize("name", sorted(MOVES))
def test_each_move_takes_points_where_it_takes_pixels(name: str, policy: policies.Space) -> None:
    for degree in (-1.0, -0.4, 0.3, 1.0):
        change = policies.Changes((41, 33), [(name, degree)], policy)
        for row, column in ((20, 16), (12, 22), (25, 12)):
            x = torch.zeros(1, 1, 41, 33, dtype=torch.uint8)
            x[0, 0, row - 1 : row + 2, column - 1 : column + 2] = 255
            level = change.see(x)[0, 0].double()
            _, inside = see_boxes(torch.tensor([[column, row, column + 1.0, row + 1]]), torch.tensor([0]), change)
            if level.sum() > 8 * 255 and inside.all():
                box, _ = see_boxes(torch.tensor([[column, row, column + 1.0, row + 1]]), torch.tensor([0]), change)
                y, x_ = (
                    (level * axis).sum() / level.sum() for axis in (torch.arange(41.0)[:, None] + 0.5, torch.arange(33.0) + 0.5)
                )
                assert abs((box[0, 0] + box[0, 2]) / 2 - x_) < 0.1
                assert abs((box[0, 1] + box[0, 3]) / 2 - y) < 0.1
