"""RandAugment, TrivialAugment and random erasing: each image for itself, by torchvision's changes."""

from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchvision.transforms import InterpolationMode, v2

from convatlas.data import Augment
from convatlas.data.chance import CHANGES as ROWS
from convatlas.data.chance import ERASING, chances
from convatlas.data.erasing import AREA, RATIO, blank, erasing_bounds, inside, rectangles
from convatlas.data.policies import (
    CHANGES,
    NAMES,
    RANDAUGMENT,
    TRIVIALAUGMENT,
    Drawn,
    apply_changes,
    changes,
    draw,
    randaugment,
)  # fmt: skip

SIDE = 28
THEIRS = {name: "".join(word.capitalize() for word in name.split()) for name in NAMES} | {"autocontrast": "AutoContrast"}
TWINS = {"randaugment": (RANDAUGMENT, v2.RandAugment), "trivialaugment": (TRIVIALAUGMENT, v2.TrivialAugmentWide)}


def pictures(n: int, channels: int = 3, side: int = SIDE, seed: int = 0) -> Tensor:
    """Smooth ones with noise, so that every change shows."""
    generator = torch.Generator().manual_seed(seed)
    coarse = 40 + 170 * torch.rand(n, channels, 4, 4, generator=generator)
    x = torch.nn.functional.interpolate(coarse, (side, side), mode="bilinear")
    return (x + 30 * torch.rand(x.shape, generator=generator)).to(torch.uint8)


def erased(x: Tensor, probability: float, fill: Tensor, chance: Tensor) -> Tensor:
    size = x.shape[2], x.shape[3]
    return blank(x, inside(erasing_bounds(size, probability, chance), *size), fill)


def changed(x: Tensor, augment: Augment, chance: Tensor) -> Tensor:
    for change in changes(augment, (x.shape[2], x.shape[3]), chance):
        x = change.see(x)
    return x


def drawn(n: int, seed: int) -> Tensor:
    return chances(n, torch.Generator().manual_seed(seed))


def alone(x: Tensor, name: str, degree: float, space=RANDAUGMENT) -> Tensor:
    return apply_changes(x, [(name, degree)] * len(x), space)


@pytest.mark.parametrize("policy", TWINS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", NAMES)
def test_each_change_is_torchvisions_at_each_strength(name: str, channels: int, policy: str) -> None:
    space, twin = TWINS[policy]
    theirs, x = twin(interpolation=InterpolationMode.BILINEAR), pictures(1, channels)
    magnitudes, signed = theirs._AUGMENTATION_SPACE[THEIRS[name]]
    strengths = magnitudes(31, SIDE, SIDE)
    assert (signed, strengths is not None) == (CHANGES[name].signed, CHANGES[name].graded)
    if policy == "trivialaugment" and name.startswith("translate"):
        strengths = strengths / 224 * SIDE  # theirs are pixels, whatever the side
    for strength in range(1, 31, 4):
        for sign in (1, -1) if signed else (1,):
            # Theirs are float32 numbers: the little that they fall short of a fraction can cost a pixel one level.
            magnitude = sign * round(float(strengths[strength]), 6) if strengths is not None else 0.0
            expected = theirs._apply_image_or_video_transform(
                x, THEIRS[name], magnitude, interpolation=InterpolationMode.BILINEAR, fill={torch.Tensor: None}
            )
            assert torch.equal(alone(x, name, sign * strength / 30, space), expected), (strength, sign)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", [name for name in NAMES if CHANGES[name].graded])
def test_strength_nought_changes_nothing(name: str, channels: int) -> None:
    x = pictures(2, channels)
    x[:, :, 0, 0] = 255
    assert torch.equal(alone(x, name, 0.0), x)


def test_color_leaves_gray_images_alone_and_other_changes_do_not() -> None:
    x = pictures(1, 1)
    same = {name for name in NAMES if torch.equal(alone(x, name, 0.5, TRIVIALAUGMENT), x)}
    assert same == {"identity", "color"}
    assert {name for name in NAMES if torch.equal(alone(pictures(1), name, 0.5, TRIVIALAUGMENT), pictures(1))} == {"identity"}


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 9), st.sampled_from([1, 3]), st.integers(0, 2**31))
def test_what_an_image_becomes_does_not_depend_on_the_others(n: int, channels: int, seed: int) -> None:
    x, chance = pictures(n, channels, 12, seed), drawn(n, seed)[ROWS]
    for change in (partial(changed, augment=Augment(randaugment=11)), partial(changed, augment=Augment(trivialaugment=True))):
        together = change(x, chance=chance)
        assert together.dtype == torch.uint8
        assert together.shape == x.shape
        apart = torch.cat([change(x[i : i + 1], chance=chance[:, i : i + 1]) for i in range(n)])
        assert torch.equal(together, apart)
        turned = torch.arange(n).roll(1)
        assert torch.equal(change(x[turned], chance=chance[:, turned]), together[turned])


