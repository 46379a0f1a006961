"""Comparisons of networks: their plan, their results, and what goes wrong in one of them."""

import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn

from convatlas.anatomy import speed as cost
from convatlas.console.comparison import print_comparison
from convatlas.engine.events import Finished
from convatlas.engine.machine import Machine
from convatlas.engine.recipe import Recipe
from convatlas.engine.stop import Interrupted
from convatlas.errors import ConvAtlasError, InputError
from convatlas.runs import build as running
from convatlas.runs import kept, training
from convatlas.runs.build import open_data
from convatlas.studies import compare, speed
from convatlas.studies.compare import Comparison, default_recipes
from convatlas.studies.speed import measure_speed
from convatlas.studies.trials import TrialFailed, TrialStarted
from convatlas.views.verdict import verdict

QUICK = {"limit": 200, "epochs": 1, "batch_size": 32, "device": "cpu", "precision": "32"}


NETWORKS = ("lenet5", "lenet5:scaled_tanh=True")
COST = {"training_memory_bytes": 10**6, "latency_ms": 0.5, "throughput_images_per_second": 1000.0, "speed_other_load": 0.0}


@pytest.fixture(autouse=True, scope="module")
def _cost_is_known():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compare, "measure_speed", lambda *_: COST)
        yield


def test_what_a_network_costs(monkeypatch):
    monkeypatch.setattr(cost, "LONG_ENOUGH", 0.01)
    recipe = Recipe(model="lenet5", **QUICK)
    found = measure_speed(recipe, open_data(recipe))
    assert found.keys() == COST.keys()
    assert found["training_memory_bytes"] > 3 * 4 * 61_706  # weights, gradients, momentum
    load = found.pop("speed_other_load")
    assert load is None or 0 <= load <= 1
    assert min(found.values()) > 0


def test_all_that_is_measured_has_the_threads_that_were_chosen(monkeypatch):
    seen = []

    def measured(*_, **__):
        seen.append(torch.get_num_threads())
        return 1

    monkeypatch.setattr(speed, "machine_to_evaluate", lambda *_, **__: Machine("cpu", "32", 3))
    monkeypatch.setattr(speed, "seconds_per_batch", measured)
    monkeypatch.setattr(speed, "training_memory", measured)
    recipe = Recipe(model="lenet5", **QUICK)
    measure_speed(recipe, open_data(recipe))
    assert seen == [3, 3, 3]


def test_a_cost_that_does_not_fit_is_null(tmp_path, monkeypatch):
    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(compare, "measure_speed", full)
    comparison = plan(tmp_path / "a", ("lenet5",), seeds=1)
    list(comparison.run())
    network = comparison.results()["networks"][0]
    assert (network["status"], network["latency_ms"]) == ("done", None)


def plan(folder: Path, networks=NETWORKS, seeds=2, **given) -> Comparison:
    return Comparison.create(
        folder, default_recipes(networks, given.pop("data", "digits"), QUICK | given), seeds, "convatlas compare"
    )


@pytest.fixture(scope="module")
def compared(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("compared") / "two"
    comparison = plan(folder)
    events = list(comparison.run())
    began = [event for event in events if isinstance(event, TrialStarted)]
    assert [(b.network, b.seed, b.number, b.of, b.done) for b in began] == [
        ("lenet5", 0, 1, 4, False), ("lenet5", 1, 2, 4, False),
        ("lenet5:scaled_tanh=True", 0, 3, 4, False),
        ("lenet5:scaled_tanh=True", 1, 4, 4, False),
    ]  # fmt: skip
    assert sum(isinstance(event, Finished) for event in events) == 4
    print_comparison(comparison, quiet=True, as_json=False)
    return folder


def test_results_as_agreed(compared):
    results = json.loads((compared / "results.json").read_text())
    assert results.keys() == {
        "format", "task", "measures", "image_score", "kind", "title", "command", "created", "seconds", "environment", "data",
        "seeds", "networks",
    }  # fmt: skip
    assert results["title"] == "Two networks on Optical digits"
    assert results["data"]["held_out"] == "test"
    assert results["seeds"] == [0, 1]
    spreads = ("train_accuracy", "val_accuracy", "test_accuracy", "test_top5_accuracy", "test_calibration_error", "seconds")
    for network in results["networks"]:
        assert network.keys() == {
            "name", "status", "error", "image_size", "parameters", "trained_parameters", "macs", *COST,
            "training_images_per_second", "training_other_load", *spreads, "tta_accuracy", "against_best", "recipe", "runs",
            "confusion", "predictions", "precision", "threads",
        }  # fmt: skip
        assert network["status"] == "done"
        for name in spreads:
            figure = network[name]
            assert figure.keys() == {"mean", "sd", "n", "values"}
            assert figure["mean"] == pytest.approx(sum(figure["values"]) / 2)
            assert figure["sd"] == pytest.approx(abs(figure["values"][0] - figure["values"][1]) / 2**0.5, abs=1e-12)
        assert sum(map(sum, network["confusion"])) == 2 * results["data"]["test"]
        assert [p["index"] for p in network["predictions"]] == [p["index"] for p in results["networks"][0]["predictions"]]
        assert [r["folder"] for r in network["runs"]] == [
            f"{network['name'].replace(':', '-').replace('=', '-')}-s{s}" for s in (0, 1)
        ]
        assert all(len(r["epochs"]) == 1 for r in network["runs"])
    assert [bool(n["against_best"]) for n in results["networks"]].count(False) == 1
    assert results["networks"][0]["parameters"] == 61_706
    assert (compared / "results.csv").read_text().count("\n") == 3
    assert "lenet5" in (compared / "report.html").read_text()


def test_results_of_format_1_are_still_read(compared, tmp_path):
    results = json.loads((compared / "results.json").read_text())
    old = {key: value for key, value in results.items() if key not in ("task", "measures")} | {"format": 1}
    (tmp_path / "results.json").write_text(json.dumps(old))
    assert verdict(compare.read_results(tmp_path)) == verdict(results)
    assert compare.read_results(compared) == results


def test_resuming_repeats_nothing_finished(compared):
    def times() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in compared.rglob("*") if path.is_file()}

    before = times()
    events = list(Comparison.open(compared).run())
    assert all(isinstance(event, TrialStarted) and event.done for event in events)
    assert times() == before


