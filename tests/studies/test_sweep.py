"""A sweep with trials whose figures are made up, so that the best setting is known."""

import json
from itertools import pairwise

import optuna
import pytest

from convatlas.engine.events import Epoch
from convatlas.engine.stop import Diverged
from convatlas.errors import ConvAtlasError, InputError, OutOfMemory
from convatlas.recipes import default
from convatlas.runs.build import open_data
from convatlas.studies import sweep as module
from convatlas.studies.attempts import AttemptEnded, AttemptStarted, BestStarted
from convatlas.studies.space import read_space
from convatlas.studies.sweep import Sweep

EPOCHS = 6


def planned(folder, *search, trials=8, **settings):
    chosen = default("lenet5", "digits", limit=60, device="cpu", precision="32", threads=1, **({"epochs": EPOCHS} | settings))
    return Sweep.create(folder, chosen, open_data(chosen), read_space(search, chosen, {}), trials)


@pytest.fixture
def made_up(monkeypatch):
    """Training in no time: `curve(recipe)` gives the figures of the epochs; the runs that were begun, with their images."""
    begun = []

    def replace_training(curve):
        def start(run, data):
            begun.append((run.path.name, len(run.epochs()), data))
            figures = curve(run.recipe)
            for epoch in range(len(run.epochs()) + 1, run.recipe.epochs + 1):
                val = {"accuracy": figures[epoch - 1], "loss": 1 - figures[epoch - 1]}
                event = Epoch(epoch, 1.0, val, 0.1, 100.0, 1.0)
                run.append(event)
                yield event
            images = {name: part and {"n": len(part), **val} for name, part in (("val", data.val), ("test", data.test))}
            run.finish({}, {}, images | {"seconds": 1.0})
            yield object()

        monkeypatch.setattr(module, "start", start)
        return begun

    return replace_training


@pytest.fixture
def in_memory(monkeypatch):
    """A study without a file, which takes no time."""

    class NoFile:
        def __new__(cls, *_, **__):
            return None

    monkeypatch.setattr(optuna.storages, "RDBStorage", NoFile)


def near(best, rising=True):
    """Curves that rise to a figure which is the higher, the nearer the learning rate is to the best one."""

    def curve(recipe):
        end = 0.9 - 0.5 * abs(recipe.lr - best)
        return [end * (epoch / recipe.epochs if rising else 1) for epoch in range(1, recipe.epochs + 1)]

    return curve


def settings(sweep):
    return [one.settings for one in sweep.attempts()]


@pytest.mark.slow
def test_the_best_is_found_without_test_images_and_tested_once(tmp_path, made_up, in_memory):
    begun = made_up(near(0.3))
    sweep = planned(tmp_path / "a", "lr=0.11..1", trials=16)
    events = list(sweep.run())
    folders, _, images = zip(*begun, strict=True)
    assert folders[:9] == tuple(f"trial-{number:03}" for number in range(9))
    assert folders.index("best") == len(folders) - 1
    assert [data.test is None for data in images] == [True] * (len(folders) - 1) + [False]
    best = sweep.best()
    assert abs(best.settings["lr"] - 0.3) < 0.05
    results = sweep.results("convatlas sweep")
    assert results["chosen"] == best.number == max(sweep.attempts(), key=lambda one: one.chooses and one.figure).number
    assert results["candidates"] == sum(one["status"] == "complete" for one in results["trials"])
    assert results["best"]["test"]["n"] == len(open_data(sweep.recipe).test)
    assert json.loads(json.dumps(results, allow_nan=False)) == results
    ended = [event for event in events if isinstance(event, AttemptEnded)]
    assert all(later.best.figure >= before.best.figure for before, later in pairwise(ended))
    assert sum(isinstance(event, BestStarted) for event in events) == 1
    assert all((tmp_path / "a" / folder / "recipe.json").is_file() for folder in folders)


