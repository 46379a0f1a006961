"""`convatlas sweep` as a user meets it."""

import csv
import json

import pytest

FAST = ("--epochs", 1, "--limit", 200, "--device", "cpu", "--precision", 32, "--threads", 1)
RANGES = ("--search", "lr=1e-4..1e-1", "--search", "batch_size=16,32")


@pytest.mark.slow
def test_a_sweep_searches_on_validation_and_tests_its_best_once(say, tmp_path):
    done = say("sweep", "lenet5", *RANGES, *FAST, "--trials", 2, "--out", "mine")
    assert done.code == 0, done.all
    folder = tmp_path / "mine"
    assert [done.err.count(f"trial {number} [{number + 1}/2]  lr=") for number in (0, 1)] == [1, 1]
    assert "best so far" in done.err
    assert "The best of 2 validation figures is optimistic" in done.out
    metrics = [json.loads((folder / name / "metrics.json").read_text()) for name in ("trial-000", "trial-001", "best")]
    assert [one["test"] is None for one in metrics] == [True, True, False]
    results = json.loads((folder / "results.json").read_text())
    assert results["best"]["val"]["accuracy"] == metrics[results["chosen"]]["val"]["accuracy"]  # the same run again
    assert results["best"]["test"]["accuracy"] == metrics[-1]["test"]["accuracy"]
    rows = list(csv.DictReader((folder / "results.csv").read_text().splitlines()))
    assert [row["lr"] for row in rows] == [one["settings"]["lr"] for one in results["trials"]]
    assert (folder / "sweep.png").stat().st_size > 10_000
    before = [path.stat().st_mtime_ns for path in sorted(folder.glob("*/metrics.json"))]
    again = say("sweep", "mine", "--resume", "--json")
    assert again.code == 0, again.all
    assert json.loads(again.out)["trials"] == results["trials"]
    assert [path.stat().st_mtime_ns for path in sorted(folder.glob("*/metrics.json"))] == before
    for words, said in [
        (("--search", "lr=1e-4..1"), "searches lr=0.0001..0.1 batch_size=16,32, not lr=0.0001..1"),
        (("--epochs", 3), "was begun with epochs 1, not 3"),
        (("--trials", 3), "with the test in sight"),
    ]:
        refused = say("sweep", "--resume", "--out", "mine", *words)
        assert (refused.code, said in refused.all) == (2, True), refused.all
    refused = say("sweep", "lenet5", *RANGES, *FAST, "--out", "mine")
    assert refused.code == 2
    assert "nothing is overwritten" in refused.all


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("lenet5",), "nothing to search"),
        ((), "sweep needs the name of a network"),
        (("--resume",), "add --out DIR"),
        (("nothing", "--resume"), "nothing holds no sweep"),
        (("lenet5", *RANGES, "--trials", 0), "--trials needs to be at least 1, got 0"),
        (("lenet5", *RANGES, "--lr", 0.1), "lr is given and searched"),
        (("lenet5", *RANGES, "--val-share", 0), "has none: add some, or a larger --val-share"),
        (("lenet5", "--search", "learning_rate=0.1..1"), "unknown ablation of lenet5 or field of a recipe"),
        (("lenet5", "--search", "lr=0.5..0.1"), "runs downwards"),
        (("resnet20", "--search", "shortcut=A..B"), "it has no range"),
    ],
)
def test_what_cannot_be_swept_is_said_in_a_sentence(say, tmp_path, words, said):
    ended = say("sweep", *words)
    assert ended.code == 2, ended.all
    assert said in ended.all
    assert not list(tmp_path.iterdir())


def test_the_missing_package_is_named(say, monkeypatch):
    monkeypatch.setattr("convatlas.studies.study.find_spec", lambda _: None)
    ended = say("sweep", "lenet5", *RANGES)
    assert ended.code == 2
    assert "pip install 'convatlas[sweep]'" in ended.all
