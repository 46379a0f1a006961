"""Batches are a pure function of seed, epoch and step, and of the size and layout asked for."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from convatlas.data import Augment, Batches, Feed, Resident, Streamed
from convatlas.data.splits import balanced_order
from convatlas.errors import InputError

MEAN, STD = (0.5, 0.25), (0.25, 0.5)
Maker = Callable[..., Path]
FEED = Feed(8, 12, MEAN, STD)
RICH = replace(FEED, augment=Augment(crop=2, flip=True, cutout=3, zoom=0.6), shuffle=True, seed=3)
MIXED = replace(RICH, augment=replace(RICH.augment, erasing=0.5, mixup=0.4, cutmix=1.0), classes=37, balanced=True)


def images(count: int = 37, h: int = 12, w: int = 12) -> Resident:
    x = torch.randint(0, 256, (count, 2, h, w), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    return Resident(x, torch.arange(count))


def all_of(batches: Batches, number: int = 0, start: int = 0) -> list[tuple[Tensor, Tensor]]:
    return list(batches.epoch(number, start))


def same(a: list[tuple[Tensor, Tensor]], b: list[tuple[Tensor, Tensor]]) -> bool:
    return len(a) == len(b) and all(
        torch.equal(p, q) for one, two in zip(a, b, strict=True) for p, q in zip(one, two, strict=True)
    )


def test_plain_batches_are_the_normalized_images_in_order() -> None:
    held = images()
    x, y = (torch.cat(parts) for parts in zip(*Batches(held, FEED).epoch(), strict=True))
    expected = (held.x / 255 - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
    torch.testing.assert_close(x, expected, atol=1e-5, rtol=1e-5)
    assert x.dtype == torch.float32
    assert y.tolist() == list(range(37))
    assert y.dtype == torch.int64


@pytest.mark.parametrize("feed", [RICH, MIXED])
def test_a_resumed_epoch_sees_the_very_same_batches(feed: Feed) -> None:
    whole = all_of(Batches(images(), feed), number=4)
    for start in (0, 1, 3, len(whole)):
        assert same(all_of(Batches(images(), feed), number=4, start=start), whole[start:])


@pytest.mark.parametrize("feed", [RICH, MIXED])
def test_epochs_and_seeds_differ(feed: Feed) -> None:
    first = all_of(Batches(images(), feed))
    assert not same(first, all_of(Batches(images(), feed), number=1))
    assert not same(first, all_of(Batches(images(), replace(feed, seed=4))))
    assert same(first, all_of(Batches(images(), replace(feed, seed=3))))


def test_each_epoch_shows_every_image_once() -> None:
    for number in range(3):
        labels = torch.cat([y for _, y in Batches(images(), RICH).epoch(number)])
        assert sorted(labels.tolist()) == list(range(37))


def test_the_global_random_state_is_neither_read_nor_moved() -> None:
    torch.manual_seed(0)
    first, state = all_of(Batches(images(), RICH)), torch.get_rng_state()
    assert torch.equal(state, torch.get_rng_state())
    torch.manual_seed(99)
    assert same(first, all_of(Batches(images(), RICH)))


@pytest.mark.parametrize(("drop", "steps", "last"), [(False, 5, 5), (True, 4, 8)])
def test_length_and_the_last_batch(drop: bool, steps: int, last: int) -> None:
    batches = Batches(images(), replace(FEED, drop_last=drop))
    assert len(batches) == len(all_of(batches)) == steps
    assert len(all_of(batches)[-1][1]) == last


@pytest.mark.parametrize("augment", [None, Augment(crop=1, flip=True)])
@pytest.mark.parametrize("size", [5, 12, 14, 17, 18, 40])
@pytest.mark.parametrize("channels_last", [False, True])
def test_every_size_and_layout(size: int, channels_last: bool, augment: Augment | None) -> None:
    feed = replace(FEED, image_size=size, channels_last=channels_last, augment=augment)
    x, _ = next(Batches(images(), feed).epoch())
    assert x.shape == (8, 2, size, size)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    assert x.is_contiguous(memory_format=layout)


def test_slightly_larger_is_padded_with_black_and_much_larger_interpolated() -> None:
    plain, padded, enlarged = (next(Batches(images(), replace(FEED, image_size=s)).epoch())[0] for s in (12, 14, 18))
    assert torch.equal(padded[:, :, 1:-1, 1:-1], plain)
    black = -torch.tensor(MEAN) / torch.tensor(STD)
    torch.testing.assert_close(padded[:, :, 0].mean((0, 2)), black)
    assert enlarged.std() < plain.std()


def test_images_that_are_not_square_are_padded_or_stretched_to_a_square() -> None:
    upright = images(h=12, w=9)
    padded = next(Batches(upright, FEED).epoch())[0]
    assert padded.shape == (8, 2, 12, 12)
    torch.testing.assert_close(padded[:, 0, :, 0], torch.full((8, 12), -MEAN[0] / STD[0]))
    assert next(Batches(upright, replace(FEED, image_size=6)).epoch())[0].shape == (8, 2, 6, 6)


def test_the_stored_bytes_stay_as_they_are() -> None:
    held = images()
    before = held.x.clone()
    for shuffle in (True, False):
        all_of(Batches(held, replace(RICH, shuffle=shuffle)))
        all_of(Batches(held, replace(FEED, shuffle=shuffle)))
    assert torch.equal(held.x, before)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"batch_size": 0}, "batch size needs to be at least 1, got 0"),
        ({"image_size": -1}, "image size"),
        ({"workers": -1}, "workers"),
        ({"classes": -1}, "classes needs to be at least 0, got -1"),
        ({"augment": Augment(cutmix=1.0)}, "give classes"),
        ({"augment": Augment(randaugment=9)}, "1 or 3 channels, got 2"),
        ({"augment": Augment(trivialaugment=True)}, "1 or 3 channels, got 2"),
    ],
)
def test_a_feed_that_cannot_be_says_so(change: dict[str, int], words: str) -> None:
    with pytest.raises(InputError, match=words):
        replace(FEED, **change)


@pytest.mark.parametrize(
    "change",
    [
        {"crop": -1}, {"cutout": -2}, {"zoom": 0.0}, {"zoom": 1.5}, {"randaugment": 31}, {"randaugment": -1}, {"erasing": 1.1},
        {"erasing": -0.1}, {"mixup": -0.2}, {"mixup": float("nan")}, {"cutmix": float("inf")},
        {"randaugment": 9, "trivialaugment": True},
    ],
)  # fmt: skip
def test_an_augmentation_that_cannot_be_says_so(change: dict[str, float]) -> None:
    with pytest.raises(InputError, match=next(iter(change))):
        Augment(**change)


SIZES = st.lists(st.integers(1, 40), min_size=1, max_size=8)


@settings(max_examples=40, deadline=None)
@given(SIZES, st.integers(0, 50), st.integers(0, 9))
def test_a_balanced_epoch_has_every_class_equally_often(sizes: list[int], number: int, seed: int) -> None:
    labels = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes)) - 1
    order = balanced_order(labels, number, torch.Generator().manual_seed(seed))
    assert len(order) == len(labels)
    per_class = (labels[order] + 1).bincount(minlength=len(sizes))
    assert per_class.max() - per_class.min() <= 1
    for name in range(len(sizes)):
        per_image = order.bincount(minlength=len(labels))[labels + 1 == name]
        assert per_image.max() - per_image.min() <= 1


@settings(max_examples=40, deadline=None)
@given(SIZES, st.integers(0, 9))
def test_balanced_epochs_go_on_where_the_last_one_stopped(sizes: list[int], start: int) -> None:
    labels = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
    epochs = len(sizes) + 1  # then even a class that is nearly the whole set has come round
    orders = [balanced_order(labels, n, torch.Generator().manual_seed(0)) for n in range(start, start + epochs)]
    shown = torch.cat(orders).bincount(minlength=len(labels))
    for name in range(len(sizes)):
        per_image = shown[labels == name]
        assert per_image.max() - per_image.min() <= 1
        assert per_image.min() >= (epochs * (len(labels) // len(sizes)) // sizes[name])
    per_class = labels[torch.cat(orders)].bincount(minlength=len(sizes))
    assert per_class.max() - per_class.min() <= 1


def test_balanced_batches_are_shuffled_and_depend_on_seed_and_epoch_alone() -> None:
    held = Resident(images().x, (torch.arange(37) < 4).long())
    feed = replace(FEED, balanced=True, seed=3)
    batches = Batches(held, feed)
    order = batches.order(5)
    assert torch.equal(order, Batches(held, feed).order(5))
    assert not torch.equal(order, batches.order(6))
    assert not torch.equal(order, Batches(held, replace(feed, seed=4)).order(5))
    assert sorted(held.labels[order].bincount().tolist()) == [18, 19]
    assert 0 < held.labels[order][:12].sum() < 12
    seen = torch.cat([x for x, _ in batches.epoch(5)])
    plain = torch.cat([x for x, _ in Batches(held, FEED).epoch()])
    assert torch.equal(seen, plain[order])


def test_a_set_of_equal_classes_is_shown_whole_when_balanced() -> None:
    held = Resident(images(40).x, torch.arange(40) % 4)
    assert sorted(Batches(held, replace(FEED, balanced=True)).order(2).tolist()) == list(range(40))


def test_a_streamed_balanced_epoch_shows_an_image_through_several_windows_and_resumes(pictures: Maker) -> None:
    root = pictures("a", "b", count=9)
    names = [f"a/{i}.png" for i in range(9)] + ["b/0.png"]
    files = Streamed(root, names, torch.tensor([0] * 9 + [1]), channels=3, side=12)
    augment = Augment(zoom=0.3, flip=True, trivialaugment=True, erasing=0.5, cutmix=1.0)
    feed = Feed(4, 12, (0.5,) * 3, (0.2,) * 3, Augment(zoom=0.3), seed=1, workers=0, classes=2, balanced=True)
    batches = Batches(files, feed)
    x, y = (torch.cat(parts) for parts in zip(*batches.epoch(), strict=True))
    assert y.sum() == 5
    assert len(x[y == 1].unique(dim=0)) == 5
    rich = replace(feed, augment=augment)
    whole = all_of(Batches(files, rich), number=2)
    for start in (0, 1, 2):
        assert same(all_of(Batches(files, rich), number=2, start=start), whole[start:])
