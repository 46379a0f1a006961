import csv
import sys
from dataclasses import asdict
from pathlib import Path
from subprocess import run

import pytest
from fabricated import MEASURES, emptied, results, without_test

from convatlas.engine.task import Measure
from convatlas.views.numbers import DASH, count, duration, finite, operations, size
from convatlas.views.table import columns, csv_rows, load_words, places, write_csv
from convatlas.views.verdict import best_name, verdict


@pytest.mark.parametrize(
    ("write", "value", "text"),
    [
        (count, 986, "986"), (count, 61_706, "61.7 k"), (count, 999_999, "1.00 M"), (count, 11_173_962, "11.2 M"),
        (count, None, DASH), (operations, 416_520, "0.42 M"), (operations, 1_820_000_000, "1.82 G"),
        (operations, 950, "950"), (count, 0, "0"),
        (size, 12_897_485, "12.3 MiB"), (size, 512, "512 B"), (size, 3 * 2**30, "3.00 GiB"), (size, 2**50, "1024 TiB"),
        (duration, 0.42, "0.42 s"), (duration, 71.2, "71 s"), (duration, 725, "12 min"), (duration, 11_160, "3.1 h"),
    ],
)  # fmt: skip
def test_numbers_read_as_people_write_them(write, value, text):
    assert write(value) == text


@pytest.mark.parametrize("nothing", [None, float("nan"), float("inf"), "3", True, {}])
def test_what_is_no_number_is_missing(nothing):
    assert finite(nothing) is None


def column(value, key):
    return next(c for c in columns(value) if c.measure.key == key)


def test_the_best_of_each_column_is_marked_and_equals_share_it():
    value = results(3)
    for network, accuracy in zip(value["networks"], (0.98123, 0.98101, 0.91), strict=True):
        network["test_accuracy"]["mean"] = accuracy
        network["test_calibration_error"]["mean"] = 0.01
    assert [cell.best for cell in column(value, "test_accuracy").cells] == [True, True, False]
    assert [cell.best for cell in column(value, "parameters").cells] == [False, True, False]
    assert not any(cell.best for cell in column(value, "test_calibration_error").cells)


def test_a_failed_network_has_dashes_and_is_never_best():
    for col in columns(results(failed=(1,))):
        assert col.cells[1].text == DASH
        assert not col.cells[1].best


def test_one_seed_has_no_spread_and_two_seeds_do():
    assert column(results(seeds=1), "test_accuracy").cells[0].spread == ""
    assert column(results(seeds=2), "test_accuracy").cells[0].spread.startswith("± ")


def test_percentages_have_two_decimals_past_five_thousand_images():
    assert places(results()) == 1
    assert places(results(classes=100)) == 2
    assert len(column(results(classes=100), "test_accuracy").cells[0].text.partition(".")[2]) == 2


def test_without_a_test_set_its_columns_are_gone():
    assert not [c for c in columns(without_test(results())) if c.measure.key.startswith("test_")]


def test_null_figures_are_dashes():
    assert {cell.text for col in columns(emptied(results())) for cell in col.cells} == {DASH}


def test_csv_is_flat_and_plain(tmp_path):
    path = write_csv(results(failed=(2,)), tmp_path / "results.csv")
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    assert [row["name"] for row in rows] == ["lenet5", "tinyvgg", "vgg11_bn", "resnet20", "densenet_bc_100_12"]
    assert rows[0]["parameters"] == "61706"
    assert 0.9 < float(rows[0]["test_accuracy_mean"]) < 1
    assert rows[2]["status"] == "failed"
    assert rows[2]["test_accuracy_mean"] == rows[2]["p_value"] == ""
    assert float(rows[0]["difference_low"]) < float(rows[0]["difference"]) < float(rows[0]["difference_high"])


def test_csv_of_nothing_is_empty(tmp_path):
    assert write_csv({"networks": []}, tmp_path / "results.csv").read_text() == ""
    assert csv_rows(emptied(results()))[0]["macs"] == ""


