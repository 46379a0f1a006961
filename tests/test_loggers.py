"""What a run does is written for other programs while it happens, by whichever of their libraries is installed."""

import socket
import warnings
from pathlib import Path

import pytest

from convatlas import loggers
from convatlas.data import load
from convatlas.engine.events import Step
from convatlas.engine.recipe import Recipe
from convatlas.engine.record import Run
from convatlas.errors import ConvAtlasWarning, InputError
from convatlas.loggers import LOGGERS, Logger, check_loggers, log_events
from convatlas.runs.training import start

RECIPE = Recipe(epochs=2, batch_size=8, limit=200, device="cpu", precision="32", threads=1)


class Told:
    """A program that remembers."""

    def __init__(self, run, done):
        self.done, self.rows, self.closed = done, [], False
        TOLD.append(self)

    def write(self, values, step):
        self.rows += [(name, step, value) for name, value in values.items()]

    def close(self):
        self.closed = True


TOLD: list[Told] = []


@pytest.fixture
def remember(monkeypatch):
    TOLD.clear()
    monkeypatch.setitem(LOGGERS, "told", Logger("json", Told))


def train(folder: Path, *names: str, stop: int | None = None) -> Run:
    run = Run.open(folder) if folder.exists() else Run.create(folder, RECIPE)
    data = load("digits", limit=200)
    with log_events(run, names) as log:
        for event in start(run, data):
            log(event)
            if isinstance(event, Step) and (event.epoch - 1) * 22 + event.step == stop:
                break
    return run


def test_losses_rates_and_figures_come_as_they_happen(remember, tmp_path):
    run = train(tmp_path / "run", "told")
    (told,) = TOLD
    assert told.closed
    assert [step for name, step, _ in told.rows if name == "step/loss"] == [16, 22, 38, 44]
    by_epoch = {step: value for name, step, value in told.rows if name == "val_accuracy"}
    assert by_epoch == {22 * row["epoch"]: row["val_accuracy"] for row in run.epochs()}
    assert ("final/test_accuracy", 44, run.metrics["test"]["accuracy"]) in told.rows
    assert {type(value) for _, _, value in told.rows} == {float}


def test_a_resumed_run_says_from_where(remember, tmp_path):
    train(tmp_path / "run", "told", stop=30)
    train(tmp_path / "run", "told")
    assert [told.done for told in TOLD] == [0, 22]
    assert TOLD[1].rows[0][1] == 38


def test_a_program_that_fails_costs_no_training(monkeypatch, tmp_path):
    class Full(Told):
        def write(self, values, step):
            raise OSError("disk full\nand more")

    class Shut(Told):
        def __init__(self, run, done):
            raise RuntimeError

    for name, kind in (("full", Full), ("shut", Shut)):
        monkeypatch.setitem(LOGGERS, name, Logger("json", kind))
    with pytest.warns(ConvAtlasWarning) as told:
        run = train(tmp_path / "run", "full", "shut")
    assert run.finished
    assert [str(one.message) for one in told] == [
        "--log shut has failed and is left out: RuntimeError",
        "--log full has failed and is left out: disk full",
    ]


@pytest.mark.parametrize("name", LOGGERS)
def test_a_missing_library_is_named_with_its_extra(monkeypatch, name):
    monkeypatch.setattr(loggers, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=rf"--log {name} needs the package {name}: pip install 'convatlas\[{name}\]'"):
        check_loggers([name])


def test_an_unknown_program_is_named():
    with pytest.raises(InputError, match="unknown --log 'tensorbord': did you mean tensorboard"):
        check_loggers(["tensorbord"])


@pytest.fixture
def no_network(monkeypatch):
    """Not even this machine is asked for by name or address."""

    def refuse(*_: object) -> None:
        raise AssertionError("a log asked the network")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.slow
def test_tensorboard_shows_a_resumed_run_as_one(tmp_path, no_network):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(tmp_path / "run", "tensorboard", stop=40)
    run = train(tmp_path / "run", "tensorboard")
    shown = EventAccumulator(str(run.path)).Reload()
    assert [one.step for one in shown.Scalars("step/loss")] == [16, 22, 38, 44]
    assert [one.value for one in shown.Scalars("val_accuracy")] == pytest.approx([row["val_accuracy"] for row in run.epochs()])
    assert shown.Scalars("final/test_accuracy")[0].value == pytest.approx(run.metrics["test"]["accuracy"])


@pytest.mark.slow
def test_mlflow_has_one_run_of_a_resumed_one(tmp_path, no_network):
    mlflow = pytest.importorskip("mlflow")
    train(tmp_path / "run", "mlflow", stop=40)
    run = train(tmp_path / "run", "mlflow")
    client = mlflow.MlflowClient((run.path / "mlruns").as_uri())
    (shown,) = client.search_runs(["0"])
    assert shown.info.status == "FINISHED"
    assert shown.data.params["lr"] == str(run.recipe.lr)
    assert shown.data.metrics["final/test_accuracy"] == pytest.approx(run.metrics["test"]["accuracy"])
    assert sorted({one.step for one in client.get_metric_history(shown.info.run_id, "step/loss")}) == [16, 22, 38, 44]


@pytest.mark.slow
def test_wandb_writes_offline(tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", ConvAtlasWarning)
        train(tmp_path / "run", "wandb", stop=40)
        run = train(tmp_path / "run", "wandb")
    files = list((run.path / "wandb").glob("offline-run-*/run-run-0.wandb"))
    assert len(files) == 2
    assert b"final/test_accuracy" in b"".join(path.read_bytes() for path in files)
