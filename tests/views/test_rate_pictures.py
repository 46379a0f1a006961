"""Pictures of rates: what a recipe will do is what training then does, and all of it can be read."""

import math
from itertools import pairwise

import pytest
from legible import assert_legible, texts

from convatlas.engine.events import Step
from convatlas.engine.rates.suggest import suggest_rate
from convatlas.engine.record import Run
from convatlas.recipes import default
from convatlas.runs.training import start
from convatlas.studies.rates import forecast, forecast_of_run
from convatlas.views import range_test, schedule, style

RECIPES = [
    pytest.param({}, marks=pytest.mark.slow),
    {"schedule": "cosine", "strategy": "gradual", "head_rate": 3.0, "accumulate": 3},
    pytest.param({"schedule": "step", "strategy": "lp-ft", "warmup": 0.1}, marks=pytest.mark.slow),
    {"strategy": "discriminative", "swa": 0.34, "schedule": "constant"},
]


def drawn(figure, color: str) -> list[tuple[float, float]]:
    lines = [line for line in figure.axes[0].get_lines() if line.get_color() == color and len(line.get_xdata()) > 2]
    return [point for line in lines for point in zip(line.get_xdata(), line.get_ydata(), strict=True)]


@pytest.mark.parametrize("given", RECIPES, ids=["full", "gradual", "lp-ft", "averaged"])
def test_the_lines_are_the_rates_that_training_uses(tmp_path, given):
    recipe = default("lenet5", "digits", limit=60, batch_size=10, epochs=3, device="cpu", precision="32", **given)
    run = Run.create(tmp_path / "run", recipe)
    steps = [event for event in start(run) if isinstance(event, Step)]
    found = forecast_of_run(run)
    assert (found.steps, found.images) == (max(step.step for step in steps), sum(s.images for s in steps) // recipe.epochs)
    figure = schedule.figure(found)
    colors = schedule.line_colors(found.lines())
    for number, step in enumerate(steps):
        phase = next(phase for phase in found.phases if phase.start <= step.epoch - 1 < phase.end)
        assert found.rate(phase, number) == step.learning_rate
        for share in found.shares(phase):
            at = found.middle(number) / found.steps
            near = min(drawn(figure, colors[share]), key=lambda point, at=at: abs(point[0] - at))
            assert near == pytest.approx((at, share * step.learning_rate))


FORECASTS = [
    ("lenet5", {}),
    ("resnet20", {"data": "cifar10", "swa": 0.25}),
    ("resnet18", {"data": "photos", "strategy": "bn-only", "head_rate": 10.0}),
    ("mobilenet_v2", {"data": "photos", "strategy": "gradual", "head_rate": 10.0}),
    ("mobilenet_v2", {"data": "photos", "strategy": "lp-ft", "head_rate": 10.0, "warmup": 0.05}),
    ("mobilenet_v2", {"data": "photos", "strategy": "discriminative", "head_rate": 10.0, "schedule": "cosine"}),
    ("vit_b_16", {"data": "a_very_long_name_of_a_folder" * 4, "strategy": "head", "epochs": 1}),
]


@pytest.mark.parametrize(
    ("model", "given"),
    [pytest.param(*each, id=str(i), marks=pytest.mark.slow if i in {2, 4, 5} else ()) for i, each in enumerate(FORECASTS)],
)
def test_a_schedule_can_be_read(model, given):
    found = forecast(model, given, images=1000)
    figure = schedule.figure(found)
    assert_legible(figure)
    said = [text for text, _ in texts(figure)]
    assert all(part in said for part in found.parts)
    assert any("images seen" in text for text in said)
    for line in found.lines():
        assert any(schedule.rate_text(line.top[1]) in text for text in said)
    assert ("frozen" in said) == (found.learning.trained(found.phases[0]) < found.total)


def test_a_band_is_pale_where_a_stage_is_frozen():
    found = forecast("lenet5", {"strategy": "gradual", "epochs": 12}, images=1000)
    assert [schedule.spans_of(found, part)[0][2] for part in found.parts] == [0, 0, 0, 1]
    for part in found.parts:
        pieces = schedule.spans_of(found, part)
        assert pieces[0][0] == 0
        assert pieces[-1][1:] == (12, 1)
        assert all(a[1] == b[0] for a, b in pairwise(pieces))


def test_totals_are_counted_as_the_optimizer_counts():
    found = forecast("lenet5", {"epochs": 3, "batch_size": 10, "accumulate": 4}, images=107)
    assert (found.steps, found.images) == (10, 100)
    assert found.updates(3) == 9
    small = forecast("lenet5", {"epochs": 3, "batch_size": 64}, images=20)
    assert (small.steps, small.images) == (1, 20)
    assert forecast("lenet5", {"batch_size": 10}, batches=7).steps == 7


@pytest.mark.parametrize(
    ("f", "stop", "said"),
    [
        (lambda x: 2.3 - 1.6 / (1 + math.exp(-(x + 2) * 3)) + math.exp(6 * (x - 0.5)), 95, "valley"),
        (lambda x: 2.3 - 0.5 / (1 + math.exp(-(x + 5.8) * 8)) + math.exp(3 * (x + 1)), 70, "steepest"),
        (lambda x: 3 - 0.2 * x, None, "not diverged"),
        (lambda _: 2.3, None, "No suggestion"),
        (lambda x: 1 + math.exp(3 * x), 99, "only rises"),
    ],
    ids=["whole", "early", "endless", "flat", "rising"],
)
def test_a_range_test_can_be_read(f, stop, said):
    rates = [10 ** (-6 + 7 * i / 99) for i in range(100)]
    test = suggest_rate(rates[:stop], [f(math.log10(rate)) for rate in rates[:stop]], rates[stop] if stop else None)
    figure = range_test.figure(test, "lenet5 on digits: adamw, batches of 32")
    assert_legible(figure)
    assert any(said in text for text, _ in texts(figure))
    marks = [line for line in figure.axes[0].get_lines() if line.get_marker() == "o"]
    wanted = [rate for rate in (test.steepest, test.valley) if rate]
    assert sorted(10 ** float(line.get_xdata()[0]) for line in marks) == pytest.approx(sorted(wanted))
    assert any(line.get_color() == style.WRONG for line in figure.axes[0].get_lines()) == (stop is not None)
