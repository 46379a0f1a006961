"""A run is one folder that another machine can use; its answers as a table for other programs."""

import csv
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from convatlas import create_model
from convatlas.data.picture_file import Unreadable
from convatlas.studies.predict import predict


def picture(path: Path, seed: int, shape: tuple[int, ...] = (40, 50, 3)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, np.uint8)).save(path)
    return path


@pytest.fixture
def pictures(tmp_path) -> Path:
    for i in range(5):
        picture(tmp_path / f"pictures/{i}.png", i, (20, 20))
    (tmp_path / "pictures" / "3, broken.png").write_bytes(b"none")
    return tmp_path / "pictures"


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))


def test_a_run_predicts_where_neither_its_data_nor_its_weights_are(say, tmp_path, monkeypatch):
    for place in (
        f"home/photos/{part}/{label}/{i}.png" for part in ("train", "val") for label in ("a cat", "dog") for i in range(4)
    ):
        picture(tmp_path / place, hash(place) % 2**31)
    torch.save(create_model("lenet5", num_classes=5, in_channels=3).state_dict(), tmp_path / "home" / "old.pth")
    options = "--epochs 1 --batch-size 4 --device cpu --precision 32 --out home/run".split()
    trained = say("train", "lenet5", "--data", "home/photos", "--weights", "home/old.pth", *options)
    assert trained.code == 0, trained.all
    photo = shutil.copy(tmp_path / "home/photos/val/dog/0.png", tmp_path / "photo.png")
    before = json.loads(say("predict", "home/run", photo, "--json").out)
    shutil.copytree(tmp_path / "home" / "run", tmp_path / "elsewhere" / "run")
    shutil.rmtree(tmp_path / "home")
    monkeypatch.setenv("CONVATLAS_DATA", str(tmp_path / "nothing"))
    said = say("predict", "elsewhere/run", photo, "--json")
    assert said.code == 0, said.all
    assert json.loads(said.out) == before
    assert {answer["name"] for answer in before[0]["classes"]} == {"a cat", "dog"}


def test_the_table_says_what_json_says(say, digits_run, pictures):
    told = json.loads(say("predict", digits_run, "pictures", "--topk", 3, "--json").out)
    said = say("predict", digits_run, "pictures", "--topk", 3, "--csv", "answers.csv", "--batch-size", 2, "--device", "cpu")
    assert (said.code, said.out) == (0, "answers.csv  6 images, 1 of them unreadable\n"), said.all
    text = Path("answers.csv").read_text()
    assert text.splitlines()[0] == "path,predicted,probability,class_2,probability_2,class_3,probability_3,error"
    for row, answer in zip(table(text), told, strict=True):
        assert row["path"] == answer["image"]
        assert row["error"] == (answer["error"] or "")
        names = [row[name] for name in ("predicted", "class_2", "class_3") if row[name]]
        shares = [float(row[name]) for name in ("probability", "probability_2", "probability_3") if row[name]]
        assert names == [one["name"] for one in answer["classes"]]
        assert shares == pytest.approx([one["probability"] for one in answer["classes"]], rel=1e-5)
    assert say("predict", digits_run, "pictures", "--topk", 3, "--csv", "-").out == text
    assert list(table(say("predict", digits_run, "pictures", "--topk", 99, "--csv", "-").out)[0])[-2] == "probability_10"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("pictures --csv here.csv", "here.csv exists and nothing is overwritten: choose another --csv"),
        ("pictures --csv no/where.csv", "cannot write no/where.csv: the folder no does not exist"),
        ("pictures --csv - --json", "both want standard output"),
        ("pictures --csv new.csv --topk 0", "--topk needs to be at least 1, got 0"),
        ("pictures --csv new.csv --batch-size 0", "--batch-size needs to be at least 1, got 0"),
        ("pictures --csv new.csv --device tpu", "unknown device 'tpu'"),
        ("broken --csv new.csv", "the file could not be read as an image: broken/a.png"),
    ],
)
def test_nothing_is_written_where_something_is_wrong(say, digits_run, pictures, tmp_path, *, words, sentence):
    (tmp_path / "here.csv").write_text("mine")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "a.png").write_bytes(b"none")
    before = sorted(tmp_path.iterdir())
    said = say("predict", digits_run, *words.split())
    assert (said.code, sentence in said.all) == (2, True), said.all
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "here.csv").read_text() == "mine"


def test_no_more_than_a_batch_of_pictures_is_held():
    asked: list[int] = []

    def read(path: Path) -> torch.Tensor:
        if path.stem == "7":
            raise Unreadable("broken")
        return torch.full((1, 2, 2), int(path.stem), dtype=torch.uint8)

    def logits(pixels: torch.Tensor) -> torch.Tensor:
        asked.append(len(pixels))
        return torch.nn.functional.one_hot(pixels[:, 0, 0, 0].long() % 3, 3) * 9.0

    shape = {"model": torch.nn.Identity(), "channels": 1, "image_size": 2}
    task = SimpleNamespace(probabilities=lambda logits: logits.softmax(1))
    reader = SimpleNamespace(read=read, logits=logits, classes=("a", "b", "c"), task=task, **shape)
    answers = predict(reader, [Path(f"{i}.png") for i in range(10)], 1, batch_size=4)
    assert next(answers).classes[0][0] == "a"
    assert asked == [4]  # the next ones only when they are asked for
    assert [a.classes[0][0] if a.classes else a.error for a in answers] == ["b", "c", "a", "b", "c", "a", "broken", "c", "a"]
    assert asked == [4, 3, 2]
