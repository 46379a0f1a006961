"""Folds hold every image that is not for testing out exactly once, evenly, and by their seed alone."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from convatlas.data import Data, Images, load
from convatlas.data.splits import fold_of
from convatlas.errors import InputError

Maker = Callable[..., Path]
labelings = st.lists(st.integers(0, 4), min_size=1, max_size=120).map(lambda y: np.array(y, np.int64))


@given(labelings, st.integers(2, 12), st.integers(0, 2**31))
def test_each_class_and_the_whole_are_dealt_out_evenly(labels: np.ndarray, folds: int, seed: int) -> None:
    held = fold_of(labels, folds, seed)
    assert np.array_equal(held, fold_of(labels, folds, seed))
    assert np.ptp(np.bincount(held, minlength=folds)) <= 1
    for label in np.unique(labels):
        assert np.ptp(np.bincount(held[labels == label], minlength=folds)) <= 1


def test_who_is_held_out_in_closed_form() -> None:
    labels = np.repeat([1, 0], [7, 5])
    rng = np.random.default_rng(3)
    zeros, ones = rng.permutation(np.arange(7, 12)), rng.permutation(np.arange(7))
    held = fold_of(labels, 3, 3)
    assert held[zeros].tolist() == [0, 1, 2, 0, 1]
    assert held[ones].tolist() == [2, 0, 1, 2, 0, 1, 2]
    assert not np.array_equal(held, fold_of(labels, 3, 4))


def rows(images: Images | None) -> set[bytes]:
    """Every image by its pixels, all of which are different here."""
    return {x.numpy().tobytes() for x in images.pixels(torch.arange(len(images)))} if images is not None else set()


def check_folds(opened: list[Data], images: int, test: set[bytes]) -> None:
    val, train = ([rows(part) for part in parts] for parts in zip(*((d.val, d.train) for d in opened), strict=True))
    assert sum(map(len, val)) == len(set.union(*val)) == images
    for d, mine, others in zip(opened, val, train, strict=True):
        assert not mine & others
        assert len(mine | others) == images
        assert rows(d.test) == test
        assert d.val is not None
        assert np.ptp(np.array([np.bincount(x.val.labels, minlength=len(d.classes)) for x in opened]), axis=0).max() <= 1
    assert not (test & set.union(*val))


@pytest.fixture
def npz(tmp_path: Path) -> str:
    x = np.random.default_rng(0).integers(0, 256, (70, 4, 4), np.uint8)
    y = np.repeat([0, 1, 2], [30, 20, 10])
    np.savez(tmp_path / "mine.npz", x_train=x[:60], y_train=y, x_test=x[60:], y_test=np.arange(10) % 3)
    return str(tmp_path / "mine.npz")


def test_arrays_in_folds(npz: str) -> None:
    plain = load(npz)
    opened = [load(npz, folds=4, fold=fold, val_share=0) for fold in range(4)]
    check_folds(opened, 60, rows(plain.test))
    again = load(npz, folds=4, fold=1, val_share=0.5)
    assert again.train.pixels(torch.arange(5)).equal(opened[1].train.pixels(torch.arange(5)))
    assert rows(load(npz, folds=4, split_seed=1).val) != rows(opened[0].val)
    assert opened[0].mean != opened[1].mean  # of the images to learn from alone


def test_a_limit_is_taken_before_the_folds(npz: str) -> None:
    opened = [load(npz, folds=3, fold=fold, limit=30) for fold in range(3)]
    check_folds(opened, 30, rows(load(npz, limit=30).test))


def test_a_set_of_the_catalog_in_folds() -> None:
    test = load("digits").test
    opened = [load("digits", folds=2, fold=fold) for fold in range(2)]
    assert [(len(d.train), len(d.val or ())) for d in opened] == [(719, 719)] * 2
    assert rows(opened[1].test) == rows(test)


@pytest.mark.parametrize(
    ("folders", "images"),
    [
        (("train/a", "train/b", "val/a", "val/b"), 28),
        (("train/a", "train/b", "validation/a", "validation/b", "test/a", "test/b"), 28),
        (("train/a", "train/b", "test/a", "test/b"), 14),
        (("a", "b"), 12),
    ],
)
@pytest.mark.parametrize("share", [0.0, 0.25])
def test_folders_pool_what_is_not_for_testing(tmp_path: Path, folders: tuple[str, ...], images: int, share: float) -> None:
    root = str(colored(tmp_path / "set", folders))
    opened = [load(root, image_size=8, folds=3, fold=fold, resident_share=share) for fold in range(3)]
    test = colors(load(root, image_size=8).test)
    seen = [colors(d.val) for d in opened]
    assert sum(map(len, seen)) == len(set.union(*seen)) == images
    for d, mine in zip(opened, seen, strict=True):
        assert colors(d.test) == test
        assert colors(d.train) == set.union(*seen) - mine
        assert len(d.train) == images - len(mine)
        for part in (d.train, d.val):
            assert part is not None
            assert {int(x[0, 0, 0]) // 128 for x in part.pixels(torch.where(part.labels == 1)[0])} == {1}
            assert {int(x[0, 0, 0]) // 128 for x in part.pixels(torch.where(part.labels == 0)[0])} == {0}


def colored(root: Path, folders: tuple[str, ...]) -> Path:
    """Seven pictures a folder, each of one color of its own, which no scaling changes; red says the class."""
    for k, folder in enumerate(folders):
        (root / folder).mkdir(parents=True)
        for i in range(7):
            Image.new("RGB", (9, 9), (200 * folder.endswith("b"), 20 * k, 20 * i)).save(root / folder / f"{i}.png")
    return root


def colors(images: Images | None) -> set[tuple[int, ...]]:
    if images is None:
        return set()
    return {tuple(x[:, 3, 3].tolist()) for x in images.pixels(torch.arange(len(images)))}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"folds": 11}, "11 folds need 11 images of each class to learn from, but 2 has 10: take 10 folds or fewer, or add"),
        ({"folds": 25}, r"but 2 has 10 \(1 other class has too few as well\): take 10 folds"),
        ({"folds": 9, "limit": 6}, r"but 2 has 1 \(2 other classes have too few as well\): add images"),
        ({"folds": 1}, "folds needs to be at least 2, got 1"),
        ({"folds": 3, "fold": 3}, "fold needs to be 0 to 2 of 3 folds, got 3"),
        ({"fold": 1}, "fold needs to be 0 without folds, got 1"),
    ],
)
def test_folds_that_cannot_be(npz: str, changes: dict[str, int], words: str) -> None:
    with pytest.raises(InputError, match=words):
        load(npz, **changes)  # type: ignore[arg-type]


def test_a_class_that_one_part_lacks_is_named_with_the_remedy(pictures: Maker) -> None:
    root = pictures("train/ants", "train/bees", "val/ants", "val/bees", "val/wasps")
    with pytest.raises(
        InputError, match=r"validation has wasps, which .*train lacks: add images .* to .*train/wasps, or remove"
    ):
        load(str(root), image_size=8)
    shutil.move(root / "val" / "bees", root / "train" / "wasps")
    with pytest.raises(InputError, match=r"validation has no images of bees, which .*train has: add some to .*val/bees, or"):
        load(str(root), image_size=8)
    shutil.move(root / "val" / "wasps", root / "val" / "Bees")
    shutil.rmtree(root / "train" / "wasps")
    with pytest.raises(InputError, match=r"validation has Bees, which .* lacks, and no images of bees, which it has: give"):
        load(str(root), image_size=8)