def test_a_comparison_is_never_overwritten(compared):
    with pytest.raises(InputError, match="is not empty and nothing is overwritten"):
        plan(compared)
    with pytest.raises(InputError, match="holds no comparison"):
        Comparison.open(compared / "lenet5-s0")


@pytest.mark.parametrize(
    "error",
    [RuntimeError("shapes cannot be\nmultiplied"), ValueError("one value"), ConvAtlasError("out of memory"), MemoryError()],
)
def test_a_network_that_fails_stays_in_its_row(tmp_path, monkeypatch, error):
    started = training.start

    def fail(run, data):
        if run.recipe.model != "lenet5":
            raise error
        yield from started(run, data)

    monkeypatch.setattr(compare, "start", fail)
    comparison = plan(tmp_path / "both", ("lenet5:scaled_tanh=True", "lenet5"), seeds=1)
    failed = [event for event in comparison.run() if isinstance(event, TrialFailed)]
    assert [event.network for event in failed] == ["lenet5:scaled_tanh=True"]
    assert "\n" not in failed[0].reason
    bad, good = comparison.results()["networks"]
    assert (bad["status"], bad["error"], bad["test_accuracy"]["mean"]) == ("failed", failed[0].reason, None)
    assert (good["status"], good["error"], good["test_accuracy"]["n"], good["test_accuracy"]["sd"]) == ("done", None, 1, None)
    assert good["against_best"] is None
    monkeypatch.setattr(compare, "start", started)
    again = Comparison.open(tmp_path / "both")
    assert [event.done for event in again.run() if isinstance(event, TrialStarted)] == [False, True]
    assert again.results()["networks"][0]["status"] == "done"


def two_channels():
    """A network that fails on images of one channel."""
    return nn.Sequential(nn.Conv2d(2, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10))


def test_a_forward_that_fails_stays_in_its_row(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(running, "create_model", lambda *_, **__: two_channels())
    comparison = plan(tmp_path / "one", ("lenet5",), seeds=2)
    events = list(comparison.run())
    assert [event.reason.split(":")[0] for event in events if isinstance(event, TrialFailed)] == ["RuntimeError"]
    print_comparison(comparison, quiet=False, as_json=False)
    assert "lenet5 failed: RuntimeError" in capsys.readouterr().out


def test_ctrl_c_stops_the_whole_comparison_and_says_how_to_go_on(tmp_path, monkeypatch):
    def stopped(run, data):
        raise Interrupted("in epoch 1 after 2 of 5 steps", run.path)
        yield

    monkeypatch.setattr(compare, "start", stopped)
    with pytest.raises(Interrupted, match=r"stopped lenet5 seed 0 in epoch 1 .*convatlas compare --out .*two --resume") as told:
        list(plan(tmp_path / "two").run())
    assert told.value.exit_code == 130


def test_without_test_images_validation_is_held_out(tmp_path, two_classes):
    comparison = plan(tmp_path / "a", ("lenet5",), data=str(two_classes), limit=None, batch_size=4, crop=0)
    list(comparison.run())
    results = comparison.results()
    assert results["data"]["held_out"] == "val"
    network = results["networks"][0]
    assert network["test_accuracy"] == {"mean": None, "sd": None, "n": 0, "values": []}
    assert network["val_accuracy"]["n"] == 2
    assert len(network["predictions"]) == results["data"]["val"] == 4


def test_nothing_held_out_is_nothing_to_compare_on(tmp_path):
    for label, gray in (("dark", 40), ("light", 220)):
        (tmp_path / "set" / label).mkdir(parents=True)
        Image.new("L", (40, 40), gray).save(tmp_path / "set" / label / "0.png")
    with pytest.raises(InputError, match="neither test nor validation images"):
        plan(tmp_path / "a", data=str(tmp_path / "set"), limit=None)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    ("networks", "given", "words"),
    [
        (("lenet5", "lenet5"), {}, "lenet5 was named twice"), (("lenet6",), {}, "did you mean lenet5"),
        (("resnet20:widht=4",), {}, "did you mean width"), (("lenet5", "resnet18"), {"image_size": 8}, "at least 32x32"),
        (("lenet5",), {"data": "digit"}, "did you mean digits"), (("lenet5",), {"precision": "fp16"}, "needs a GPU"),
        (("lenet5",), {"limit": 3}, "each of the 10 classes"),
    ],
)  # fmt: skip
def test_a_wrong_plan_is_refused_before_anything_is_written(tmp_path, networks, given, words):
    with pytest.raises(InputError, match=words):
        plan(tmp_path / "a", networks, **given)
    assert not (tmp_path / "a").exists()


def test_the_images_are_opened_once(tmp_path, monkeypatch):
    opened = []
    load = kept.load
    monkeypatch.setattr(kept, "load", lambda **given: opened.append(given) or load(**given))
    list(plan(tmp_path / "a", ("lenet5",), seeds=2).run())
    assert len(opened) == 1
