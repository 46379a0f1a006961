"""The command line inside this process: what it says, where it says it and how it ends."""

import json
import shutil
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convatlas.engine.recipe import Recipe

QUICK = "--limit 200 --batch-size 32 --device cpu --precision 32 --lr 0.004 --optimizer adamw".split()


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    from convatlas.engine.record import Run
    from convatlas.runs.training import start

    folder = tmp_path_factory.mktemp("trained") / "run"
    settings = {"limit": 200, "epochs": 2, "batch_size": 32, "device": "cpu", "precision": "32", "lr": 0.004}
    list(start(Run.create(folder, Recipe(model="lenet5", optimizer="adamw", **settings))))
    return folder


@pytest.fixture
def own(trained, tmp_path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "own"))


# What is wrong is said in a sentence


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("trian lenet5", "unknown command 'trian': did you mean train?"),
        ("data chekc", "unknown command 'data chekc': did you mean check?"),
        ("train lenet5 --epohcs 2", "Did you mean --epochs?"),
        ("train lenet5 --epochs abc", "--epochs needs to be a whole number, got 'abc'"),
        ("train lenet5 --epochs 2.5", "--epochs needs to be a whole number, got '2.5'"),
        ("train lenet5 bogus", "`convatlas train` has no use for 'bogus'"),
        ("train lenet5 --lr 1 --lr 2", "--lr is given twice"),
        pytest.param("train lenet5 --mean 0.5 0.5 0.5", "--mean takes its numbers with commas between them", id="F61"),
        pytest.param("compare --std 0.5 0.5 0.5", "--std takes its numbers with commas between them", id="F61-compare"),
        ("train lenet5 --data=", "--data is empty: give it a value, or leave it out"),
        ("evaluate lenet5 --split bogus --weights a.pth", "unknown split 'bogus': there are test, train, val."),
        ("train LENET5", "unknown network 'LENET5': did you mean lenet5?"),
        ("train lenet5 --epochs", "--epochs needs a value"),
        ("train lenet5 --epochs -1", "--epochs needs to be at least 1, got -1"),
        ("train lenet5 --lr -0.1", "--lr needs to be above 0"),
        ("train lenet5 --lr nan", "--lr needs to be a number, got 'nan'"),
        ("train lenet5 --batch-size 0", "--batch-size needs to be at least 1"),
        ("train lenet5 --optimizer adam", "unknown optimizer 'adam': did you mean adamw"),
        ("train lenet5 --schedule cosin", "did you mean cosine"),
        ("train lenet5 --precision fp61", "did you mean fp16"),
        ("train lenet5 --threads 99999", "--threads needs to be auto or 1 to"),
        ("evaluate nowhere --threads two", "--threads needs to be a whole number or auto, got 'two'"),
        ("train lenet5 --device gpu", "unknown device 'gpu'"),
        ("train lenet5 --device cpu --precision fp16", "fp16 needs a GPU"),
        ("train lenett5", "unknown network 'lenett5': did you mean lenet5"),
        ("train", "train needs the name of a network"),
        ("train lenet5:chanels=3", "unknown ablation of lenet5 'chanels'"),
        ("train resnet20:widht=3", "did you mean width"),
        ("train resnet20:width=", "write ablations as NAME:key=value"),
        ("train resnet20:width=wide", "width of resnet20 needs a whole number such as 16, got wide"),
        ("train resnet20:width=2.5", "width of resnet20 needs a whole number such as 16, got 2.5"),
        ("train lenet5 --data digts", "did you mean digits"),
        ("train lenet5 --data no/where", "there is no folder, table or .npz file no/where"),
        ("train lenet5 --data no.npz", "no.npz"),
        ("train lenet5 --limit 3", "at least one image for each of the 10 classes"),
        ("train resnet18 --image-size 8", "resnet18 needs images of at least 32x32, got 8x8"),
        ("train lenet5 --weights none.pth", "none.pth does not exist"),
        ("train lenet5 --log visdom", "unknown --log 'visdom'"),
        ("train --resume", "found no unfinished run"),
        ("train --resume --out nowhere", "nowhere is not a run folder"),
        ("train lenet5 --out /proc/self/run", "cannot write /proc/self/run"),
        ("evaluate nowhere", "nowhere is not a run folder"),
        ("evaluate lenet5 --split tset --weights a.pth", "unknown split 'tset': did you mean test"),
        ("predict nowhere a.png", "a.png does not exist"),
        ("compare lenet5 lenet5", "named twice"),
        ("compare lenet5 --seeds 0", "--seeds needs to be at least 1"),
        ("compare lenet5 resnet18 --image-size 8", "at least 32x32"),
        ("compare --resume", "add --out DIR"),
        ("compare --resume --out nowhere", "nowhere holds no comparison"),
        ("list resnt18", "unknown network 'resnt18': did you mean resnet18"),
    ],
)
def test_wrong_input_ends_with_a_sentence_and_two(say, tmp_path, words, sentence):
    said = say(*words.split())
    assert said.code == 2, said.all
    assert sentence in said.all
    assert "Traceback" not in said.all
    assert [path.name for path in tmp_path.iterdir() if path.name != "runs"] == []
    assert not list(tmp_path.glob("runs/*/*"))


