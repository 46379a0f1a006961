"""Augmentations as pure functions of the batch and its chances."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import pad

from convatlas.data import Augment, policies, windows
from convatlas.data.augment import augment_batch, cutout_hole
from convatlas.data.chance import chances
from convatlas.data.erasing import blank, erasing_bounds, inside
from convatlas.data.targets import Labels
from convatlas.data.windows import Flip, Letterbox, Surround, resize

NO_CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
shapes = st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(1, 9), st.integers(1, 9))
seeds = st.integers(0, 2**31)


def batch(shape: tuple[int, ...], seed: int = 0) -> Tensor:
    return torch.randint(1, 256, shape, generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


def size(x: Tensor) -> tuple[int, int]:
    return x.shape[2], x.shape[3]


def crop(x: Tensor, padding: int, chance: Tensor) -> Tensor:
    return windows.crop(size(x), padding, chance).see(x)


def flip(x: Tensor, chance: Tensor) -> Tensor:
    return Flip(size(x), chance % 2).see(x)


def zoom(x: Tensor, smallest: float, side: int, chance: Tensor) -> Tensor:
    return windows.zoom(size(x), smallest, side, chance).see(x)


def cutout(x: Tensor, side: int, fill: Tensor, chance: Tensor) -> Tensor:
    return blank(x, cutout_hole(size(x), side, chance), fill)


def erased(x: Tensor, probability: float, fill: Tensor, chance: Tensor) -> Tensor:
    return blank(x, inside(erasing_bounds(size(x), probability, chance), *size(x)), fill)


def augmented(x: Tensor, augment: Augment, side: int, mean: Tensor, chance: Tensor) -> Tensor:
    labels = torch.arange(len(x))
    return augment_batch(x, labels, Labels(labels), augment, side=side, mean=mean, chance=chance)[0]


def drawn(count: int, seed: int) -> Tensor:
    return chances(count, torch.Generator().manual_seed(seed))


@settings(deadline=None)
@given(shapes, seeds)
def test_crop_without_padding_changes_nothing(shape: tuple[int, ...], seed: int) -> None:
    x = batch(shape)
    assert torch.equal(crop(x, 0, drawn(shape[0], seed)[0]), x)


@settings(deadline=None)
@given(shapes, st.integers(1, 4), seeds)
def test_crop_is_the_window_of_the_padded_image(shape: tuple[int, ...], padding: int, seed: int) -> None:
    x, chance = batch(shape), drawn(shape[0], seed)[0]
    places, padded = 2 * padding + 1, pad(x, (padding,) * 4)
    for cropped, image, draw in zip(crop(x, padding, chance), padded, chance.tolist(), strict=True):
        top, left = draw // places % places, draw % places
        assert torch.equal(cropped, image[:, top : top + shape[2], left : left + shape[3]])


def test_crop_reaches_every_place() -> None:
    x = torch.zeros(2000, 1, 3, 3, dtype=torch.uint8)
    x[:, :, 1, 1] = 1
    seen = crop(x, 1, drawn(2000, 0)[0]).sum(0)[0]
    assert seen.min() > 150
    assert seen.sum() == 2000


@settings(deadline=None)
@given(shapes, seeds)
def test_flipping_twice_changes_nothing(shape: tuple[int, ...], seed: int) -> None:
    x, chance = batch(shape), drawn(shape[0], seed)[0]
    assert torch.equal(flip(flip(x, chance), chance), x)


def test_flip_takes_about_half() -> None:
    x = torch.arange(2).expand(1000, 1, 1, 2)
    assert 420 < flip(x, drawn(1000, 3)[0])[:, 0, 0, 0].sum() < 580


@settings(deadline=None)
@given(shapes, st.integers(1, 12), seeds)
def test_cutout_blanks_one_clipped_square(shape: tuple[int, ...], side: int, seed: int) -> None:
    n, c, h, w = shape
    chance = drawn(n, seed)[:2]
    x = batch(shape)
    blanked = cutout(x, side, torch.zeros(c), chance)
    hole = blanked == 0
    for i in range(n):
        top, left = (int(chance[k, i]) % length - side // 2 for k, length in ((0, h), (1, w)))
        rows, columns = (min(a + side, length) - max(a, 0) for a, length in ((top, h), (left, w)))
        assert hole[i].sum() == c * rows * columns
        assert 1 <= rows <= side
    assert torch.equal(blanked[~hole], x[~hole])


def test_cutout_inside_the_image_is_side_squared() -> None:
    x = batch((50, 3, 41, 41))
    middle = torch.full((2, 50), 20)
    assert (cutout(x, 8, torch.zeros(3), middle) == 0).sum() == 50 * 3 * 8**2


@settings(deadline=None)
@given(st.floats(0.1, 0.999), seeds)
def test_zoom_keeps_a_flat_image_and_the_range(smallest: float, seed: int) -> None:
    x = torch.full((3, 2, 12, 12), 77, dtype=torch.uint8)
    y = zoom(x, smallest, 7, drawn(3, seed)[:4])
    assert y.shape == (3, 2, 7, 7)
    torch.testing.assert_close(y, torch.full_like(y, 77))
    noise = zoom(batch((3, 2, 12, 12)), smallest, 7, drawn(3, seed)[:4])
    assert 0 <= noise.min() <= noise.max() <= 255


def test_zoom_on_an_image_much_larger_than_the_target_does_not_alias() -> None:
    stripes = (torch.arange(64) % 2 * 255).to(torch.uint8).expand(4, 1, 64, 64)
    assert zoom(stripes, 0.5, 8, drawn(4, 0)[:4]).std() < 10


def test_the_default_changes_nothing_and_the_same_chances_change_the_same() -> None:
    x, mean = batch((6, 3, 8, 8)), torch.zeros(3)
    assert torch.equal(augmented(x, Augment(), 8, mean, drawn(6, 0)), x)
    everything = Augment(crop=2, flip=True, cutout=3, zoom=0.5)
    assert torch.equal(augmented(x, everything, 8, mean, drawn(6, 1)), augmented(x, everything, 8, mean, drawn(6, 1)))
    assert not torch.equal(augmented(x, everything, 8, mean, drawn(6, 1)), augmented(x, everything, 8, mean, drawn(6, 2)))


def test_surround_puts_the_image_in_the_middle() -> None:
    x = Surround((28, 27), 32).see(batch((2, 1, 28, 27)))
    assert x.shape == (2, 1, 32, 32)
    assert x[:, :, 2:30, 2:29].min() > 0
    assert x.count_nonzero() == 2 * 28 * 27


def test_a_letterbox_keeps_proportions_and_has_zeros_on_the_right_or_below() -> None:
    for shape, rows, columns in (((2, 1, 28, 14), 40, 20), ((2, 1, 14, 28), 20, 40), ((2, 3, 80, 60), 40, 30)):
        box = Letterbox(shape[2:], 40)
        x = box.see(batch(shape))
        assert x.shape == (2, shape[1], 40, 40)
        assert box.valid.tolist() == [rows, columns]
        assert x[:, :, :rows, :columns].min() > 0
        assert x.count_nonzero() == 2 * shape[1] * rows * columns


def test_resize_keeps_the_mean_of_a_ramp() -> None:
    ramp = torch.linspace(0, 1, 16).expand(1, 1, 16, 16)
    for size in (5, 8, 48):
        torch.testing.assert_close(resize(ramp, size).mean(), ramp.mean(), atol=1e-3, rtol=0)


def test_older_augmentations_keep_the_chances_they_always_had() -> None:
    """A run's random stream does not change as augmentations are added to the library."""
    for n in (1, 5, 64, 128):
        before = torch.randint(2**31, (8, n), generator=torch.Generator().manual_seed(7))
        assert torch.equal(chances(n, torch.Generator().manual_seed(7))[:8], before)
    x, mean, chance = batch((6, 3, 8, 8)), torch.zeros(3), drawn(6, 0)
    expected = cutout(flip(crop(zoom(x, 0.5, 8, chance[:4]), 2, chance[4]), chance[5]), 3, mean, chance[6:8])
    assert torch.equal(augmented(x, Augment(crop=2, flip=True, cutout=3, zoom=0.5), 8, mean, chance), expected)


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=NO_CUDA)])
def test_every_device_sees_the_same_images(device: str) -> None:
    x, mean, chance = batch((32, 3, 16, 16)), torch.tensor([10.0, 20.0, 30.0]), drawn(32, 5)
    assert chance.device.type == "cpu"
    for augment in (
        Augment(crop=2, flip=True, randaugment=12, cutout=3, erasing=0.7),
        Augment(zoom=0.4, trivialaugment=True, erasing=0.4),
    ):
        there, here = (augmented(x.to(d), augment, 16, mean.to(d), chance).cpu().float() for d in (device, "cpu"))
        # An accelerator's arithmetic may round a level the other way, and a solarized one far.
        assert ((there - here).abs() <= 1).float().mean() > 0.99


def test_changes_come_after_flip_and_before_what_blanks() -> None:
    x, mean, chance = batch((6, 3, 8, 8)), torch.full((3,), 9.0), drawn(6, 0)
    everything = Augment(crop=2, flip=True, randaugment=9, cutout=3, erasing=0.6)
    changed = flip(crop(x, 2, chance[4]), chance[5])
    for change in policies.randaugment((8, 8), 9, chance[8:10]):
        changed = change.see(changed)
    expected = erased(cutout(changed, 3, mean, chance[6:8]), 0.6, mean, chance[10:15])
    assert torch.equal(augmented(x, everything, 8, mean, chance), expected)
    trivial = policies.trivialaugment((8, 8), chance[8]).see(flip(x, chance[5]))
    assert torch.equal(augmented(x, Augment(flip=True, trivialaugment=True), 8, mean, chance), trivial)
