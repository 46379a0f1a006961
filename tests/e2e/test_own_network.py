"""A network of the user's own, one of timm and one of torchvision, through every command; and what goes wrong on the way."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from convatlas.models.code import KEPT, LOADED
from convatlas.models.own import own_family
from convatlas.trust import TRUST

SIDE = 32
OTHERS = ("timm.models:test_resnet", "torchvision.models:shufflenet_v2_x0_5")
NETWORKS = ("mynet.py:Net", *(pytest.param(name, marks=pytest.mark.thorough) for name in OTHERS))
TRAIN = ("--data", "mine.npz", "--epochs", 1, "--batch-size", 12, "--device", "cpu", "--precision", "32", "--quiet")


@pytest.fixture(autouse=True)
def _another_process_each_time(say) -> Iterator[None]:
    """Nothing is trusted that a test before named."""
    forget()
    yield
    forget()


def forget() -> None:
    """What a new process would not know."""
    TRUST.places, TRUST.all, TRUST.changed = set(), False, False
    KEPT.clear()
    LOADED.clear()
    own_family.cache_clear()


@pytest.fixture
def images(tmp_path) -> Path:
    """Noise on three colors, as an .npz file with three classes."""
    chance = np.random.default_rng(0)
    labels = np.arange(72) % 3
    pixels = chance.integers(0, 60, (72, SIDE, SIDE, 3)) + 60 * np.eye(3, dtype=np.int64)[labels][:, None, None]
    arrays = {"x_train": pixels[:48], "y_train": labels[:48], "x_test": pixels[48:], "y_test": labels[48:]}
    np.savez(tmp_path / "mine.npz", **{name: value.astype(np.uint8) for name, value in arrays.items()})
    return tmp_path


@pytest.fixture
def run(images, say) -> Path:
    """A run of the file that `convatlas new` writes, slim."""
    assert say("new", "mynet.py").code == 0
    assert say("train", "mynet.py:Net:width=4", *TRAIN, "--out", "run").code == 0
    forget()
    return images / "run"


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_every_command_takes_it(images, say, name):
    say("new", "mynet.py")
    slim = f"{name}:width=4" if "mynet" in name else name
    data = ("--data", "mine.npz")
    for words in (
        ("show", slim),
        ("blueprint", slim, "--out", "blueprint.png"),
        ("lr-find", slim, *TRAIN[:2], "--out", "rates.png"),
        ("schedule", slim, *data, "--out", "schedule.png"),
        ("train", slim, *TRAIN, "--out", "run"),
        ("tune", slim, *TRAIN, "--weights", "run", "--out", "tuned"),
        ("compare", slim, "lenet5", *TRAIN, "--seeds", 1, "--out", "comparison"),
        ("compare", "--resume", "--out", "comparison", "--trust-code", "--quiet"),
        ("evaluate", "run", "--trust-code", "--device", "cpu"),
        ("predict", "run", "blueprint.png", "--trust-code"),
        ("predict", slim, "blueprint.png", "--weights", "run"),
        ("look", slim, "--weights", "run", *data, "--what", "filters,features,confusion", "--out", "looks"),
        ("embed", slim, "--weights", "run", "--data", "mine.npz", "--out", "index.npz"),
        ("search", "index.npz", "blueprint.png", "--trust-code"),
        ("cluster", "index.npz", "--out", "clusters"),
        ("probe", "run", "--data", "mine.npz", "--trust-code"),
        ("card", "run", "--trust-code"),
        ("show", "run", "--trust-code"),
    ):
        forget()
        said = say(*words)
        assert said.code == 0, f"{' '.join(map(str, words))}: {said.all}"
    rows = json.loads((images / "comparison" / "results.json").read_text())["networks"]
    assert [row["status"] for row in rows] == ["done", "done"]


def test_a_run_keeps_the_text_and_needs_trust(run, say):
    assert (run / "network.py").read_text() == (run.parent / "mynet.py").read_text()
    assert json.loads((run / "network.json").read_text())["place"] == "mynet.py:Net"
    said = say("evaluate", "run")
    assert (said.code, "code is not executed unasked" in said.all) == (2, True)
    forget()
    (run.parent / "mynet.py").unlink()
    assert say("evaluate", "run", "--trust-code", "--device", "cpu").code == 0


def test_a_changed_file_is_refused_and_loses_nothing(run, say):
    path = run.parent / "mynet.py"
    path.write_text(path.read_text() + "\nCHANGED = True\n")
    (run / "metrics.json").unlink()  # as if it had been interrupted
    before = {file.name: file.read_bytes() for file in run.iterdir()}
    for words in (
        ("train", "mynet.py:Net:width=4", "--resume", "--out", "run"),
        ("look", "mynet.py:Net", "--weights", "run", "--what", "filters", "--out", "looks"),
        ("train", "mynet.py:Net:width=4", *TRAIN, "--weights", "run", "--out", "next"),
    ):
        forget()
        said = say(*words)
        assert (said.code, "trained with another text" in said.all) == (2, True), said.all
    assert {file.name: file.read_bytes() for file in run.iterdir()} == before
    forget()
    assert say("train", "mynet.py:Net:width=4", "--resume", "--out", "run", "--changed-code").code == 0


def test_an_error_in_training_shows_the_line(images, say):
    say("new", "mynet.py")
    path = images / "mynet.py"
    path.write_text(
        path.read_text().replace("        return self.head(", "        assert not self.training\n        return self.head(")
    )
    said = say("train", "mynet.py:Net:width=4", *TRAIN, "--out", "run")
    assert said.code == 2
    assert "AssertionError () in line" in said.all
    assert "assert not self.training" in said.all


def test_new_overwrites_nothing(say, tmp_path):
    (tmp_path / "mine.py").write_text("# mine\n")
    for words, sentence in (
        (("new", "mine.py"), "nothing is overwritten"),
        (("new", "mine.txt"), "needs to end in .py"),
    ):
        said = say(*words)
        assert (said.code, sentence in said.all) == (2, True)
    assert (tmp_path / "mine.py").read_text() == "# mine\n"