def picture(path: Path, size: int = 16, gray: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (size, size), gray).save(path)
    return path


def test_data_that_cannot_be_learned_from_is_named(say, tmp_path):
    (tmp_path / "empty").mkdir()
    picture(tmp_path / "one" / "cats" / "0.png")
    (tmp_path / "a.txt").write_text("")
    np.savez(tmp_path / "keys.npz", x=np.zeros(3))
    np.savez(tmp_path / "objects.npz", x_train=np.array([{}]), y_train=np.zeros(1), x_test=np.zeros(1), y_test=np.zeros(1))
    (tmp_path / "cut.npz").write_bytes((tmp_path / "keys.npz").read_bytes()[:100])
    before = sorted(tmp_path.iterdir())
    for name, sentence in (("empty", "has no images"), ("one", "has one class, cats"), ("a.txt", "neither a folder"),
                           ("keys.npz", "x_train"), ("objects.npz", "objects.npz"), ("cut.npz", "cut.npz")):  # fmt: skip
        said = say("train", "lenet5", "--data", tmp_path / name)
        assert (said.code, "Traceback" in said.all) == (2, False), said.all
        assert sentence in said.all
    assert sorted(tmp_path.iterdir()) == before


def test_errors_are_json_where_json_is_asked_for(say):
    said = say("evaluate", "nowhere", "--json")
    assert said.code == 2
    assert "not a run folder" in json.loads(said.out)["error"]
    assert "not a run folder" in said.err


# Help


def test_every_field_of_the_recipe_has_a_flag(say):
    said = say("train", "--help")
    assert said.code == 0
    for f in fields(Recipe):
        assert (f"--{f.name.replace('_', '-')}" in said.out) == (f.name != "model"), f.name
    assert all(f" {name} " in said.all for name in ("--out", "--resume", "--quiet", "--json", "--log"))


def test_help_names_the_commands(say):
    said = say("--help")
    assert all(name in said.out for name in ("list", "data", "train", "evaluate", "predict", "compare"))
    assert say("--version").out.strip()


# List and data


def test_list(say):
    said = say("list", "resnet18", "lenet*")
    assert said.code == 0
    assert [line.split()[0] for line in said.out.splitlines()[3:] if line.strip()] == ["lenet5", "lenet5_1998", "resnet18"]
    rows = json.loads(say("list", "--json").out)
    assert {row["name"]: row["parameters"] for row in rows}["resnet18"] == 11_689_512


def test_data(say, tmp_path):
    rows = {row["name"]: row for row in json.loads(say("data", "--json", "--data-dir", tmp_path).out)}
    assert rows["digits"]["on_disk"]
    assert rows["cifar10"]["on_disk"] is None
    assert rows["cifar10"]["train"] == 50_000
    assert "fashion_mnist" in say("data").out


# Train


