"""Mixup and CutMix: pixels and labels are mixed in the very same shares."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from convatlas.data import Augment, Batches, Feed, Resident
from convatlas.data.chance import MIXING, RANGE, chances
from convatlas.data.mixing import beta_quantile, cutmix, mix_batch, mixup, pasted_rectangles
from convatlas.errors import InputError

CLASSES = 5
FEED = Feed(16, 9, (0.5, 0.25), (0.25, 0.5), shuffle=True, seed=2, classes=CLASSES)
seeds = st.integers(0, 2**31)


def batch(n: int, seed: int = 0, h: int = 9, w: int = 7) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, 3, h, w, generator=generator), torch.randint(CLASSES, (n,), generator=generator)


def drawn(n: int, seed: int) -> Tensor:
    return chances(n, torch.Generator().manual_seed(seed))[MIXING]


def test_mixup_in_closed_form() -> None:
    x = torch.tensor([[0.0, 8.0], [4.0, -4.0], [1.0, 1.0]])[:, None, None]
    y = torch.eye(3)
    mixed_x, mixed_y = mixup(x, y, torch.tensor([1, 2, 0]), torch.tensor([0.75, 0.5, 1.0]).double())
    assert mixed_x.flatten(1).tolist() == [[1, 5], [2.5, -1.5], [1, 1]]
    assert mixed_y.tolist() == [[0.75, 0.25, 0], [0, 0.5, 0.5], [0, 0, 1]]


def test_cutmix_pastes_the_partners_pixels_in_place() -> None:
    x = torch.arange(2 * 16.0).view(2, 1, 4, 4)
    bounds = torch.tensor([[1, 0], [3, 4], [2, 1], [4, 1]])  # rows 1-2 of columns 2-3; an empty one
    mixed_x, mixed_y = cutmix(x, torch.eye(2), torch.tensor([1, 0]), bounds)
    expected = x.clone()
    expected[0, :, 1:3, 2:4] = x[1, :, 1:3, 2:4]
    assert torch.equal(mixed_x, expected)
    assert mixed_y.tolist() == [[0.75, 0.25], [0, 1]]


@settings(max_examples=40, deadline=None)  # the first one imports scipy
@given(st.integers(1, 9), st.integers(1, 12), st.integers(1, 12), st.floats(0.1, 4), seeds)
def test_cutmix_weighs_labels_by_the_pixels_that_are_seen(n: int, h: int, w: int, alpha: float, seed: int) -> None:
    own = torch.arange(float(n))[:, None, None, None].expand(n, 1, h, w)
    x, y = mix_batch(own, torch.arange(n), Augment(cutmix=alpha), n, drawn(n, seed))
    seen = torch.stack([(x == image).flatten(1).double().mean(1) for image in range(n)], 1)
    torch.testing.assert_close(y.double(), seen, atol=1e-6, rtol=0)


@settings(deadline=None)
@given(st.integers(2, 40), st.floats(0.1, 0.9), seeds)
def test_windows_have_the_area_and_are_cut_off_at_the_border(side: int, share: float, seed: int) -> None:
    n = 8
    chance = drawn(n, seed)[3:]
    top, bottom, left, right = pasted_rectangles(side, side, torch.full((n,), share), chance)
    length = round(side * (1 - torch.tensor(share)).sqrt().item())
    for first, last, which in ((top, bottom, chance[0]), (left, right, chance[1])):
        expected = [
            sum(0 <= pixel < side for pixel in range(begin, begin + length)) for begin in (which % side - length // 2).tolist()
        ]
        assert (last - first).tolist() == expected
    middle = torch.full((2, 1), side // 2)
    top, bottom, left, right = pasted_rectangles(side, side, torch.tensor([share]), middle)
    assert abs(((bottom - top) * (right - left)).item() / side**2 - (1 - share)) <= 1.1 / side + 1 / side**2


def test_the_share_kept_is_betas() -> None:
    chance = torch.randint(RANGE, (20_000,), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(beta_quantile(1.0, chance), (chance.double() + 0.5) / RANGE)
    for alpha in (0.01, 0.2, 1.0, 8.0):
        share = beta_quantile(alpha, chance)
        assert 0 <= share.min() <= share.max() <= 1
        assert abs(share.mean() - 0.5) < 0.01
        assert abs(share.var() - 1 / (8 * alpha + 4)) < 0.003  # of Beta(a, a)


@pytest.mark.parametrize("augment", [Augment(mixup=0.3), Augment(cutmix=1.0), Augment(mixup=0.2, cutmix=0.7)])
def test_pixels_and_labels_agree_whatever_mixes_them(augment: Augment) -> None:
    for seed in range(8):
        x, y = torch.eye(6)[:, :, None, None].expand(6, 6, 8, 8), torch.arange(6)
        mixed_x, mixed_y = mix_batch(x, y, augment, 6, drawn(6, seed))
        torch.testing.assert_close(mixed_x.mean((2, 3)), mixed_y)
        torch.testing.assert_close(mixed_y.sum(1), torch.ones(6))
        assert ((mixed_y > 0).sum(1) <= 2).all()


def test_with_both_each_batch_takes_one_by_chance() -> None:
    x, y = batch(6)
    taken = []
    for seed in range(60):
        both, mix, cut = (
            mix_batch(x, y, augment, CLASSES, drawn(6, seed))
            for augment in (Augment(mixup=1.0, cutmix=1.0), Augment(mixup=1.0), Augment(cutmix=1.0))
        )
        assert not torch.equal(mix[0], cut[0])
        taken.append(torch.equal(both[0], mix[0]))
        assert torch.equal(both[0], (mix if taken[-1] else cut)[0])
        assert torch.equal(both[1], (mix if taken[-1] else cut)[1])
    assert 15 < sum(taken) < 45


def held(n: int = 50) -> Resident:
    x = torch.randint(0, 256, (n, 2, 9, 9), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    return Resident(x, torch.arange(n) % CLASSES)


@pytest.mark.parametrize("size", [9, 12, 20])
def test_batches_mix_what_they_would_have_yielded(size: int) -> None:
    plain = Feed(16, size, FEED.mean, FEED.std, Augment(crop=1, flip=True), shuffle=True, seed=2)
    mixing = Feed(16, size, FEED.mean, FEED.std, Augment(crop=1, flip=True, mixup=1.0), shuffle=True, seed=2, classes=CLASSES)
    for (x, y), (mixed_x, mixed_y) in zip(Batches(held(), plain).epoch(1), Batches(held(), mixing).epoch(1), strict=True):
        assert mixed_x.shape == x.shape
        assert (mixed_y.dtype, mixed_y.shape) == (torch.float32, (len(y), CLASSES))
        # A mixture of the very same images: the weights solve a linear system whose residual is nought.
        shares = torch.linalg.lstsq(x.flatten(1).T.double(), mixed_x.flatten(1).T.double()).solution.T
        torch.testing.assert_close(shares @ x.flatten(1).double(), mixed_x.flatten(1).double(), atol=1e-4, rtol=1e-4)
        rows = torch.nn.functional.one_hot(y, CLASSES).double()
        torch.testing.assert_close(shares @ rows, mixed_y.double(), atol=1e-4, rtol=1e-4)


def test_labels_stay_numbers_where_nothing_is_mixed() -> None:
    for augment in (None, Augment(), Augment(crop=1, flip=True, erasing=0.5)):
        feed = Feed(16, 9, FEED.mean, FEED.std, augment, classes=CLASSES)
        y = torch.cat([y for _, y in Batches(held(), feed).epoch()])
        assert torch.equal(y, held().labels)


def test_mixing_without_the_number_of_classes_says_so() -> None:
    with pytest.raises(InputError, match="give classes"):
        Feed(16, 9, FEED.mean, FEED.std, Augment(mixup=1.0))
    with pytest.raises(InputError, match="got 0 to 4"):
        Batches(held(), Feed(16, 9, FEED.mean, FEED.std, Augment(cutmix=1.0), classes=4))
