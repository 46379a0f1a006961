"""The picture of a sweep shows every trial once in its history and once in each slice, and can be read."""

from dataclasses import asdict

import pytest
from legible import assert_legible, texts

from convatlas.engine.tasks.classify import CLASSIFY
from convatlas.recipes import default
from convatlas.studies.space import read_space
from convatlas.views import style, sweep

RECIPE = default("resnet20", "digits")
MANY = ("lr=0.01..1", "weight_decay=1e-5..1e-2", "width=4,8,16", "depths=1-1-1,3-3-3,9-9-9", "crop=0..4",
        "optimizer=sgd,adamw", "warmup=0..0.5")  # fmt: skip


def results(*search, count=24, spoiled=True, test=True):
    space = read_space(search, RECIPE, {})
    trials = []
    for number in range(count):
        share = (0.618 * number) % 1
        status = "complete" if not spoiled or number % 4 else ("diverged", "failed", "pruned")[number // 4 % 3]
        settings = {}
        for one in space:
            params = one.params() if not one.is_range or one.whole else [one.low * (one.high / one.low) ** share if one.low
                                                                        else one.high * share]  # fmt: skip
            settings[one.name] = str(params[int(share * len(params))])
        figure = None if status in ("diverged", "failed") else 0.6 + 0.39 * share
        trials.append({"number": number, "status": status, "settings": settings, "figure": figure})
    chosen = max((one for one in trials if one["status"] == "complete"), key=lambda one: one["figure"])
    figures = {"n": 145, "accuracy": chosen["figure"], "loss": 0.1}
    return {
        "title": "resnet20 on handwritten digits", "measure": asdict(CLASSIFY.measures[0]), "trials": trials,
        "search": [one.to_json() for one in space], "chosen": chosen["number"],
        "candidates": sum(one["status"] == "complete" for one in trials),
        "best": {"val": figures, "test": figures if test else None},
    }  # fmt: skip


@pytest.mark.parametrize(
    "value",
    [
        results(*MANY),
        results("lr=0.01..1", count=1, spoiled=False, test=False),
        results("lr=0.2..0.5", "depths=1-1-1,2-2-2,3-3-3,4-4-4,5-5-5,6-6-6,7-7-7,18-18-18", count=60),
    ],
    ids=["many", "one", "long"],
)
def test_every_trial_is_drawn_and_all_text_can_be_read(value):
    drawn = sweep.figure(value)
    assert_legible(drawn)
    assert any("and so optimistic" in text for text, _ in texts(drawn)) == (value["candidates"] > 1)
    lost = sum(one["figure"] is None for one in value["trials"])
    for axes in drawn.axes:
        marks = [line for line in axes.get_lines() if line.get_marker() in ("o", "x")]
        assert len(marks) == len(value["trials"])
        assert sum(line.get_color() == style.WRONG for line in marks) == lost
        low, high = sorted(axes.get_xlim())
        assert all(low <= float(line.get_xdata()[0]) <= high for line in marks)
    assert len(drawn.axes) == 1 + len(value["search"])
    assert sweep.describe(value).startswith("resnet20 on handwritten digits; ")
