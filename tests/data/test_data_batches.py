"""Batches are a pure function of seed, epoch and step, and of the size and layout asked for."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from convatlas.data import Augment, Batches, Feed, Resident
from convatlas.errors import InputError

MEAN, STD = (0.5, 0.25), (0.25, 0.5)
FEED = Feed(8, 12, MEAN, STD)
RICH = replace(FEED, augment=Augment(crop=2, flip=True, cutout=3, zoom=0.6), shuffle=True, seed=3)


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


def test_a_resumed_epoch_sees_the_very_same_batches() -> None:
    whole = all_of(Batches(images(), RICH), number=4)
    for start in (0, 1, 3, len(whole)):
        assert same(all_of(Batches(images(), RICH), number=4, start=start), whole[start:])


def test_epochs_and_seeds_differ() -> None:
    first = all_of(Batches(images(), RICH))
    assert not same(first, all_of(Batches(images(), RICH), number=1))
    assert not same(first, all_of(Batches(images(), replace(RICH, seed=4))))
    assert same(first, all_of(Batches(images(), replace(RICH, seed=3))))


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
        ({"batch_size": 0}, "batch size needs to be 1 or more, got 0"),
        ({"image_size": -1}, "image size"),
        ({"workers": -1}, "workers"),
    ],
)
def test_a_feed_that_cannot_be_says_so(change: dict[str, int], words: str) -> None:
    with pytest.raises(InputError, match=words):
        replace(FEED, **change)


@pytest.mark.parametrize("change", [{"crop": -1}, {"cutout": -2}, {"zoom": 0.0}, {"zoom": 1.5}])
def test_an_augmentation_that_cannot_be_says_so(change: dict[str, float]) -> None:
    with pytest.raises(InputError, match=next(iter(change))):
        Augment(**change)
