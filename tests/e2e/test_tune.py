"""A folder of pictures becomes a classifier: `convatlas tune` and `compare --strategies` as a user meets them."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from convatlas.anatomy import speed

COLORS = {"red": (200, 40, 40), "blue": (40, 40, 200)}
QUICK = ("--epochs", 2, "--batch-size", 8, "--image-size", 32, "--precision", 32)


def pictures(root: Path, parts: dict[str, int], classes: tuple[str, ...] = ("blue", "red")) -> Path:
    rng = np.random.default_rng(0)
    for part, count in parts.items():
        for name in classes:
            (root / part / name).mkdir(parents=True)
            for i in range(count):
                noise = rng.integers(-40, 40, (40, 48, 3))
                pixels = np.clip(np.array(COLORS.get(name, (90, 90, 90))) + noise, 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(root / part / name / f"{i}.png")
    return root


@pytest.fixture
def cli(say: Callable[..., Any]) -> Callable[..., SimpleNamespace]:
    """The command line inside this process, which has torch at hand already."""

    def run(*words: object) -> SimpleNamespace:
        said = say(*words)
        return SimpleNamespace(returncode=said.code, stdout=said.out, stderr=said.err)

    return run


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pictures(tmp_path_factory.mktemp("data") / "photos", {"train": 12, "val": 6})


@pytest.fixture
def given(tmp_path: Path, photos: Path, weights: Path) -> dict[str, Path]:
    """What the words in capitals stand for."""
    pictures(tmp_path / "uneven", {"train": 2})
    pictures(tmp_path / "uneven", {"val": 2}, ("blue", "green", "red"))
    (tmp_path / "empty" / "train").mkdir(parents=True)
    picture = photos / "train" / "red" / "0.png"
    folders = {"EMPTY": tmp_path / "empty", "UNEVEN": tmp_path / "uneven"}
    return {"PHOTOS": photos, "WEIGHTS": weights, "PICTURE": picture, **folders}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a resnet20 for ten classes, as a file."""
    import torch
    from safetensors.torch import save_file

    from convatlas import create_model

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "mine.safetensors"
    save_file(create_model("resnet20").state_dict(), path)
    return path


def test_tune_says_what_it_chose_and_leaves_a_run(cli, tmp_path, photos, weights):
    done = cli("tune", "resnet20", "--weights", weights, "--data", photos, "--out", "mine", *QUICK)
    assert done.returncode == 0, done.stderr
    assert "strategy lp-ft: 24 training images: the head learns first" in done.stderr
    assert "from epoch 1: head: 130 of" in done.stderr
    assert "from epoch 2: " in done.stderr
    recipe = json.loads((tmp_path / "mine" / "recipe.json").read_text())
    assert (recipe["strategy"], recipe["freeze_norms"], recipe["weights"]) == ("lp-ft", False, str(weights))
    metrics = json.loads((tmp_path / "mine" / "metrics.json").read_text())
    assert metrics["val"]["n"] == 12
    again = cli("tune", "mine", "--data", photos, "--strategy", "head", "--out", "more", *QUICK)
    assert again.returncode == 0, again.stderr
    env, first = (json.loads((tmp_path / run / "env.json").read_text())["data"] for run in ("more", "mine"))
    assert env["mean"] == first["mean"]  # the pixels that the weights know
    kept = [line for line in again.stderr.splitlines() if line.startswith("weights ")]
    assert kept, again.stderr


@pytest.mark.slow
def test_folds_hold_every_image_out_once(cli, tmp_path, photos, weights):
    flags = ("--strategy", "head", "--folds", 3, "--out", "folds", *QUICK)
    done = cli("tune", "resnet20", "--weights", weights, "--data", photos, *flags)
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "folds" / "results.json").read_text())
    assert results["held_out_once"]["n"] == 36
    assert results["val_accuracy"]["n"] == 3
    assert np.sum(results["confusion"]) == 36
    assert "each image held out once" in done.stdout
    before = (tmp_path / "folds" / "fold-2" / "metrics.json").stat().st_mtime_ns
    again = cli("tune", "--resume", "--out", "folds")
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "folds" / "fold-2" / "metrics.json").stat().st_mtime_ns == before
    refused = cli("tune", "resnet20", "--weights", weights, "--data", photos, *flags)
    assert refused.returncode == 2
    assert "nothing is overwritten" in refused.stderr


