"""Each file of a run folder, damaged in each way: one sentence that names the file."""

import json
import shutil
from pathlib import Path

import pytest

from convatlas.engine.record import Run
from convatlas.errors import InputError
from convatlas.files import read_object
from convatlas.recipes import default
from convatlas.runs.network import load_run
from convatlas.runs.training import start
from convatlas.studies.compare import Comparison
from convatlas.studies.folds import CrossValidation
from convatlas.studies.sweep import Sweep


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "run"
    list(start(Run.create(folder, default("lenet5", "digits", limit=100, epochs=1, device="cpu", precision="32"))))
    return folder


@pytest.fixture
def own(trained, tmp_path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "own"))


@pytest.mark.parametrize("name", ["recipe.json", "env.json", "metrics.json"])
@pytest.mark.parametrize("text", ["[1]", '"text"', "null", "1", "", "{", "\xff", "[" * 100_000])
def test_f47_what_is_no_object_is_named(own, name, text):
    (own / name).write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=name):
        load_run(own)


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("env.json", {"data": [1]}, r"env.json needs data to be an object, got \[1\]"),
        ("env.json", {"data": {}}, "env.json lacks 'classes'"),
        ("env.json", {"image_size": "16"}, 'env.json holds "16" as image_size'),
        ("env.json", {"image_size": True}, "env.json holds true as image_size"),
        ("metrics.json", {"test": "x" * 100}, 'metrics.json holds "xxxx.{30,40}… as test'),
        ("recipe.json", {"epochs": "1"}, "--epochs needs to be"),
        ("recipe.json", {"mean": {"a": 1}}, "--mean needs to be"),
        ("recipe.json", {"model": 5}, "needs to be"),
    ],
)
def test_f47_values_of_another_kind_are_named(own, name, change, words):
    (own / name).write_text(json.dumps(json.loads((own / name).read_text()) | change))
    with pytest.raises(InputError, match=words):
        load_run(own)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("accuracy", [1]),
        ("loss", None),
        ("per_class_accuracy", 0.5),
        ("per_class_accuracy", [{}]),
        ("confusion", [[1, 2], [3]]),
        ("confusion", [[{"a": 1}]]),
        ("confusion", [1]),
        ("confusion", [[-1]]),
        ("n", 0),
        ("loss", float("inf")),
    ],
)
def test_figures_of_another_kind_are_named(own, key, value):
    metrics = json.loads((own / "metrics.json").read_text())
    metrics["test"][key] = value
    (own / "metrics.json").write_text(json.dumps(metrics))
    with pytest.raises(InputError, match=f"as {key} of test: it is damaged"):
        _ = Run.open(own).metrics


@pytest.mark.parametrize("key", ["data", "image_size"])
def test_f47_what_env_lacks_is_named(own, key):
    values = json.loads((own / "env.json").read_text())
    del values[key]
    (own / "env.json").write_text(json.dumps(values))
    with pytest.raises(InputError, match=f"env.json lacks '{key}'"):
        load_run(own)


def test_f47_lines_of_events_that_are_none_are_left_out(own):
    with (own / "events.jsonl").open("ab") as file:
        file.write(b'[1]\n\xff\n7\n{"epoch": 2, "tr')
    assert [row["epoch"] for row in Run.open(own).epochs()] == [1]


@pytest.mark.parametrize("content", [b"", b"none", b"\xff" * 100])
def test_f47_damaged_predictions_are_named(own, content):
    (own / "predictions.safetensors").write_bytes(content)
    with pytest.raises(InputError, match=r"predictions.safetensors is damaged"):
        Run.open(own).predictions()


def test_objects_say_what_they_lack_at_any_depth(tmp_path):
    file = tmp_path / "a.json"
    file.write_text('{"rows": [{"a": 1}]}')
    with pytest.raises(InputError, match=r"a\.json lacks 'b'"):
        read_object(file, rows=[{}])["rows"][0]["b"]


@pytest.mark.parametrize(
    ("open_folder", "name", "other"),
    [
        (Comparison.open, "comparison.json", {"command": "", "seeds": ["0"], "recipes": []}),
        (Sweep.open, "sweep.json", {"recipe": [], "search": [], "trials": 1}),
        (CrossValidation.open, "folds.json", {"model": ["lenet5"]}),
    ],
)
def test_f47_plans_of_studies(tmp_path, open_folder, name, other):
    for text in ("[1]", "null", "{", "\xff", "{}", json.dumps(other)):
        (tmp_path / name).write_bytes(text.encode("latin-1"))
        if (text, name) != ("{}", "folds.json"):  # a recipe without fields has the defaults
            with pytest.raises(InputError, match=f"{name}|--model"):
                open_folder(tmp_path)
