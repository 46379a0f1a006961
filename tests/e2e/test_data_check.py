"""`convatlas data check` on a folder with everything wrong that can be, and on one where nothing is."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps


@pytest.fixture
def photographs() -> list[Image.Image]:
    """Made of random soft waves, so that no two are alike."""
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (40, 6, 8, 3), np.uint8)
    return [Image.fromarray(x).resize((240, 180), Image.Resampling.BICUBIC) for x in small]


@pytest.fixture
def clean(photographs, tmp_path) -> Path:
    root = tmp_path / "insects"
    for i, image in enumerate(photographs):
        place = root / ("val" if i in (2, 6, 10) or i % 4 == 3 else "train") / ("ants" if i % 2 else "bees")
        place.mkdir(parents=True, exist_ok=True)
        image.save(place / f"{i}.jpg", quality=92)
    return root


@pytest.fixture
def spoilt(clean, photographs) -> Path:
    train, val = clean / "train", clean / "val"
    photographs[0].save(val / "bees" / "again.jpg", quality=40)
    photographs[4].resize((120, 90)).save(val / "bees" / "small.png")
    photographs[8].crop((5, 4, 235, 176)).save(val / "ants" / "cropped.jpg", quality=92)
    ImageOps.mirror(photographs[1]).save(train / "bees" / "mirrored.jpg", quality=92)
    shutil.copy(train / "ants" / "5.jpg", train / "ants" / "copy.jpg")
    Image.open(train / "ants" / "9.jpg").save(train / "ants" / "lossless.png")
    photographs[12].point(lambda level: int(0.8 * level)).save(train / "bees" / "dark.jpg")
    whole = (train / "ants" / "13.jpg").read_bytes()
    (train / "ants" / "13.jpg").write_bytes(whole[: len(whole) // 2])
    (train / "ants" / "empty.png").touch()
    (train / "ants" / "notes.txt").write_text("nothing to see")
    for i in range(3):
        Image.new("RGB", (50, 50), (i, i, i)).save(train / "bees" / f"flat{i}.png")
    return clean


FOUND = {
    ("train/bees/0.jpg", "val/bees/again.jpg", "near"),
    ("train/bees/4.jpg", "val/bees/small.png", "near"),
    ("train/bees/8.jpg", "val/ants/cropped.jpg", "near"),
    ("train/ants/1.jpg", "train/bees/mirrored.jpg", "mirrored"),
    ("train/ants/5.jpg", "train/ants/copy.jpg", "same"),
    ("train/ants/9.jpg", "train/ants/lossless.png", "same"),
    ("train/bees/12.jpg", "train/bees/dark.jpg", "near"),
}


def test_all_that_is_wrong_is_found_and_nothing_else(say, spoilt, tmp_path):
    said = say("data", "check", spoilt, "--json", "--strict", "--out", "seen")
    assert said.code == 1, said.all
    found = json.loads(said.out)
    assert {(p["first"], p["second"], p["kind"]) for p in found["duplicates"]} == FOUND
    assert {p["path"]: p["reason"] for p in found["broken"]}.keys() == {"train/ants/13.jpg", "train/ants/empty.png"}
    assert "truncated" in found["broken"][0]["reason"]
    assert found["others"] == ["train/ants/notes.txt"]
    assert sorted(found["leaks"][0]["images"]) == ["val/ants/cropped.jpg", "val/bees/again.jpg", "val/bees/small.png"]
    assert [(leak["part"], leak["in"]) for leak in found["leaks"]] == [("val", "train")]
    conflicts = [["train/ants/1.jpg", "train/bees/mirrored.jpg"], ["train/bees/8.jpg", "val/ants/cropped.jpg"]]
    assert sorted(map(sorted, found["two_classes"])) == conflicts
    assert found["parts"]["train"]["classes"] == {"ants": 11, "bees": 22}
    assert found["parts"]["train"]["largest_to_smallest"] == 2
    sizes = found["sizes"]
    assert sizes["width"] == {"min": 50, "median": 240, "max": 240}
    assert sizes["smaller_than_224"] == found["images"]  # 180 pixels high
    assert not found["sound"]
    assert {path.name for path in (tmp_path / "seen").iterdir()} == {"overview.png", "duplicates.png"}
    for path in (tmp_path / "seen").iterdir():
        with Image.open(path) as picture:
            assert min(picture.size) > 400
    again = say("data", "check", spoilt, "--out", "seen")
    assert (again.code, "overview.png exists and nothing is overwritten" in again.all) == (2, True)


def test_it_is_said_in_words(say, spoilt):
    said = say("data", "check", spoilt)
    assert said.code == 0, said.all
    for words in (
        "2 of 51 images cannot be read: train/ants/13.jpg (image file is truncated",
        "1 file of no image format left out: train/ants/notes.txt",
        "3 images of val stand in train too: val/",
        "the same picture stands in two classes: train/",
        "7 pairs of duplicates: 2 same, 4 near, 1 mirrored",
        "train | val, bees | ants",
        "49 smaller than 224 pixels",
    ):
        assert words in said.all
    assert "sound:" not in said.all


def test_a_sound_folder(say, clean):
    said = say("data", "check", clean, "--strict")
    assert said.code == 0, said.all
    assert "no duplicates" in said.all
    assert "sound: nothing is broken, missing, in two parts or in two classes" in said.all
    assert "warning" not in said.all


def test_uneven_classes_copies_before_a_split_and_a_class_that_val_lacks(say, clean, tmp_path):
    tree = tmp_path / "tree"
    shutil.copytree(clean / "train", tree)
    for path in sorted((tree / "bees").iterdir())[4:]:
        path.unlink()
    shutil.copy(tree / "ants" / "1.jpg", tree / "ants" / "1b.jpg")
    said = say("data", "check", tree, "--strict")
    assert said.code == 0, said.all
    assert "ants has 2.8 times" not in said.all
    assert "1 image is a copy of others: a split could put them on both sides" in said.all
    (tree / "bees" / "0.jpg").unlink()
    assert "ants has 3.7 times the images of bees (11 and 3): train with --balance" in say("data", "check", tree).all
    shutil.rmtree(clean / "val" / "bees")
    said = say("data", "check", clean, "--strict")
    assert (said.code, "val has no readable image of bees: add some" in said.all) == (1, True)


def test_what_cannot_be_checked_is_said(say, tmp_path):
    (tmp_path / "void").mkdir()
    (tmp_path / "file.jpg").touch()
    for words, sentence in (
        (("void",), "has no images: a sub-folder for each class"),
        (("nowhere",), "nowhere does not exist"),
        (("file.jpg",), "is a file; a folder of images is needed"),
        ((), "`convatlas data check` needs FOLDER"),
    ):
        said = say("data", "check", *words)
        assert said.code in (1, 2), said.all
        assert sentence in said.all
        assert "Traceback" not in said.err


def test_the_listing_stays(say):
    found = json.loads(say("data", "--json").out)
    assert {row["name"] for row in found} >= {"digits", "cifar10"}
    assert "CIFAR-10" in say("data", "--json").out
    assert "fashion_mnist" in say("data").out


@pytest.mark.parametrize(
    "case",
    [
        (
            {"Train": "train", "Val": "val"},
            "can be trained on: 2 classes (ants, bees); images: 27 for training, 13 for validation, none for test",
            0,
        ),
        ({"photos/train": "train"}, "cannot be trained on: zip has one class, photos: did you mean --data zip/photos?", 1),
        ({"one": "train", "two": "val"}, "both hold ants, bees, so they are no classes but parts of one set", 1),
        ({"train": "train", "test": "val/ants"}, "test has no classes (10 images without class folders)", 1),
        ({"train": "train", "test": "val", "extra": "val/ants"}, "extra (10 images) beside zip/train is not read", 1),
        ({"": "train", "ants/@eaDir": "val/ants"}, "1 item of a system or program passed over in zip: ants/@eaDir", 0),
    ],
    ids=["F34-case", "F34-deep", "parts", "unlabeled", "beside", "litter"],
)
def test_it_is_said_first_whether_the_folder_can_be_trained_on(say, clean, tmp_path, case):
    make, verdict, code = case
    for place, source in make.items():
        shutil.copytree(clean / source, tmp_path / "zip" / place, dirs_exist_ok=True)
    said = say("data", "check", "zip", "--strict")
    assert verdict in said.all
    assert said.out.startswith(f"zip {'cannot' if 'cannot' in verdict or 'both' in verdict else 'can'} be trained on: ")
    assert (said.code, "sound:" in said.all) == (code, not code)
    assert say("data", "check", "zip").code == 0
    told = json.loads(say("data", "check", "zip", "--json").out)
    assert told["verdict"] in said.all
    assert (told["training"] is None) == ("cannot" in told["verdict"])
