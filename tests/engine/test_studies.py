import json
import os
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image
from small import Small

from convatlas import console, create_model, load_run
from convatlas.anatomy import speed as cost
from convatlas.engine.events import Finished
from convatlas.engine.recipe import Recipe
from convatlas.engine.record import Run
from convatlas.engine.stop import Interrupted
from convatlas.errors import ConvAtlasError, InputError
from convatlas.runs import build as running
from convatlas.runs import training
from convatlas.runs.build import open_data
from convatlas.runs.network import NetworkRequest, open_network
from convatlas.runs.training import reopen_run, start
from convatlas.studies import compare
from convatlas.studies.compare import Began, Comparison, Failed, default_recipes
from convatlas.studies.measure import measure
from convatlas.studies.predict import Prediction, list_images, predict
from convatlas.studies.speed import measure_speed

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
    return list(predict(open_network(NetworkRequest(str(run))), list_images(paths), topk))


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
    with pytest.raises(InputError, match="none of the 1 files could be read"):
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
        ({"device": "cpuu"}, "unknown device 'cpuu': did you mean cpu"), ({"batch_size": 0}, "1 or more"),
        ({"mean": (0.1, 0.2), "std": (1.0, 1.0)}, "a number for each of the 1 channels"),
        ({"data": "digitz"}, "did you mean digits"), ({"network": "nowhere"}, "not a run folder"),
    ],
)  # fmt: skip
def test_measures_that_cannot_be_taken(trained, given, words):
    options = {name: given[name] for name in ("split", "precision", "device", "batch_size") if name in given}
    request = {name: value for name, value in given.items() if name not in options}
    with pytest.raises(InputError, match=words):
        measure(NetworkRequest(**{"network": str(trained)} | request), **{"device": "cpu"} | options)


@pytest.fixture
def two_classes(tmp_path) -> Path:
    for part, count in (("train", 6), ("val", 2)):
        for label, grey in (("dark", 40), ("light", 220)):
            folder = tmp_path / "set" / part / label
            folder.mkdir(parents=True)
            for i in range(count):
                Image.new("L", (40, 40), grey + i).save(folder / f"{i}.png")
    return tmp_path / "set"


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


# Compare


NETWORKS = ("lenet5", "lenet5:scaled_tanh=True")
COST = {"training_memory_bytes": 10**6, "latency_ms": 0.5, "throughput_images_per_second": 1000.0}


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
    assert min(found.values()) > 0


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
    began = [event for event in events if isinstance(event, Began)]
    assert [(b.network, b.seed, b.number, b.of, b.done) for b in began] == [
        ("lenet5", 0, 1, 4, False), ("lenet5", 1, 2, 4, False),
        ("lenet5:scaled_tanh=True", 0, 3, 4, False),
        ("lenet5:scaled_tanh=True", 1, 4, 4, False),
    ]  # fmt: skip
    assert sum(isinstance(event, Finished) for event in events) == 4
    console.compared(comparison, quiet=True, as_json=False)
    return folder


def test_results_as_agreed(compared):
    results = json.loads((compared / "results.json").read_text())
    assert results.keys() == {
        "format", "kind", "title", "command", "created", "seconds", "environment", "data", "seeds", "networks"
    }  # fmt: skip
    assert results["title"] == "Two networks on Optical digits"
    assert results["data"]["held_out"] == "test"
    assert results["seeds"] == [0, 1]
    spreads = ("train_accuracy", "val_accuracy", "test_accuracy", "test_top5_accuracy", "test_calibration_error", "seconds")
    for network in results["networks"]:
        assert network.keys() == {
            "name", "status", "error", "image_size", "parameters", "trained_parameters", "macs", *COST,
            "training_images_per_second", *spreads, "tta_accuracy", "against_best", "recipe", "runs", "confusion",
            "predictions",
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


def test_resuming_repeats_nothing_finished(compared):
    def times() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in compared.rglob("*") if path.is_file()}

    before = times()
    events = list(Comparison.open(compared).run())
    assert all(isinstance(event, Began) and event.done for event in events)
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
    failed = [event for event in comparison.run() if isinstance(event, Failed)]
    assert [event.network for event in failed] == ["lenet5:scaled_tanh=True"]
    assert "\n" not in failed[0].reason
    bad, good = comparison.results()["networks"]
    assert (bad["status"], bad["error"], bad["test_accuracy"]["mean"]) == ("failed", failed[0].reason, None)
    assert (good["status"], good["error"], good["test_accuracy"]["n"], good["test_accuracy"]["sd"]) == ("done", None, 1, None)
    assert good["against_best"] is None
    monkeypatch.setattr(compare, "start", started)
    again = Comparison.open(tmp_path / "both")
    assert [event.done for event in again.run() if isinstance(event, Began)] == [False, True]
    assert again.results()["networks"][0]["status"] == "done"


def test_a_forward_that_fails_stays_in_its_row(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(running, "create_model", lambda *_, **__: Small(c_in=2))
    comparison = plan(tmp_path / "one", ("lenet5",), seeds=2)
    events = list(comparison.run())
    assert [event.reason.split(":")[0] for event in events if isinstance(event, Failed)] == ["RuntimeError"]
    console.compared(comparison, quiet=False, as_json=False)
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
    for label, grey in (("dark", 40), ("light", 220)):
        (tmp_path / "set" / label).mkdir(parents=True)
        Image.new("L", (40, 40), grey).save(tmp_path / "set" / label / "0.png")
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
    load = compare.load
    monkeypatch.setattr(compare, "load", lambda **given: opened.append(given) or load(**given))
    list(plan(tmp_path / "a", ("lenet5",), seeds=2).run())
    assert len(opened) == 1