@pytest.mark.slow
def test_strategies_are_compared_like_networks(cli, tmp_path, photos, weights, monkeypatch):
    monkeypatch.setattr(speed, "LONG_ENOUGH", 0.01)
    flags = ("--strategies", "head,last-2,full", "--seeds", 1, "--out", "cmp", *QUICK)
    done = cli("compare", "resnet20", "--weights", weights, "--data", photos, *flags)
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "cmp" / "results.json").read_text())
    assert results["title"] == "Three strategies for resnet20 on photos"
    assert done.stdout.split()[0] == "strategy"
    assert "Latency" not in done.stdout  # the network is one and the same
    rows = {row["name"]: row for row in results["networks"]}
    assert list(rows) == ["head", "last-2", "full"]
    trained = [rows[name]["trained_parameters"] for name in rows]
    assert trained == sorted(trained)
    assert trained[-1] == rows["full"]["parameters"]
    memory = [rows[name]["training_memory_bytes"] for name in rows]
    assert memory[0] < memory[2]
    report = (tmp_path / "cmp" / "report.html").read_text()
    assert "Trained" in report
    assert "Accuracy against peak memory while training, MiB" in report
    assert "choice of test images" not in report  # there are none


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("tune",), "needs the name of a network"),
        (("tune", "resnet20"), "tune needs images to learn from"),
        (("tune", "resnet20", "--data", "PHOTOS"), "resnet20 has no published ones: add --weights"),
        (("tune", "resnet20", "--weights", "WEIGHTS", "--data", "PHOTOS", "--strategy", "heads"), "did you mean head"),
        (("tune", "resnet20", "--weights", "WEIGHTS", "--data", "PHOTOS", "--strategy", "last-7"), "needs 7 stages"),
        (("tune", "resnet56", "--weights", "WEIGHTS", "--data", "PHOTOS"), "lacks"),
        (("tune", "resnet20", "--weights", "nowhere.pth", "--data", "PHOTOS"), "nowhere.pth"),
        (("tune", "resnet20", "--weights", "WEIGHTS", "--data", "PHOTOS", "--mean", "0.5"), "3 channels"),
        (("tune", "resnet20", "--weights", "WEIGHTS", "--data", "EMPTY"), "has no images"),
        (("tune", "resnet20", "--weights", "WEIGHTS", "--data", "UNEVEN"), "validation has green"),
        (("tune", "resnet20", "--weights", "WEIGHTS", "--data", "PHOTOS", "--stochastic-depth", "0.2"), "stochastic depth"),
        (("tune", "resnet20", "--weights", "WEIGHTS", "--data", "PHOTOS", "--folds", "40"), "40"),
        (("tune", "resnet20", "--weights", "WEIGHTS", "--data", "PHOTOS", "--teacher", "resnet20@WEIGHTS"), "10 classes"),
        (("tune", "resnet20", "--weights", "WEIGHTS", "--data", "PHOTOS", "--randaugment", "9", "--trivialaugment"), "exclude"),
        (
            ("tune", "resnet20", "--weights", "WEIGHTS", "--data", "PHOTOS", "--swa", "0.5", "--patience", "2"),
            "--swa averages the last epochs, which --patience may leave out",
        ),
        (("tune", "resnet20", "--weights", "PICTURE", "--data", "PHOTOS"), "is a picture: weights need a file of torch.save"),
        (
            ("tune", "resnet20", "--weights", "WEIGHTS", "--data", "PHOTOS", "--folds", "2", "--fold", "1"),
            "so --fold means nothing",
        ),
        (
            ("compare", "resnet20", "--strategies", "head", "--strategy", "head", "--weights", "WEIGHTS", "--data", "PHOTOS"),
            "leave --strategy out",
        ),
        (("compare", "resnet20", "--strategies", "head"), "--strategies needs a network and images"),
        (("compare", "resnet20", "--strategies", "head,head", "--weights", "WEIGHTS", "--data", "PHOTOS"), "named twice"),
    ],
)
def test_what_cannot_be_is_a_sentence(cli, tmp_path, given, args, words):
    said = [str(given.get(arg, arg)).replace("@WEIGHTS", f"@{given['WEIGHTS']}") for arg in args]
    done = cli(*said, *(("--out", "new") if len(args) > 1 else ()))
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "new").exists()
    assert not (tmp_path / "runs").exists()


