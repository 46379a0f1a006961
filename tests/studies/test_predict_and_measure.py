"""Runs predict, are measured, and are found again."""

import os
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

from convatlas import create_model, load_run
from convatlas.engine.recipe import Recipe
from convatlas.engine.record import Run
from convatlas.errors import InputError
from convatlas.runs.build import open_data
from convatlas.runs.network import NetworkRequest, open_network
from convatlas.runs.training import reopen_run, start
from convatlas.studies.measure import measure
from convatlas.studies.predict import Prediction, list_images, predict

QUICK = {"limit": 200, "epochs": 1, "batch_size": 32, "device": "cpu", "precision": "32"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "run"
    list(start(Run.create(folder, Recipe(model="lenet5", **QUICK | {"epochs": 2, "optimizer": "adamw", "lr": 4e-3}))))
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    data = open_data(Recipe(limit=200))
    for i in range(3):
        Image.fromarray(data.test.pixels(torch.tensor([i]))[0, 0].numpy()).save(folder / f"{i}.png")
    return folder


# Predict


def asked(run: Path, paths: list[Path], topk: int = 5) -> list[Prediction]:
    return list(predict(open_network(NetworkRequest(str(run))), list_images(paths)[0], topk))


def test_probabilities_come_sorted_and_sum_to_one(trained, pictures):
    answers = asked(trained, [pictures], topk=20)
    assert [a.path.name for a in answers] == ["0.png", "1.png", "2.png"]
    for answer in answers:
        p = [p for _, p in answer.classes]
        assert len(p) == 10
        assert sum(p) == pytest.approx(1, abs=1e-5)
        assert p == sorted(p, reverse=True)
    assert [len(a.classes) for a in asked(trained, [pictures / "0.png"], topk=3)] == [3]


def test_files_are_answered_as_the_test_images_were(trained, pictures):
    predictions = Run.open(trained).predictions()
    for i, answer in enumerate(asked(trained, [pictures])):
        assert answer.classes[0][0] == str(int(predictions["test_predicted"][i]))
        assert answer.classes[0][1] == pytest.approx(float(predictions["test_probability"][i]), abs=1e-5)


def test_a_broken_picture_is_named_beside_the_answers(trained, pictures, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    broken, whole = asked(trained, [tmp_path / "broken.png", pictures / "0.png"])
    assert broken.classes == ()
    assert broken.error
    assert whole.error is None


def test_pictures_that_are_all_broken_are_an_error(trained, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match="the file could not be read"):
        asked(trained, [tmp_path])


def test_questions_that_cannot_be_answered(trained, tmp_path):
    (tmp_path / "a.png").touch()
    (tmp_path / "empty").mkdir()
    for paths, topk, words in (([], 5, "got none"), ([tmp_path / "empty"], 5, "got none"),
                               ([tmp_path / "no.png"], 5, "does not exist"),
                               ([tmp_path / "a.png"], 0, "--topk")):  # fmt: skip
        with pytest.raises(InputError, match=words):
            asked(trained, paths, topk)


# Evaluate


def test_a_run_is_measured_as_it_was_at_the_end(trained):
    metrics = Run.open(trained).metrics
    for split in ("val", "test"):
        measured = measure(NetworkRequest(str(trained)), split, device="cpu")
        assert measured.scores.figures["accuracy"] == metrics[split]["accuracy"]
        assert measured.scores.figures["loss"] == pytest.approx(metrics[split]["loss"], rel=1e-4)
        assert (measured.classes, measured.notes) == (tuple("0123456789"), ())


def test_a_network_with_a_weight_file(trained):
    request = NetworkRequest("lenet5", str(trained / "model.safetensors"), data="digits")
    of_file, of_run, by_weights = (
        measure(one, device="cpu", batch_size=50).scores
        for one in (request, NetworkRequest(str(trained)), NetworkRequest("lenet5", str(trained)))
    )
    assert of_run.figures["accuracy"] > 0.15
    assert of_file.figures["accuracy"] == pytest.approx(of_run.figures["accuracy"], abs=0.1)  # of 359 images instead of 200
    assert by_weights.figures == of_run.figures  # a run knows its own split, wherever it is named


def test_weights_for_other_classes_are_no_network_to_measure(tmp_path):
    torch.save(create_model("resnet20", num_classes=7).state_dict(), tmp_path / "seven.pth")
    with pytest.raises(InputError, match=r"seven\.pth was not trained for the 10 classes of digits"):
        measure(NetworkRequest("resnet20", str(tmp_path / "seven.pth"), data="digits"), device="cpu")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"split": "tset"}, "unknown split 'tset': did you mean test"), ({"precision": "fp8"}, "unknown precision"),
        ({"device": "cpuu"}, "unknown device 'cpuu': did you mean cpu"), ({"batch_size": 0}, "at least 1, got 0"),
        ({"mean": (0.1, 0.2), "std": (1.0, 1.0)}, "a number for each of the 1 channels"),
        ({"data": "digitz"}, "did you mean digits"), ({"network": "nowhere"}, "not a run folder"),
    ],
)  # fmt: skip
def test_measures_that_cannot_be_taken(trained, given, words):
    options = {name: given[name] for name in ("split", "precision", "device", "batch_size") if name in given}
    request = {name: value for name, value in given.items() if name not in options}
    with pytest.raises(InputError, match=words):
        measure(NetworkRequest(**{"network": str(trained)} | request), **{"device": "cpu"} | options)


def test_images_of_other_classes_are_refused(trained, two_classes):
    with pytest.raises(InputError, match=r"knows 10 classes .* has 2"):
        measure(NetworkRequest(str(trained), data=str(two_classes)), "val", device="cpu")


def test_a_split_that_is_not_there(tmp_path, two_classes):
    run = Run.create(tmp_path / "run", Recipe(data=str(two_classes), **QUICK | {"limit": None, "batch_size": 4, "crop": 0}))
    list(start(run))
    assert load_run(run.path).classes == ("dark", "light")
    with pytest.raises(InputError, match="has no test images"):
        measure(NetworkRequest(str(run.path)), device="cpu")


# Resume


def test_the_last_unfinished_run_is_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="found no unfinished run"):
        reopen_run(None, None, {})
    old, new = (Run.create(None, Recipe(**QUICK, seed=seed)).path for seed in (0, 1))
    os.utime(old, (1, 1))
    assert reopen_run(None, None, {}).path == new
    assert reopen_run(None, "lenet5", {"seed": 1}).path == new
    (new / "metrics.json").write_text("{}")
    assert reopen_run(None, None, {}).path == old
    with pytest.raises(InputError, match="found no unfinished run"):
        reopen_run(None, "vgg11", {})


def test_other_settings_are_refused(tmp_path):
    path = Run.create(tmp_path / "run", Recipe(**QUICK)).path
    assert reopen_run(path, "lenet5", {"epochs": 1}).path == path
    with pytest.raises(InputError, match="was begun with batch-size 32, not 64: leave the flag out"):
        reopen_run(path, None, {"batch_size": 64})
    with pytest.raises(InputError, match="was begun with model lenet5, not vgg11"):
        reopen_run(path, "vgg11", {})


@pytest.mark.parametrize("hole", ["env.json", "model.safetensors"])
def test_a_damaged_run_is_named(trained, tmp_path, hole):
    shutil.copytree(trained, tmp_path / "run")
    (tmp_path / "run" / hole).unlink()
    with pytest.raises(InputError):
        load_run(tmp_path / "run")
