"""More epochs for a finished run: as if they had been planned so, and nothing is lost meanwhile."""

import json

import pytest
from small import SIDE, Small, Told, note, same

from convatlas.engine import train as training
from convatlas.engine.recipe import Recipe
from convatlas.engine.record import EXTENSION, Run
from convatlas.engine.schedule import rate
from convatlas.engine.strategy import plan
from convatlas.errors import InputError
from convatlas.runs.extension import extend_run, is_under_way
from convatlas.runs.training import reopen_run


@pytest.fixture
def extend(tmp_path, digits):
    """Gives the run of a name so many epochs; `stop` leaves it after so many steps."""

    def train(name: str, epochs: int | None = None, stop: int | None = None) -> Told:
        run = reopen_run(tmp_path / name, None, {} if epochs is None else {"epochs": epochs})
        told = Told(run)
        for event in training.train(Small(), digits, run.recipe, run, SIDE):
            note(told, event)
            if len(told.steps) == stop:
                break
        return told

    return train


KINDS = {
    "onecycle": {},
    "cosine": {"schedule": "cosine", "optimizer": "adamw", "lr": 0.01},
    "ema": {"ema": 0.8},
    "swa": {"swa": 0.5},
    "patience": {"patience": 3},
    "accumulate": {"accumulate": 2, "schedule": "step"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_more_epochs_are_those_of_a_run_that_was_planned_so(go, extend, kind):
    planned = go("planned", epochs=4, extended=(2,), **KINDS[kind])
    go("run", **KINDS[kind])
    longer = extend("run", 4)
    same(planned, longer)
    assert Run.open(longer.run.path).recipe == planned.run.recipe
    assert {path.name for path in longer.run.path.iterdir()} == {path.name for path in planned.run.path.iterdir()}


def test_more_and_more(go, extend):
    planned = go("planned", epochs=4, extended=(1, 2))
    go("run", epochs=1)
    extend("run", 2)
    same(planned, extend("run", 4))


def test_the_rates_are_those_of_the_new_schedule_from_there_on(go, extend):
    go("run", warmup=0.2, lr=1.0)
    told = extend("run", 4)
    assert told.rates == pytest.approx([rate("onecycle", (step + 0.5) / 20, 0.2) for step in range(10, 20)])
    assert told.notes[-1] == (
        "epochs 3 to 4 follow the onecycle schedule of 4 epochs: the learning rate was 0.0625 and is 0.594 now"
    )
    assert [row["epoch"] for row in told.run.epochs()] == [1, 2, 3, 4]
    assert told.run.metrics["epochs"] == 4


def what_is_kept(run):
    return [(run.path / name).read_bytes() for name in ("recipe.json", "metrics.json", "model.safetensors")]


@pytest.mark.parametrize("stop", [1, 6])
def test_what_was_finished_stays_until_the_new_is_whole(go, extend, stop):
    planned = go("planned", epochs=4, extended=(2,))
    before = go("run").run
    kept = what_is_kept(before)
    cut = extend("run", 4, stop=stop)
    assert not cut.run.finished
    assert is_under_way(before.path)
    assert what_is_kept(before) == kept
    assert Run.open(before.path).finished  # for those who read
    whole = extend("run")
    same(planned, whole)
    assert not is_under_way(before.path)


def test_a_crash_while_the_end_is_written_loses_nothing(go, extend, monkeypatch):
    before = go("run").run
    kept = what_is_kept(before)

    def full(*_):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr("convatlas.engine.record.save", full)
        with pytest.raises(Exception, match="memory"):
            extend("run", 3)
    assert what_is_kept(before) == kept
    assert {path.name for path in before.path.iterdir()} >= {EXTENSION}
    assert extend("run").run.metrics["epochs"] == 3


@pytest.mark.parametrize("fields", [{}, {"epochs": 4}])
def test_what_goes_on_takes_the_epochs_it_was_given(go, extend, tmp_path, fields):
    go("run")
    extend("run", 4, stop=2)
    assert reopen_run(tmp_path / "run", None, fields).recipe.extended == (2,)
    with pytest.raises(InputError, match="was begun with epochs 4, not 9"):
        reopen_run(tmp_path / "run", None, {"epochs": 9})


def test_only_a_finished_run_gets_more_epochs(go, tmp_path):
    go("cut", stop=3)
    with pytest.raises(InputError, match="was begun with epochs 2, not 4"):
        reopen_run(tmp_path / "cut", None, {"epochs": 4})
    run = go("run").run
    with pytest.raises(InputError, match="has had 2 epochs: --epochs gives it more in all, got 1"):
        extend_run(run, 1)
    with pytest.raises(InputError, match=r"was begun with lr 0\.1, not 0\.2"):
        reopen_run(tmp_path / "run", None, {"epochs": 4, "lr": 0.2})
    (tmp_path / "comparison.json").write_text("{}")
    with pytest.raises(InputError, match="is part of a comparison"):
        extend_run(run, 4)
    (tmp_path / "comparison.json").unlink()
    (run.path / "state.pt").unlink()
    with pytest.raises(InputError, match=r"has no state\.pt to go on from"):
        extend_run(run, 4)


def test_a_run_that_patience_stopped_stays_stopped(go):
    run = go("run", epochs=8, patience=1, lr=10.0).run
    stopped = run.load_state()["epoch"]
    assert stopped < 8
    with pytest.raises(InputError, match=f"stopped after {stopped} of 8 epochs, since --patience 1 found none better"):
        extend_run(run, 12)


@pytest.mark.parametrize("extended", [(10,), (12,), (3, 3), (4, 2), (0,)])
def test_earlier_totals_rise_to_the_last(extended):
    with pytest.raises(InputError, match="--extended needs to be rising, and below 10"):
        Recipe(epochs=10, extended=extended)
    assert json.loads(json.dumps(Recipe(epochs=10, extended=(2, 4)).to_json()))["extended"] == [2, 4]


def test_a_strategy_goes_on_with_what_learned_last():
    recipe = Recipe(strategy="lp-ft", epochs=12, extended=(6,), head_rate=2.0)
    first, second, third = plan(recipe, ["stem", "head"])
    assert [(phase.start, phase.end, phase.span) for phase in (first, second, third)] == [
        (0, 2, (0, 2)), (2, 6, (2, 6)), (6, 12, (2, 12)),
    ]  # fmt: skip
    assert third.rates == second.rates
