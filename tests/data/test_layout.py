"""Folders as people have them: names of parts, litter, links, what is left out, and what is refused with a remedy."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from convatlas.data import Data, load
from convatlas.data.folder import parts
from convatlas.data.layout import part_of
from convatlas.data.walk import is_litter, local_name, plain_name, portable_name, walk_pictures
from convatlas.errors import InputError

Maker = Callable[..., Path]


def counts(data: Data) -> tuple[int, ...]:
    return tuple(len(part) if part is not None else -1 for part in (data.train, data.val, data.test))


def folder(root: Path, **changes: object) -> Data:
    return load(str(root), image_size=8, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "part"),
    [
        *((name, "train") for name in ("train", "Train", "TRAINING", "training_set", "Train Images", "trainset")),
        *((name, "val") for name in ("val", "Valid", "VALIDATION", "dev", "eval", "validation-set", "valset")),
        *((name, "test") for name in ("test", "Testing", "tst", "TEST_SET", "test images")),
        *((name, None) for name in ("ants", "trainer", "invalid", "latest", "images", "set", "trains")),
    ],
)
def test_part_of(name: str, part: str | None) -> None:
    assert part_of(name) == part


@pytest.mark.parametrize(
    ("train", "val", "test"),
    [("Train", "Val", "Test"), ("TRAIN", "Valid", "testing"), ("training", "dev", "tst"), ("training_set", "eval", "test_set")],
    ids=["F01", "F01-upper", "F09-dev", "sets"],
)
def test_parts_in_any_letter_case(pictures: Maker, train: str, val: str, test: str) -> None:
    data = folder(pictures(f"{train}/a", f"{train}/b", f"{val}/a", f"{val}/b", f"{test}/a", f"{test}/b"))
    assert (data.classes, counts(data)) == (("a", "b"), (8, 8, 8))


@pytest.mark.parametrize(
    ("folders", "words"),
    [
        (("seg_train/a", "seg_train/b", "seg_test/a", "seg_test/b"), "both hold a, b, so they are no classes but parts of one"),
        (("one/a", "one/b", "two/a", "two/b", "two/c"), "call them train and val or test, or give one of them alone"),
        (("fold1/0", "fold1/1", "fold2/0", "fold2/1"), "no classes but parts"),
        (("x/n01440764", "x/n01443537", "y/n01440764", "y/n01443537"), "no classes but parts"),
        (
            ("a/train", "a/val", "b/train", "b/val"),
            "parts inside its classes: a and b both hold train, val; put the parts first",
        ),
        (("train/one/a", "train/one/b", "train/two/a", "train/two/b"), "no classes but parts"),
    ],
    ids=["F01-words", "F01-any", "folds", "wordnet", "class-first", "below-train"],
)
def test_folders_that_are_no_classes(pictures: Maker, folders: tuple[str, ...], words: str) -> None:
    with pytest.raises(InputError, match=words):
        folder(pictures(*folders))


def test_classes_may_hold_folders_of_the_same_days(pictures: Maker) -> None:
    data = folder(pictures("ants/2024-05-01", "ants/2024-05-02", "bees/2024-05-01", "bees/2024-05-02"))
    assert data.classes == ("ants", "bees")
    assert any("ants and bees are classes" in words for words in data.warnings)


@pytest.mark.parametrize(
    ("folders", "inner"),
    [
        (("photos/train/a", "photos/train/b"), "photos"),
        (("photos/a", "photos/b"), "photos"),
        (("x/y/photos/a", "x/y/photos/b"), "x/y/photos"),
        (("photos/Training/a", "photos/Training/b", "other"), "photos"),
    ],
    ids=["F57", "classes", "deep", "beside"],
)
def test_the_set_further_down_is_suggested(pictures: Maker, folders: tuple[str, ...], inner: str) -> None:
    root = pictures(*folders)
    with pytest.raises(InputError, match=f"did you mean --data {root / inner}"):
        folder(root)


def test_an_unlabeled_test_folder_does_not_stop_training(pictures: Maker) -> None:
    """F08."""
    root = pictures("train/a", "train/b", "test", count=10)
    data = folder(root)
    assert counts(data) == (14, 2, 4)
    [words] = data.warnings
    assert words.startswith(f"{root / 'test'} has no classes (10 images without class folders), so test images are drawn from")
    assert words.endswith(f"convatlas predict RUN {root / 'test'} --csv answers.csv")
    for name in ("val/a", "val/b", "test2"):
        pictures(name, count=10)
    assert counts(folder(root)) == (20, 20, -1)
    assert "there are no test figures" in folder(root).warnings[-1]


def test_a_test_folder_with_one_folder_of_unknown_images_is_unlabeled(pictures: Maker) -> None:
    data = folder(pictures("train/a", "train/b", "test/unknown"))
    assert "test has no classes (4 images" in data.warnings[0]
    with pytest.raises(InputError, match=r"test has A, which .* lacks"):
        folder(pictures("train/a", "train/b", "test/A", root="other"))


def test_what_lies_beside_the_parts_and_classes_is_named(pictures: Maker) -> None:
    """F09 and F73."""
    root = pictures("train/a", "train/b", "val/a", "val/b", "valid/a", "extra", "docs", "train", ".")
    for path in (root / "docs").iterdir():
        path.unlink()
        path.with_suffix(".txt").write_text("words")
    (root / "labels.csv").write_text("path,label\n")
    words = "\n".join(folder(root).warnings)
    assert f"extra (4 images), valid (4 images) beside {root / 'train'} is not read" in words
    assert f"4 images of no class, directly in {root}, not used" in words
    assert f"4 images of no class, directly in {root / 'train'}, not used" in words
    assert f"labels.csv in {root} not read" in words
    assert "docs" not in words


def test_a_name_of_a_part_that_counts_as_a_class_is_named(pictures: Maker) -> None:
    data = folder(pictures("test", "plane", "ship"))
    assert data.classes == ("plane", "ship", "test")
    assert any("test of" in words and "counts as a class" in words for words in data.warnings)


LITTER = (
    ".trash", "@eaDir", "__MACOSX", "$RECYCLE.BIN", "System Volume Information", "lost+found", ".ipynb_checkpoints",
    "#recycle", ".thumbnails", "@Recycle", "RECYCLER", ".AppleDouble",
)  # fmt: skip


@pytest.mark.parametrize("name", [*LITTER, "Thumbs.db", ".DS_Store", "._0.jpg", "desktop.ini", "Icon\r"])
def test_litter(name: str) -> None:
    assert is_litter(name)
    assert is_litter(name.upper())


def test_litter_is_no_class_and_is_told(pictures: Maker) -> None:
    """F33 and F27."""
    root = pictures("a", "b", "@eaDir", ".trash", "a/@eaDir/0.png", "a/.thumbnails")
    (root / "a" / "Thumbs.db").touch()
    data = folder(root)
    assert (data.classes, sum(counts(data))) == (("a", "b"), 8)
    told = f"4 items of a system or program passed over in {root}: .trash, @eaDir, a/.thumbnails, a/@eaDir"
    assert data.warnings == (told,)
    names, left_out = walk_pictures(root)
    assert (len(names), left_out) == (8, (told,))


def test_links_are_followed_once(pictures: Maker) -> None:
    """F02."""
    root, store = pictures("a", "b"), pictures("c", "more", root="store")
    (root / "a" / "up").symlink_to("..")
    (root / "a" / "other").symlink_to("../b")
    (root / "a" / "self").symlink_to(".")
    (root / "c").symlink_to(store / "c")
    (root / "a" / "again").symlink_to(store / "c")
    (store / "c" / "back").symlink_to(root)
    (store / "c" / "more").symlink_to("../more")
    for circle, target in (("x", "y"), ("y", "x")):
        (root / "b" / circle).symlink_to(target)
    tree = parts(root)["all"]
    assert (tree.classes, tree.labels.tolist()) == (("a", "b", "c"), [0] * 4 + [1] * 4 + [2] * 8)
    [words] = [words for words in folder(root).warnings if "links to" in words]
    assert words.startswith(f"5 links to a folder above, or to one that is read already, left out of {root}: ")


def test_a_part_that_leads_to_another_is_left_out(pictures: Maker) -> None:
    root, store = pictures("train/a", "train/b", count=10), pictures("a", "b", root="store")
    (root / "val").symlink_to("train")
    (root / "test").symlink_to(store)
    (store / "a" / "leak").symlink_to(root / "train" / "a")
    data = folder(root)
    assert counts(data) == (18, 2, 8)
    assert f"{root / 'val'} leads to another part and is not read" in data.warnings
    assert any("1 link to a folder above" in words for words in data.warnings)


def test_pipes_are_not_opened_and_closed_folders_are_told(pictures: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    """F44."""
    root = pictures("a", "b", "a/closed")
    os.mkfifo(root / "a" / "p.jpg")
    (root / "b" / "gone.png").symlink_to("nowhere.png")
    real = os.scandir

    def scandir(place: object) -> object:
        if str(place).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return real(place)  # type: ignore[call-overload]

    monkeypatch.setattr(os, "scandir", scandir)
    data = folder(root)
    assert any(words.startswith("1 of 9 images cannot be read") and "gone.png" in words for words in data.warnings)
    assert f"1 file that is a pipe, socket or device left out of {root}: a/p.jpg" in data.warnings
    assert f"1 folder that may not be read left out of {root}: a/closed" in data.warnings


def test_too_few_images_to_set_some_aside_are_told(pictures: Maker) -> None:
    """F55."""
    data = folder(pictures("a", "b", count=1))
    assert counts(data) == (2, -1, -1)
    assert data.warnings == ("there are no validation and no test images: 2 images are too few to set some aside",)
    assert counts(folder(pictures("a", "b", count=2, root="more"))) == (2, -1, 2)
    assert "there are no validation images" in folder(pictures("a", "b", count=2, root="more")).warnings[0]


def test_names_are_text_in_any_locale_and_however_accents_are_written(pictures: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    """F23."""
    composed, decomposed = "\u00fc", "u\u0308"
    root = pictures("train/v", f"train/{decomposed}", "val/v", f"val/{composed}")
    (root / "val" / "v" / "0.png").unlink()
    data = folder(root)
    assert data.classes == (composed, "v")
    assert data.train.labels.tolist() == [0] * 4 + [1] * 4
    assert data.val is not None
    assert data.val.labels.tolist() == [1] * 3 + [0] * 4  # in the order of val's own names
    pictures(f"train/{composed}")
    with pytest.raises(InputError, match=r"two folders .* with accents written in two ways"):
        folder(root)
    ascii_name = composed.encode().decode("ascii", "surrogateescape")  # as a locale without UTF-8 reads it
    assert plain_name(ascii_name) == plain_name(composed) == composed
    monkeypatch.setattr(os, "fsdecode", lambda name: name.decode("ascii", "surrogateescape"))
    assert local_name(portable_name(ascii_name)) == ascii_name
