import numpy as np
import pytest

from convatlas.engine.tasks.classify import ACCURACY
from convatlas.studies.paired import against_best, paired_bootstrap

RNG = np.random.default_rng(3)


def right(share: float, n: int = 400) -> np.ndarray:
    return (RNG.random(n) < share).astype(float)


def test_identical_answers_differ_in_nothing():
    a = right(0.8)
    found = paired_bootstrap("a", a, "b", a)
    assert (found["difference"], found["p_value"], found["interval"]) == (0, 1, [0, 0])
    assert found["words"] == "a is as good as b on these images (95 % interval +0.0 to +0.0 points)."


def test_a_clear_difference_is_no_accident():
    found = paired_bootstrap("a", right(0.5), "b", right(0.9))
    assert found["p_value"] < 0.001
    assert found["interval"][1] < 0
    assert "points behind b" in found["words"]
    assert "more than the choice of images explains (p < 0.001)" in found["words"]


def test_a_small_difference_may_be_one():
    a = right(0.8)
    b = a.copy()
    b[:3] = 1 - b[:3]
    found = paired_bootstrap("a", a, "b", b)
    assert found["p_value"] > 0.05


def test_both_ways_say_the_same():
    a, b = right(0.8), right(0.82)
    one, other = paired_bootstrap("a", a, "b", b), paired_bootstrap("b", b, "a", a)
    assert one["difference"] == -other["difference"]
    assert one["p_value"] == pytest.approx(other["p_value"], abs=0.02)
    assert one["interval"] == pytest.approx([-x for x in reversed(other["interval"])], abs=0.005)


@pytest.mark.parametrize("seeds", [1, 3])
def test_it_agrees_with_drawing_the_images_one_by_one(seeds):
    a, b = (np.mean([right(share, 200) for _ in range(seeds)], 0) for share in (0.80, 0.86))
    found = paired_bootstrap("a", a, "b", b)
    drawn = np.random.default_rng(1).integers(0, 200, (10_000, 200))
    means = (a - b)[drawn].mean(1)
    assert found["interval"] == pytest.approx(np.quantile(means, [0.025, 0.975]).tolist(), abs=1e-2)
    assert found["p_value"] == pytest.approx(2 * min((means >= -1e-12).mean(), (means <= 1e-12).mean()), abs=1e-2)


def row(name: str, scores: np.ndarray | None, parameters: int = 1, status: str = "done") -> dict:
    mean = None if scores is None else float(scores.mean())
    accuracy = {"mean": mean}
    return {"name": name, "per_image": scores, "status": status, "parameters": parameters, "test_accuracy": accuracy,
            "against_best": None}  # fmt: skip


def test_the_best_is_compared_with_nobody_and_the_failed_with_nothing():
    good, bad = right(0.9), right(0.5)
    rows = [row("bad", bad), row("good", good), row("none", None, status="failed"), row("half", good, status="failed")]
    against_best(rows, "test", ACCURACY, ACCURACY)
    assert [r["against_best"] and r["against_best"]["best"] for r in rows] == ["good", None, None, None]


def test_of_equals_the_smaller_one_is_best():
    a = right(0.8)
    rows = [row("large", a, 10), row("small", a, 5)]
    against_best(rows, "test", ACCURACY, ACCURACY)
    assert rows[1]["against_best"] is None
    assert rows[0]["against_best"]["best"] == "small"


def test_nothing_finished_is_nothing_to_compare():
    rows = [row("none", None, status="failed")]
    against_best(rows, "test", ACCURACY, ACCURACY)
    assert rows[0]["against_best"] is None