def test_what_is_worse_than_the_median_is_pruned_after_a_half(tmp_path, made_up, in_memory):
    begun = made_up(near(0.3))
    sweep = planned(tmp_path / "a", "lr=0.11..1", trials=14)
    list(sweep.run())
    attempts = sweep.attempts()
    pruned = [one for one in attempts if one.status == "pruned"]
    assert pruned
    assert all(EPOCHS // 2 < one.epochs < EPOCHS and one.number >= 5 for one in pruned)
    assert not any((tmp_path / "a" / one.folder / "metrics.json").exists() for one in pruned)
    assert all(one.epochs == EPOCHS for one in attempts if one.chooses)
    assert begun[-1][0] == "best"


@pytest.mark.slow
def test_an_interrupted_sweep_goes_on_as_if_it_had_not_been(tmp_path, made_up):
    begun = made_up(near(0.3))
    whole = planned(tmp_path / "whole", "lr=0.11..1", "batch_size=8..64", trials=4)
    list(whole.run())
    wanted = settings(whole)
    begun.clear()
    events = planned(tmp_path / "cut", "lr=0.11..1", "batch_size=8..64", trials=4).run()
    for event in events:  # it ends in the middle of trial 2
        if isinstance(event, AttemptStarted) and event.number == 2:
            next(events), next(events)
            events.close()
            break
    cut = Sweep.open(tmp_path / "cut")
    list(cut.run())
    assert settings(cut) == wanted
    assert len({tuple(one.items()) for one in wanted}) == 4
    assert [(folder, epochs) for folder, epochs, _ in begun if folder == "trial-002"] == [("trial-002", 0), ("trial-002", 2)]
    assert len(begun) == 6
    list(Sweep.open(tmp_path / "cut").run())
    assert len(begun) == 6


def test_a_trial_that_fails_or_diverges_costs_one_line_and_a_full_disk_the_sweep(tmp_path, made_up, in_memory):
    def curve(recipe):
        if recipe.optimizer == "adamw" and recipe.schedule == "constant":
            raise OutOfMemory("out of memory with batches of 32")
        if recipe.schedule == "constant":
            raise Diverged("the loss became nan")
        return near(0.3)(recipe)

    made_up(curve)
    sweep = planned(tmp_path / "a", "schedule=constant,onecycle", "optimizer=sgd,adamw", trials=30)
    assert sweep.trials == 4
    list(sweep.run())
    attempts = sweep.attempts()
    assert [(one.status, one.reason) for one in attempts] == [
        ("diverged", "the loss became nan"), ("failed", "out of memory with batches of 32"), ("complete", None),
        ("complete", None)]  # fmt: skip
    assert [list(one.settings.values()) for one in attempts][2:] == [["onecycle", "sgd"], ["onecycle", "adamw"]]

    def full(_):
        raise ConvAtlasError("the disk is full")

    made_up(full)
    with pytest.raises(ConvAtlasError, match="disk is full"):
        list(planned(tmp_path / "b", "lr=0.11..1").run())

    def hopeless(_):
        raise Diverged("the loss became nan")

    made_up(hopeless)
    with pytest.raises(ConvAtlasError, match="none of 2 trials came to its end: the loss became nan"):
        list(planned(tmp_path / "c", "lr=0.11..1", trials=2).run())


def test_a_setting_that_comes_again_is_not_trained_again(tmp_path, made_up, in_memory):
    begun = made_up(near(0.3, rising=False))
    sweep = planned(tmp_path / "a", "optimizer=sgd,adamw", "lr=0.29,0.3,0.31,0.32", trials=7)
    list(sweep.run())
    trained = [folder for folder, _, _ in begun if folder != "best"]
    again = [one for one in sweep.attempts() if one.status == "repeated"]
    assert len(trained) + len(again) == 7
    assert again
    assert sweep.results("")["candidates"] <= len(trained)
    assert all("the same as trial" in one.reason for one in again)


@pytest.mark.slow
def test_more_trials_are_added_until_the_test(tmp_path, made_up):
    begun = made_up(near(0.3))
    sweep = planned(tmp_path / "a", "lr=0.11..1", trials=3)
    for event in sweep.run():
        if isinstance(event, AttemptEnded) and event.attempt.number == 2:
            break
    again = Sweep.open(tmp_path / "a")
    with pytest.raises(InputError, match="is to have 3 trials"):
        again.set_trials(2)
    again.set_trials(4)
    list(again.run())
    assert [folder for folder, *_ in begun] == ["trial-000", "trial-001", "trial-002", "trial-003", "best"]
    with pytest.raises(InputError, match="with the test in sight"):
        Sweep.open(tmp_path / "a").set_trials(5)


@pytest.mark.slow
def test_a_study_of_other_ranges_is_refused(tmp_path, made_up):
    made_up(near(0.3))
    list(planned(tmp_path / "a", "lr=0.11..1", trials=1).run())
    list(planned(tmp_path / "b", "lr=0.11..0.9", trials=1).run())
    (tmp_path / "a" / "study.sqlite3").write_bytes((tmp_path / "b" / "study.sqlite3").read_bytes())
    with pytest.raises(InputError, match="belongs to another recipe or other ranges"):
        list(Sweep.open(tmp_path / "a").run())
    (tmp_path / "a" / "study.sqlite3").write_bytes(b"no study" * 200)
    with pytest.raises(InputError, match="no study that Optuna can read"):
        list(Sweep.open(tmp_path / "a").run())


def test_what_is_given_again_is_what_it_was_begun_with(tmp_path):
    sweep = planned(tmp_path / "a", "lr=0.1..1")
    sweep.require_same("lenet5", ["lr=0.1..1"], {"epochs": EPOCHS})
    for model, search, values, said in [
        ("resnet20", [], {}, "was begun with model lenet5, not resnet20"),
        (None, ["lr=0.1..2"], {}, r"searches lr=0.1..1, not lr=0.1..2"),
        (None, [], {"epochs": 9}, "was begun with epochs 6, not 9"),
    ]:
        with pytest.raises(InputError, match=said):
            sweep.require_same(model, search, values)


def test_nothing_is_written_where_nothing_can_be_chosen(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="--trials needs to be at least 1, got 0"):
        planned(tmp_path / "a", "lr=0.1..1", trials=0)
    with pytest.raises(InputError, match="has none: add some, or a larger --val-share"):
        planned(tmp_path / "a", "lr=0.1..1", val_share=0.0)
    assert not (tmp_path / "a").exists()
    with pytest.raises(InputError, match="holds no sweep"):
        Sweep.open(tmp_path)
    monkeypatch.setattr("convatlas.studies.study.find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"pip install 'convatlas\[sweep\]'"):
        planned(tmp_path / "a", "lr=0.1..1")


@pytest.mark.slow
def test_more_trials_that_are_all_there_are_try_each_setting(tmp_path, made_up, monkeypatch):
    made_up(near(0.3))
    sweep = planned(tmp_path / "a", "optimizer=sgd,adamw", "lr=0.1,0.2", trials=1)
    for event in sweep.run():
        if isinstance(event, AttemptEnded):
            break
    again = Sweep.open(tmp_path / "a")
    again.set_trials(4)
    with monkeypatch.context() as killed:  # while the settings are queued

        def stop(*_, **__):
            raise KeyboardInterrupt

        killed.setattr(optuna.Study, "enqueue_trial", stop)
        with pytest.raises(KeyboardInterrupt):
            list(again.run())
    last = Sweep.open(tmp_path / "a")
    list(last.run())
    tried = settings(last)
    assert len(tried) == 4
    assert len({tuple(sorted(one.items())) for one in tried}) == 4
