"""An .npz that is right is read; one that is not says what is wrong with it."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from convatlas.data import Augment, load
from convatlas.errors import InputError

Save = Callable[..., Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def write(drop: tuple[str, ...] = (), name: str = "things.npz", **changes: Any) -> Path:
        arrays = {
            "x_train": np.arange(30 * 8 * 8 * 3).reshape(30, 8, 8, 3).astype(np.uint8),
            "y_train": np.arange(30) % 3,
            "x_test": np.zeros((6, 8, 8, 3), np.uint8),
            "y_test": np.arange(6) % 3,
        } | changes
        np.savez(tmp_path / name, **{key: value for key, value in arrays.items() if key not in drop})
        return tmp_path / name

    return write


def test_three_parts_in_channels_first_order(save: Save) -> None:
    data = load(str(save()), val_share=0.2)
    assert (len(data.train), len(data.val or ()), len(data.test or ())) == (24, 6, 6)
    assert (data.name, data.channels, data.size, data.classes) == ("things", 3, (8, 8), ("0", "1", "2"))
    assert data.augment == Augment(crop=1)
    whole = load(str(save()), val_share=0)
    assert whole.val is None
    pixels = np.load(save())["x_train"]
    assert np.array_equal(whole.train.pixels(whole.train.labels[:1]).numpy()[0], pixels[0].transpose(2, 0, 1))
    np.testing.assert_allclose(whole.mean, (pixels / 255).mean((0, 1, 2)))
    np.testing.assert_allclose(whole.std, (pixels / 255).std((0, 1, 2)))


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_any_number_of_channels(save: Save, channels: int) -> None:
    x = {f"x_{part}": np.ones((n, 5, 7, channels), np.uint8) for part, n in (("train", 30), ("test", 6))}
    assert load(str(save(**x))).channels == channels


def test_images_without_an_axis_of_channels_and_labels_with_one_too_many(save: Save) -> None:
    gray = {"x_train": np.ones((30, 5, 7), np.uint8), "x_test": np.ones((6, 5, 7), np.uint8)}
    data = load(str(save(**gray, y_train=np.arange(30)[:, None] % 3)))
    assert (data.channels, data.size, data.train.labels.ndim) == (1, (5, 7), 1)
    assert data.std == (1 / 255,)


def test_classes_are_named_by_the_file(save: Save) -> None:
    assert load(str(save(classes=np.array(["cat", "dog", "owl"])))).classes == ("cat", "dog", "owl")


def test_a_test_part_without_a_class_is_warned_of(save: Save) -> None:
    assert "test has no image of 1, 2" in load(str(save(y_test=np.zeros(6, int)))).warnings[0]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"drop": ("x_test", "y_test")}, "lacks x_test, y_test and has x_train, y_train"),
        ({"x_train": np.ones((30, 8, 8, 3)) / 2}, "needs dtype uint8, values 0 to 255, got float64, values 0.5 to 0.5"),
        ({"x_train": np.ones((30, 8, 8, 3), np.int64)}, "got int64, values 1 to 1"),
        ({"x_train": np.ones((30, 64), np.uint8)}, r"\(n, h, w\) or \(n, h, w, c\) with images in it, got \(30, 64\)"),
        ({"x_test": np.ones((0, 8, 8, 3), np.uint8), "y_test": np.ones(0, int)}, r"got \(0, 8, 8, 3\)"),
        ({"x_test": np.ones((6, 9, 8, 3), np.uint8)}, "x_test needs images like x_train's, 8x8 with 3 channels"),
        ({"x_train": np.array([{}] * 30)}, "x_train holds Python objects, which are never unpickled"),
        ({"y_train": np.array([None] * 30)}, "y_train holds Python objects"),
        ({"y_train": np.eye(3, dtype=int)[np.arange(30) % 3]}, r"got \(30, 3\); turn one-hot rows into numbers"),
        ({"y_train": np.arange(30) % 3 / 1}, "needs integer labels from 0, got dtype float64"),
        ({"y_train": np.arange(29) % 3}, "one label per image, got 29 labels for 30 images"),
        ({"y_train": np.arange(30) % 3 - 1}, "labels from 0, got -1"),
        ({"y_train": np.arange(30) % 3 + 1}, "0 to 3 with none left out, but has no image of 0"),
        ({"y_test": np.arange(6)}, "but has no image of 3, 4, 5"),
        ({"classes": np.array(["a", "b"])}, "0 to 1 for 2 classes, got 2"),
        ({"classes": np.array([1, 2, 3])}, "one string per class"),
        ({"classes": np.array(["a", None, "c"], object)}, "classes holds Python objects"),
        ({"classes": np.array(["a", "a", "c"])}, "gives the name 'a' to two classes"),
        ({"y_train": np.zeros(30, int), "y_test": np.zeros(6, int)}, "has one class, 0: a classifier needs two or more"),
        ({"y_train": np.array([0, 3_000_000_000] * 15)}, "has no image of 1, 2, 3, 4, 5, 6, 7, 8 and 2,999,999,991 more"),
        (
            {"y_train": np.array([0, 2**64 - 1] * 15, np.uint64)},
            "number the classes from 0, got 18446744073709551615",
        ),
        ({"x_train": np.ones((30, 3, 8, 8), np.uint8)}, r"\(30, 3, 8, 8\) looks like channels first: save x_train.transpose"),
        ({"x_train": np.ones((30, 5, 8, 8), np.uint8)}, "looks like channels first"),
        ({"y_train": np.full((30, 3), 2)}, "rows of 0 and 1 where images have several labels, got 2"),
        ({"y_train": np.arange(90).reshape(30, 3) % 2}, r"y_test needs labels like those for training, got the shape \(6,\)"),
    ],
)
def test_a_wrong_file_says_what_is_wrong(save: Save, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        load(str(save(**changes)))


def test_a_file_cut_short_and_files_of_another_kind(save: Save, tmp_path: Path) -> None:
    whole = save().read_bytes()
    for name, content in (("cut.npz", whole[: len(whole) // 2]), ("empty.npz", b""), ("text.npz", b"hello")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=r"is not a whole \.npz file"):
            load(str(tmp_path / name))
    np.save(tmp_path / "single.npy", np.ones(3))
    (tmp_path / "single.npy").rename(tmp_path / "single.npz")
    with pytest.raises(InputError, match="single NumPy array"):
        load(str(tmp_path / "single.npz"))
    with pytest.raises(InputError, match=r"missing\.npz does not exist"):
        load(str(tmp_path / "missing.npz"))


def test_a_known_set_is_read_from_its_npz(save: Save, tmp_path: Path) -> None:
    many = {"y_train": np.arange(30) % 10, "y_test": np.arange(6) % 10}
    save(name="cifar10.npz", **many)
    data = load("cifar10", data_dir=tmp_path)
    assert (data.title, data.classes[3], data.augment.flip) == ("CIFAR-10", "cat", True)


def medmnist(**more: Any) -> dict[str, Any]:
    """Keys and shapes as MedMNIST has them: validation images of its own, a column of labels."""
    sizes = {"train": 30, "val": 9, "test": 6}
    arrays = {f"{part}_images": np.full((n, 8, 8), n, np.uint8) for part, n in sizes.items()}
    return arrays | {f"{part}_labels": np.arange(n)[:, None].astype(np.uint8) % 3 for part, n in sizes.items()} | more


def test_keys_of_medmnist_with_validation_images_of_their_own(tmp_path: Path) -> None:
    np.savez(tmp_path / "path.npz", **medmnist())
    data = load(str(tmp_path / "path.npz"))
    assert [len(part or ()) for part in (data.train, data.val, data.test)] == [30, 9, 6]
    assert data.val is not None
    assert data.val.pixels(torch.arange(1)).unique().tolist() == [9]
    folds = load(str(tmp_path / "path.npz"), folds=3, fold=1)
    assert [len(part or ()) for part in (folds.train, folds.val, folds.test)] == [26, 13, 6]


def test_rows_of_labels_are_several_labels_per_image(tmp_path: Path) -> None:
    rows = {
        f"{part}_labels": np.random.default_rng(n).integers(0, 2, (n, 4))
        for part, n in (("train", 30), ("val", 9), ("test", 6))
    }
    np.savez(tmp_path / "chest.npz", **medmnist(**rows))
    data = load(str(tmp_path / "chest.npz"))
    assert (data.task, data.classes) == ("multilabel", ("0", "1", "2", "3"))
    assert data.train.targets.take(torch.arange(30)).tolist() == rows["train_labels"].tolist()


def test_damaged_archives_are_refused_whatever_numpy_raises(save: Save, tmp_path: Path) -> None:
    whole, rng = bytearray(save().read_bytes()), np.random.default_rng(0)
    for _ in range(60):
        content = bytearray(whole)
        for at in rng.integers(0, len(content), 8):
            content[at] = rng.integers(256)
        (tmp_path / "damaged.npz").write_bytes(content)
        with suppress(InputError):  # it may still be readable
            load(str(tmp_path / "damaged.npz"))