def test_a_line_an_epoch_and_the_figures_at_the_end(say, tmp_path):
    said = say("train", "lenet5", *QUICK, "--epochs", 2, "--out", "run")
    assert said.code == 0, said.all
    lines = said.err.splitlines()
    assert [line.split("  ")[1] for line in lines] == ["epoch 1/2", "epoch 2/2"]
    assert all("images/s" in line and "val" in line for line in lines)
    assert "test " in said.out
    assert "run folder run" in said.out

    before = {path: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    again = say("train", "lenet5", *QUICK, "--epochs", 2, "--out", "run")
    assert again.code == 2
    assert "is not empty and nothing is overwritten: add --resume" in again.all
    resumed = say("train", "--out", "run", "--resume")
    assert resumed.code == 0
    assert resumed.out == said.out
    other = say("train", "--out", "run", "--resume", "--batch-size", 3)
    assert other.code == 2
    assert "was begun with batch-size 32, not 3" in other.all
    assert {path: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before
    longer = say("train", "--out", "run", "--resume", "--epochs", 3)
    assert longer.code == 0
    assert "epoch 3 follows the onecycle schedule of 3 epochs: the learning rate was" in longer.all


def test_json_alone_on_standard_output(say):
    said = say("train", "lenet5", *QUICK, "--epochs", 1, "--json")
    found = json.loads(said.out)
    assert said.err == ""
    assert found["epochs"] == 1
    assert found["run"].startswith("runs/lenet5-digits-s0-")


def test_quiet_prints_the_result_alone(say):
    said = say("train", "lenet5", *QUICK, "--epochs", 1, "--quiet", "--val-share", 0)
    assert said.err == ""
    assert [line.split()[0] for line in said.out.splitlines()] == ["test", "run"]


def test_a_started_run_goes_on_without_its_name(say):
    from convatlas.engine.record import Run

    run = Run.create(None, Recipe(limit=200, epochs=1, batch_size=32, device="cpu", precision="32"))
    said = say("train", "--resume")
    assert said.code == 0
    assert f"run folder {run.path}" in said.out


def test_tensorboard_gets_the_same_events(say, tmp_path):
    pytest.importorskip("tensorboard")
    said = say("train", "lenet5", *QUICK, "--epochs", 1, "--log", "tensorboard", "--out", "run")
    assert said.code == 0, said.all
    (events,) = (tmp_path / "run").glob("events.out.tfevents.*")
    content = events.read_bytes()
    assert all(name in content for name in (b"train_loss", b"val_accuracy", b"learning_rate", b"images_per_second"))


# Evaluate and predict


def test_evaluate(say, trained):
    metrics = json.loads((trained / "metrics.json").read_text())
    found = json.loads(say("evaluate", trained, "--json").out)
    assert found["accuracy"] == metrics["test"]["accuracy"]
    assert found["classes"] == list("0123456789")
    said = say("evaluate", trained, "--split", "val", "--mean", 0.3, "--std", 0.4)
    assert said.code == 0
    assert "top-5" in said.out
    three = say("evaluate", trained, "--mean", 0.1, 0.2, 0.3, "--std", 1, 1, 1)
    assert "each of the 1 channels" in three.all


def test_predict(say, trained, tmp_path):
    picture(tmp_path / "folder" / "a.png")
    (tmp_path / "folder" / "b.png").write_bytes(b"none")
    said = say("predict", trained, "folder", "--topk", 2)
    assert said.code == 0, said.all
    first, second = said.out.splitlines()
    assert first.count("%") == 2
    assert "folder/b.png  cannot be read" in second
    answers = json.loads(say("predict", trained, "folder", "--json").out)
    assert [len(a["classes"]) for a in answers] == [5, 0]
    assert say("predict", "lenet5", "folder/a.png", "--weights", trained).out == say("predict", trained, "folder/a.png").out
    assert "is a run of lenet5, not of resnet20" in say("predict", "resnet20", "folder", "--weights", trained).all
    assert "leave --data --mean --std" in say("predict", trained, "folder", "--data", "digits").all
    assert say("predict", trained, "folder/b.png").code == 2
    assert say("predict", trained).code == 2


@pytest.mark.parametrize("name", ["recipe.json", "env.json", "metrics.json", "model.safetensors"])
def test_a_damaged_run_is_named(say, own, tmp_path, name):
    path = own / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    said = say("predict", own, picture(tmp_path / "a.png"))
    assert said.code == 2, said.all
    assert name in said.all


def test_a_recipe_of_another_version_is_named(say, own):
    recipe = json.loads((own / "recipe.json").read_text())
    (own / "recipe.json").write_text(json.dumps(recipe | {"epohcs": 3}))
    assert "unknown field of a recipe 'epohcs': did you mean epochs" in say("evaluate", own).all


# Compare


def test_compare(say, tmp_path, monkeypatch):
    from convatlas.anatomy import speed

    monkeypatch.setattr(speed, "LONG_ENOUGH", 0.01)
    said = say("compare", "lenet5", *QUICK, "--epochs", 1, "--seeds", 1, "--out", "c")
    assert said.code == 0, said.all
    assert "report c/report.html" in said.out
    assert {"results.json", "results.csv", "report.html"} <= {path.name for path in (tmp_path / "c").iterdir()}
    assert json.loads((tmp_path / "c" / "results.json").read_text())["command"].startswith(
        "convatlas compare lenet5 --limit 200"
    )
    assert say("compare", "lenet5", *QUICK, "--epochs", 1, "--out", "c").code == 2
    again = say("compare", "--resume", "--out", "c", "--json")
    assert json.loads(again.out)["networks"][0]["status"] == "done"