def test_the_end_says_what_was_chosen_and_what_comes_next(cli, tmp_path, photos, weights):
    flags = ("--tta", "flip", "--patience", 1, "--out", "a run", *QUICK)
    done = cli("tune", "resnet20", "--weights", weights, "--data", photos, *flags)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("validation ")
    assert lines[1].endswith("with test-time augmentation (flip)")
    assert "top-5" not in done.stdout  # of two classes
    assert "strategy lp-ft: 24 training images: the head learns first" in lines[2]
    best = json.loads((tmp_path / "a run" / "metrics.json").read_text())["best_epoch"]
    assert lines[3].endswith(f", the weights of epoch {best} of 2")
    assert lines[-1] == "try it     convatlas predict 'a run' IMAGE..."
    known = [json.loads((tmp_path / "a run" / f).read_text()) for f in ("metrics.json", "env.json")]
    again = cli("evaluate", "a run", "--split", "val", "--json")
    assert json.loads(again.stdout)["loss"] == pytest.approx(known[0]["val"]["loss"], rel=1e-5)
    refused = cli("evaluate", "a run")
    assert refused.returncode == 2
    assert "has no test images: add --split val" in refused.stderr


def test_a_network_in_another_form_than_its_weights_is_said(photos, tmp_path):
    from safetensors.torch import save_file

    from convatlas import create_model
    from convatlas.runs.finetuning import plan_tuning

    save_file(create_model("squeezenet1_1").state_dict(), tmp_path / "mine.safetensors")

    def notes(side: int) -> tuple[str, ...]:
        return plan_tuning(
            "squeezenet1_1", str(tmp_path / "mine.safetensors"), str(photos), {"image_size": side, "strategy": "head"}
        )[2]

    assert notes(65) == ()
    (said,) = notes(64)
    assert said.startswith("at 64 pixels squeezenet1_1 has another form than at the 224 its weights were trained at")
    assert said.endswith("try --image-size of 96 or more")


def test_one_epoch_is_for_the_head_and_folds_of_images_seen_before_are_said(photos, digits_run):
    from convatlas.runs.finetuning import plan_tuning

    recipe, _, notes = plan_tuning("lenet5", str(digits_run), "digits", {"folds": 3, "epochs": 1, "limit": 200})
    assert recipe.strategy == "head"
    assert "one epoch" in notes[0]
    assert notes[1].endswith("learned from images of digits, which the folds hold out: their figures will be too good")
    assert plan_tuning("lenet5", str(digits_run), str(photos), {"folds": 3, "strategy": "full"})[2] == ()


def test_a_stopped_tuning_says_how_to_go_on(photos, weights, tmp_path, monkeypatch):
    from convatlas.engine.record import Run
    from convatlas.engine.stop import Interrupted
    from convatlas.runs import training
    from convatlas.runs.finetuning import plan_tuning

    def stopped(*_: object, **__: object) -> None:
        raise Interrupted("in epoch 1", tmp_path)

    monkeypatch.setattr("convatlas.engine.train.train", stopped)
    recipe, data, notes = plan_tuning("resnet20", str(weights), str(photos), {"strategy": "head", "image_size": 32})
    with pytest.raises(Interrupted, match=r"convatlas tune --out .* --resume"):
        list(training.start(Run.create(tmp_path / "run", recipe), data, notes))