def test_one_batch_of_every_change_is_each_of_them_alone() -> None:
    picks: list[Drawn] = [(name, degree) for degree in (-0.3, 0.9, 0.3) for name in NAMES]
    picks = [(name, abs(degree) if not CHANGES[name].signed else degree) for name, degree in picks]
    x = pictures(len(picks))
    expected = torch.cat([alone(x[i : i + 1], *one) for i, one in enumerate(picks)])
    assert torch.equal(apply_changes(x, picks, RANDAUGMENT), expected)


def test_randaugment_is_two_changes_one_after_the_other() -> None:
    x, chance = pictures(40), drawn(40, 3)[ROWS]
    first = apply_changes(x, [draw(number, 9) for number in chance[0].tolist()], RANDAUGMENT)
    both = apply_changes(first, [draw(number, 9) for number in chance[1].tolist()], RANDAUGMENT)
    assert torch.equal(changed(x, Augment(randaugment=9), chance), both)
    assert len(randaugment((SIDE, SIDE), 9, chance)) == 2
    assert not torch.equal(first, both)


def test_picks_are_even_over_changes_signs_and_strengths() -> None:
    numbers = drawn(14_000, 0)[ROWS][0].tolist()
    given_, free = [draw(number, 9) for number in numbers], [draw(number, None) for number in numbers]
    for name in NAMES:
        mine = [degree for other, degree in given_ if other == name]
        assert 850 < len(mine) < 1150
        graded, signed = CHANGES[name].graded, CHANGES[name].signed
        assert {round(30 * degree) for degree in mine} == ({9, -9} if signed else {9} if graded else {0})
        if signed:
            assert 400 < sum(degree > 0 for degree in mine) < 600
        strengths = [round(30 * abs(degree)) for other, degree in free if other == name]
        assert set(strengths) == (set(range(31)) if graded else {0})
        assert not graded or max(map(strengths.count, range(31))) < 65


def test_images_that_a_zoom_left_as_fractions_are_rounded_into_the_range() -> None:
    x = torch.tensor([-0.4, 0.6, 254.6, 255.3]).view(1, 1, 2, 2)
    y = apply_changes(x, [("identity", 0.0)], RANDAUGMENT)
    assert y.dtype == torch.uint8
    assert y.flatten().tolist() == [0, 1, 255, 255]


@settings(deadline=None)
@given(st.integers(8, 64), st.integers(8, 64), st.integers(0, 2**31))
def test_rectangles_lie_inside_with_the_papers_areas_and_shapes(h: int, w: int, seed: int) -> None:
    top, bottom, left, right = rectangles(h, w, drawn(30, seed)[ERASING][1:])
    assert (top >= 0).all()
    assert (left >= 0).all()
    assert (bottom <= h).all()
    assert (right <= w).all()
    rows, columns = (bottom - top).double(), (right - left).double()
    # Half a pixel either way is what rounding may do.
    assert ((rows - 0.5) * (columns - 0.5) <= AREA[1] * h * w).all()
    assert ((rows + 0.5) * (columns + 0.5) >= AREA[0] * h * w).all()
    assert (((rows - 0.5) / (columns + 0.5) <= RATIO[1]) | (rows == 1)).all()
    assert (((rows + 0.5) / (columns - 0.5) >= RATIO[0]) | (columns == 1)).all()


def test_rectangles_use_all_of_the_range() -> None:
    top, bottom, left, right = rectangles(100, 100, drawn(4000, 1)[ERASING][1:])
    rows, columns = (bottom - top).double(), (right - left).double()
    area, ratio = rows * columns / 1e4, (rows / columns).log()
    assert area.min() < 0.025
    assert area.max() > 0.395
    assert abs(area.mean() - 0.21) < 0.01
    assert abs(ratio.mean()) < 0.05
    assert ratio.min() < -1.1
    assert ratio.max() > 1.1
    for first, last in ((top, bottom), (left, right)):
        small = last - first < 40
        for place in (first, 100 - last):
            assert {0, 1, 2, 60} <= set(place[small].tolist())


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_erasing_blanks_the_rectangle_and_nothing_else(dtype: torch.dtype) -> None:
    x, chance = pictures(300).clamp(min=1).to(dtype), drawn(300, 4)[ERASING]
    y = erased(x, 0.25, torch.zeros(3), chance)
    assert y.dtype == dtype
    hole = y == 0
    assert torch.equal(y[~hole], x[~hole])
    hit = hole.flatten(1).any(1)
    assert 50 < hit.sum() < 100
    for i, (top, bottom, left, right) in enumerate(rectangles(SIDE, SIDE, chance[1:]).T.tolist()):
        assert hole[i].sum() == 3 * (bottom - top) * (right - left) * hit[i]
        assert hole[i, :, top:bottom, left:right].all() == hit[i]
    filled = erased(x, 1.0, torch.tensor([7.0, 8.0, 9.0]), chance)
    assert all((filled[:, k][hole[:, k]] == 7 + k).all() for k in range(3))