def given(*accuracies, parameters=(10, 20, 30), latency=(1.0, 2.0, 3.0), p=0.01):
    names = "abc"
    best = names[max(range(len(accuracies)), key=accuracies.__getitem__)]
    return {
        "measures": MEASURES,
        "data": {"held_out": "test", "test": 1000},
        "networks": [
            {"name": n, "status": "done", "parameters": size_, "latency_ms": ms, "test_accuracy": {"mean": a},
             "against_best": None if n == best else {"best": best, "p_value": p}}
            for n, a, size_, ms in zip(names, accuracies, parameters, latency, strict=False)
        ],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("value", "lead", "cost"),
    [
        (
            given(0.9, 0.95),
            (
                "b is best: it is right on 95.0 % of the 1,000 test images, "
                "5.0 points more than a (more than chance would give, p = 0.01)"
            ),
            "; it has 2.0 times the parameters and takes 2.0 times as long for an image as a, the smallest and fastest.",
        ),
        (
            given(0.95, 0.9, p=1.0),
            (
                "a is best: it is right on 95.0 % of the 1,000 test images, "
                "5.0 points more than b (no more than chance would give, p = 1)"
            ),
            "; it is also the smallest and the fastest.",
        ),
        (
            given(0.9, 0.9, 0.95, latency=(2.0, 1.0, 3.0), p=0.0001),
            (
                "c is best: it is right on 95.0 % of the 1,000 test images, "
                "5.0 points more than a (more than chance would give, p < 0.001)"
            ),
            "; it has 3.0 times the parameters of a, the smallest, and takes 3.0 times as long for an image as b, the fastest.",
        ),
        (
            given(0.95, 0.9, latency=(2.0, 1.0), p=None),
            "a is best: it is right on 95.0 % of the 1,000 test images, 5.0 points more than b",
            "; it is also the smallest and takes 2.0 times as long for an image as b, the fastest.",
        ),
        (
            given(0.9, 0.95, latency=(2.0, 1.0), p=None),
            "b is best: it is right on 95.0 % of the 1,000 test images, 5.0 points more than a",
            "; it has 2.0 times the parameters of a, the smallest, and is also the fastest.",
        ),
        (
            given(0.95, 0.94999, latency=(None, None), parameters=(None, None)),
            "a is best: it is right on 95.0 % of the 1,000 test images, level with b.",
            "",
        ),
        (given(0.95), "a is right on 95.0 % of the 1,000 test images.", ""),
    ],
)
def test_the_verdict_is_a_sentence(value, lead, cost):
    assert verdict(value) == lead + cost


def test_the_verdict_says_validation_without_a_test_set_and_nothing_without_figures():
    assert "validation images" in verdict(without_test(results()))
    assert best_name(emptied(results())) is None
    assert "nothing to compare" in verdict(emptied(results()))


def test_the_deciding_measure_is_named_by_the_results():
    """Errors instead of accuracies: less is better, and no number is a percentage."""
    value = given(0.2, 0.05)
    value["measures"] = [
        asdict(Measure("error", "Error", "mm", "Error", "less", "number", "Mean distance", "is off by {} on the {}"))
    ]
    for network in value["networks"]:
        network["test_error"] = network.pop("test_accuracy")
        network["against_best"] = None
    value["networks"][0]["against_best"] = {"best": "b", "p_value": 0.01}
    assert verdict(value).startswith(
        "b is best: it is off by 0.05 mm on the 1,000 test images, 0.150 less than a (more than chance would give, p = 0.01); "
    )
    assert [cell.text for cell in column(value, "test_error").cells] == ["0.200", "0.0500"]
    assert [cell.best for cell in column(value, "test_error").cells] == [False, True]
    assert csv_rows(value)[1]["test_error_mean"] == 0.05
    assert not [c for c in columns(value) if "accuracy" in c.measure.key]


def test_a_measure_that_says_nothing_of_few_classes_is_no_column():
    assert "test_top5_accuracy" in {c.measure.key for c in columns(results(classes=6))}
    assert "test_top5_accuracy" not in {c.measure.key for c in columns(results(classes=5))}


def test_the_table_is_light():
    code = (
        "import sys, convatlas.views.table, convatlas.views.verdict; sys.exit(bool({'matplotlib', 'numpy'} & set(sys.modules)))"
    )
    path = Path(__file__).resolve().parents[2] / "src"
    assert run([sys.executable, "-c", code], check=False, env={"PYTHONPATH": str(path)}).returncode == 0


def test_what_a_network_costs_however_it_was_trained_is_no_column_of_strategies():
    value = results()
    every = {column.measure.key for column in columns(value)}
    for row in value["networks"]:
        row["recipe"] |= {"model": "resnet20"}
    assert every - {column.measure.key for column in columns(value)} == {
        "macs", "latency_ms", "throughput_images_per_second"
    }  # fmt: skip


@pytest.mark.parametrize(("training", "speed", "share"), [(0.62, 0.3, "62 %"), (None, 0.25, "25 %")])
def test_a_busy_machine_is_named_beside_the_speeds(training, speed, share):
    busy = results()
    busy["networks"][1] |= {"training_other_load": training, "speed_other_load": speed}
    assert load_words(busy) == f"other programs took up to {share} of the cores: speeds are lower than on an idle machine"


@pytest.mark.parametrize("loads", [{}, {"training_other_load": 0.09, "speed_other_load": None}])
def test_an_idle_machine_is_not(loads):
    idle = results()
    idle["networks"][1] |= loads
    assert load_words(idle) == ""
