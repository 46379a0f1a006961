"""Folders as people have them, from the command line: what is left out is said, and what has no classes is classified."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def photos(tmp_path) -> Path:
    """Training images in classes; test images, of which nobody knows the class."""
    rng = np.random.default_rng(0)
    for place, count in (("train/blue", 10), ("train/red", 10), ("test", 5)):
        folder = tmp_path / "photos" / place
        folder.mkdir(parents=True)
        for i in range(count):
            Image.fromarray(rng.integers(0, 256, (20, 24, 3), np.uint8)).save(folder / f"{i}.png")
    return tmp_path / "photos"


def train(say, data: Path, out: str):
    return say("train", "lenet5", "--data", data, "--epochs", 1, "--image-size", 32, "--device", "cpu", "--out", out)


def test_an_unlabeled_test_folder_is_classified(say, photos, tmp_path):
    """F08."""
    said = train(say, photos, "run")
    assert said.code == 0, said.all
    command = f"convatlas predict RUN {photos / 'test'} --csv answers.csv"
    assert f"has no classes (5 images without class folders), so test images are drawn from {photos / 'train'}" in said.all
    assert command in said.all
    said = say(*command.replace("RUN", "run").split()[1:])
    assert said.code == 0, said.all
    rows = list(csv.DictReader((tmp_path / "answers.csv").read_text().splitlines()))
    assert [Path(row["path"]).name for row in rows] == [f"{i}.png" for i in range(5)]
    assert {row["predicted"] for row in rows} <= {"blue", "red"}
    said = say("embed", "run", "--data", photos, "--out", "all.npz")  # `test` is no class of its images
    assert said.code == 0, said.all
    assert np.load(tmp_path / "all.npz")["labels"].tolist().count(-1) == 5


def test_what_is_left_out_is_counted_and_named_everywhere(say, photos, tmp_path):
    """F26 and F27."""
    assert train(say, photos, "run").code == 0
    mix = tmp_path / "mix"
    (mix / ".trash").mkdir(parents=True)
    for name in ("a.png", ".trash/x.png"):
        shutil.copy(photos / "test" / "0.png", mix / name)
    (mix / "f.xyz").write_text("no image")
    (mix / "again").symlink_to(mix)
    words = (
        "1 file of no image format (.xyz) left out of mix: f.xyz",
        "1 item of a system or program passed over in mix: .trash",
        "1 link to a folder above, or to one that is read already, left out of mix: again",
    )
    said = say("predict", "run", "mix", "--csv", "mix.csv")
    assert said.code == 0, said.all
    assert len((tmp_path / "mix.csv").read_text().splitlines()) == 2
    assert all(one in said.err for one in words)
    said = say("embed", "run", "--data", "mix", "--out", "mix.npz")
    assert all(one in said.all for one in words)
    (mix / "a.png").unlink()
    said = say("predict", "run", "mix")
    assert (said.code, f"got none: {words[0]}" in said.all) == (2, True)


def test_images_that_cannot_be_read_are_left_out_of_a_look(say, photos, tmp_path):
    """F50."""
    assert train(say, photos, "run").code == 0
    (photos / "test" / "5.png").write_text("no image")
    said = say("look", "run", "--what", "saliency", "--count", 2, "--image", photos / "test", "--out", "seen")
    assert said.code == 0, said.all
    assert "1 of 6 images cannot be read:" in said.err
    assert "5.png (no image)" in said.err
    for path in (photos / "test").glob("?.png"):
        path.write_text("no image")
    said = say("look", "run", "--what", "saliency", "--image", photos / "test", "--out", "unseen")
    assert (said.code, "no image of 6 can be read: " in said.all) == (2, True)


@pytest.mark.parametrize("command", ["train", "tune", "lr-find", "compare"])
def test_folders_that_are_no_classes_are_refused_by_every_command(say, photos, command):
    (photos / "train").rename(photos / "one")
    shutil.copytree(photos / "one", photos / "two")
    shutil.rmtree(photos / "test")
    said = say(command, "mobilenet_v2", *(("--weights", "default") if command == "tune" else ()), "--data", photos)
    assert (said.code, "both hold blue, red, so they are no classes but parts of one set" in said.all) == (2, True), said.all
    assert "Traceback" not in said.err
