"""A task that nobody foresaw goes the whole way, from training to the report, without a change outside of this file."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console
from small import SIDE, Small
from torch import Tensor, nn

from convatlas import progress
from convatlas.console.comparison import print_comparison
from convatlas.data import Data
from convatlas.engine import tasks
from convatlas.engine.evaluate import evaluate
from convatlas.engine.events import Epoch
from convatlas.engine.recipe import Recipe
from convatlas.engine.record import Run
from convatlas.engine.task import Measure, Scores, Task, View
from convatlas.engine.tasks import TASKS
from convatlas.engine.tasks.classify import CLASSIFY
from convatlas.engine.train import train
from convatlas.errors import InputError
from convatlas.models import variant
from convatlas.models.variant import Variant
from convatlas.runs import build
from convatlas.runs.build import task_of
from convatlas.studies import compare
from convatlas.studies.compare import Comparison
from convatlas.studies.figures import held_out_pixels
from convatlas.views import report, table
from convatlas.views.verdict import verdict

FIELDS = {"epochs": 2, "batch_size": 32, "device": "cpu", "precision": "32", "workers": 0, "limit": 200, "warmup": 0.0}


def brightness(x: Tensor) -> Tensor:
    return x.mean((1, 2, 3))


class ErrorMeter:
    """Knows the number that a network has to give from its label: even digits are bright, odd ones dark."""

    def __init__(self, classes: Sequence[str]) -> None:
        self.errors: list[Tensor] = []

    def add(self, output: Tensor, target: Tensor) -> None:
        self.errors.append((output[:, 0].float() - wanted(target)).abs())

    def scores(self) -> Scores:
        errors = torch.cat(self.errors)
        figures = {"loss": (errors**2).mean().item(), "error": errors.mean().item(), "worst": errors.max().item()}
        return Scores(len(errors), figures, {}, {}, {"error": errors})


def wanted(labels: Tensor) -> Tensor:
    return 1.0 - 2.0 * (labels % 2)


def loss(recipe: Recipe, data: Data, teacher: nn.Module | None) -> object:
    def of_batch(model: nn.Module, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        output = model(x)
        return {"distance": ((output[:, 0] - wanted(y)) ** 2).mean(), "length": 1e-4 * (output**2).mean()}

    return of_batch


def closeness(answers: Mapping[str, Tensor]) -> Tensor:
    return (1 - answers["error"] / 10).clamp(0, 1)


def mean_output(outputs: Sequence[Tensor], views: Sequence[View]) -> Tensor:
    assert [view.mirrored for view in views] == [False, True]
    return torch.stack(list(outputs)).mean(0)


PARITY = Task(
    name="parity",
    family_task="parity",
    noun="a number per image",
    hub_tag="image-regression",
    output="one number",
    use="To tell even digits from odd ones.",
    measures=(
        Measure("error", "Error", "", "Error", "less", "number", "Mean distance", "is off by {} on the {}"),
        Measure("worst", "Worst", "", "Error", "less", "number", "Largest distance"),
    ),
    loss=loss,
    meter=ErrorMeter,
    per_image=closeness,
    image_measure=Measure("closeness", "Closeness", "", "Error", "more", "number", "How near, from 0 to 1"),
    probabilities=lambda output: output,
    example=lambda _, __: {},
    score=lambda output, _: output[:, 0],
    join=mean_output,
    settings=frozenset(),
)


@pytest.fixture
def parity(digits: Data, monkeypatch: pytest.MonkeyPatch) -> Data:
    """Digits and lenet5 as if they were of this task."""
    monkeypatch.setitem(TASKS, PARITY.name, PARITY)
    monkeypatch.setattr(type(digits), "task", PARITY.name)

    def of_this_task(name: str) -> Variant:
        known = variant(name)
        return replace(known, family=replace(known.family, task=PARITY.name))

    monkeypatch.setattr(build, "variant", of_this_task)
    return digits


def test_it_trains_is_judged_and_recorded(tmp_path: Path, parity: Data) -> None:
    recipe = Recipe(**FIELDS | {"model": "lenet5", "epochs": 4, "patience": 3, "tta": "flip", "lr": 0.02})
    run = Run.create(tmp_path / "run", recipe)
    torch.manual_seed(0)
    model = Small(classes=1)
    events = list(train(model, parity, recipe, run, SIDE, task=PARITY))
    epochs = [event for event in events if isinstance(event, Epoch)]
    assert epochs[-1].train_loss < epochs[0].train_loss
    rows = run.epochs()
    assert rows[0].keys() == {
        "epoch", "train_loss", "val_loss", "val_error", "learning_rate", "images_per_second", "seconds",
        "other_load",
    }  # fmt: skip
    metrics = run.metrics
    assert metrics["test"].keys() == {"n", "loss", "error", "worst"}
    assert metrics["val"]["error"] == min(row["val_error"] for row in rows)  # of the best epoch: less is better
    assert rows[metrics["best_epoch"] - 1]["val_error"] == metrics["val"]["error"]
    assert metrics["train"].keys() == {"n", "loss", "error"}
    assert metrics["tta"]["test"]["error"] != metrics["test"]["error"]
    assert run.predictions().keys() == {"val_error", "test_error"}

    printed = Console(record=True, width=200)
    with progress.lines(printed, "small") as watch:
        for event in events:
            watch(event)
    assert f"val {rows[-1]['val_error']:>8.4g}  lr" in printed.export_text()


def test_networks_are_compared_by_it(tmp_path: Path, parity: Data, monkeypatch: pytest.MonkeyPatch, capsys: object) -> None:
    speed = {"training_memory_bytes": 10**6, "latency_ms": 0.5, "throughput_images_per_second": 1000.0}
    monkeypatch.setattr(compare, "measure_speed", lambda *_: speed)
    recipes = [Recipe(**FIELDS | {"model": name}) for name in ("lenet5", "lenet5:scaled_tanh=True")]
    comparison = Comparison.create(tmp_path / "two", recipes, 1, "convatlas compare")
    list(comparison.run())
    print_comparison(comparison, quiet=False, as_json=False)
    printed = capsys.readouterr().out
    results = json.loads((tmp_path / "two" / "results.json").read_text())
    errors = {row["name"]: row["test_error"]["mean"] for row in results["networks"]}
    best = min(errors, key=errors.get)
    assert results["task"] == PARITY.name
    assert verdict(results).startswith(f"{best} is best: it is off by {errors[best]:.4g} on the 200 test images, ")
    assert verdict(results) in printed
    assert [row["against_best"] and row["against_best"]["best"] for row in results["networks"] if row["name"] != best] == [best]
    headers = [(column.measure.header, column.measure.group) for column in table.columns(results)]
    assert ("Test", "Error") in headers
    assert ("Worst", "Error") in headers
    pixels = held_out_pixels(comparison.data(recipes[0]), results["networks"])
    page = report.page(results, pixels)
    assert "Test error" in page
    assert "nothing lies below it" in page
    assert not [word for word in ("ccuracy", "Top-5", "taken for what") if word in page]


def test_a_network_and_data_of_different_tasks_are_refused(parity: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    assert task_of(Recipe(model="lenet5"), parity) is PARITY
    with pytest.raises(InputError, match="--mixup means nothing where lenet5 learns a number per image: leave it out"):
        task_of(Recipe(model="lenet5", mixup=0.2), parity)
    monkeypatch.setattr(type(parity), "task", CLASSIFY.name)
    with pytest.raises(InputError, match="lenet5 is a network to parity images, and digits is a data set to classify them"):
        task_of(Recipe(model="lenet5"), parity)


def test_a_meter_reads_the_same_however_images_are_cut_into_batches(digits: Data) -> None:
    x, y = torch.randn(40, 1, SIDE, SIDE), torch.arange(40) % 10
    model = Small(classes=1)
    whole, parts = (evaluate(model, list(zip(x.split(n), y.split(n), strict=True)), ErrorMeter(())).figures for n in (40, 7))
    assert parts == pytest.approx(whole, rel=1e-5)


def test_every_task_is_found_by_its_name() -> None:
    assert all(tasks.TASKS[name].name == name for name in tasks.TASKS)
    assert CLASSIFY.settings <= set(Recipe.__dataclass_fields__)
