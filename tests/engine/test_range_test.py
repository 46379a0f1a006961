"""The range test: suggestions on curves whose answers are known, where it stops, and that it leaves nothing behind."""

import math
import random
from collections.abc import Callable

import pytest
import torch
from small import SIDE, Small

from convatlas.engine.rates.range_test import range_test
from convatlas.engine.rates.suggest import DIVERGED, DivergenceWatch, decay, smooth, suggest_rate
from convatlas.engine.recipe import Recipe
from convatlas.engine.session import Session
from convatlas.errors import InputError

STAGES = {"stem": ("conv", "norm"), "head": ("", "dropout", "pool", "head")}


def rates(low: float, high: float, steps: int) -> list[float]:
    """Powers of ten from the one exponent to the other."""
    return [10 ** (low + (high - low) * i / (steps - 1)) for i in range(steps)]


def curve(f: Callable[[float], float], low: float = -6, high: float = 1, steps: int = 100) -> tuple[list[float], list[float]]:
    found = rates(low, high, steps)
    return found, [f(math.log10(rate)) for rate in found]


def bench(digits, **given) -> Session:
    torch.manual_seed(0)
    fields = {"model": "lenet5", "batch_size": 32, "device": "cpu", "precision": "32", "epochs": 2} | given
    return Session(Small(), digits, Recipe(**fields), SIDE, ("cpu", "32"), stages=STAGES)


def test_a_cosine_is_steepest_in_its_middle_and_two_thirds_down_where_it_is_minus_a_third():
    """From -4 to -1 it falls; averages of a cosine to both sides are the cosine, only flatter."""
    found = suggest_rate(*curve(lambda x: 20 + math.cos(math.pi * (x + 4) / 3), -5.5, 0.5, 400))
    assert found.note == ""
    assert math.log10(found.steepest) == pytest.approx(-2.5, abs=0.02)
    assert math.log10(found.valley) == pytest.approx(-4 + 3 * math.acos(-1 / 3) / math.pi, abs=0.02)


def test_a_parabola_keeps_its_minimum():
    found = suggest_rate(*curve(lambda x: 100 + (x + 1) ** 2, -5, 1, 600))
    assert math.log10(found.rates[found.smoothed.index(min(found.smoothed))]) == pytest.approx(-1, abs=0.02)
    assert found.steepest < found.valley < 0.1


def test_noise_moves_the_suggestions_little():
    random.seed(1)
    for _ in range(20):
        found = suggest_rate(*curve(lambda x: 2.3 - 1.6 / (1 + math.exp(-(x + 2) * 3)) + random.gauss(0, 0.05)))
        assert -2.7 < math.log10(found.steepest) < -1.3
        assert -2.2 < math.log10(found.valley) < -1.2


def test_a_burst_at_the_end_hides_no_fall_before_it():
    clean, burst = (
        suggest_rate(*curve(lambda x, e=e: 2.3 - 1.6 / (1 + math.exp(-(x + 2) * 3)) + e * (x > 0.5))) for e in (0, 1e6)
    )
    assert burst.valley == pytest.approx(clean.valley, rel=0.25)
    assert burst.steepest == pytest.approx(clean.steepest, rel=0.25)


@pytest.mark.parametrize(
    ("f", "said"),
    [
        (lambda _: 2.3, "flat"),
        (lambda x: 2.3 + 0.1 * math.sin(40 * x), "flat"),
        (lambda x: 1 + math.exp(3 * x), "only rises"),
    ],
    ids=["flat", "wavering", "rising"],
)
def test_without_a_fall_it_says_why_there_is_no_suggestion(f, said):
    found = suggest_rate(*curve(f))
    assert found.steepest is None
    assert found.valley is None
    assert said in found.note


def test_a_fall_without_end_is_said():
    found = suggest_rate(*curve(lambda x: 3 - 0.2 * x))
    assert found.valley is not None
    assert "--to" in found.note


def test_noise_alone_suggests_nothing():
    random.seed(2)
    trials = [suggest_rate(*curve(lambda _: 2.3 + random.gauss(0, 0.1))) for _ in range(100)]
    assert sum(found.valley is not None for found in trials) <= 6


def test_the_average_is_the_one_that_its_formula_says():
    losses = [random.random() for _ in range(30)]
    for i, value in enumerate(smooth(losses, 0.8)):
        weights = [0.8 ** abs(i - j) for j in range(30)]
        assert value == pytest.approx(sum(w * loss for w, loss in zip(weights, losses, strict=True)) / sum(weights))


def test_it_stops_at_four_times_the_best_average_but_not_at_the_start():
    beta = decay(100)
    watched = DivergenceWatch(100)
    assert not any(watched.diverges(1.0) for _ in range(50))
    weight = (1 - beta**50) / (1 - beta)
    enough = DIVERGED + (DIVERGED - 1) * beta * weight  # (β w + l) / (β w + 1) = 4
    assert not watched.diverges(0.999 * enough)
    watched = DivergenceWatch(100)
    assert not any(watched.diverges(1.0) for _ in range(50))
    assert watched.diverges(1.001 * enough)
    early = DivergenceWatch(100)
    assert not early.diverges(1.0)
    assert not early.diverges(1e9)
    assert early.diverges(math.nan)


def snapshot(of: Session) -> tuple:
    return (
        {name: tensor.clone() for name, tensor in of.net.state_dict().items()},
        torch.get_rng_state(),
        [(module.training, sorted(p for p, _ in module.named_parameters())) for module in of.net.modules()],
        [parameter.requires_grad for parameter in of.net.parameters()],
    )


def assert_as_before(of: Session, before: tuple) -> None:
    weights, chance, modes, learns = snapshot(of)
    assert all(torch.equal(tensor, before[0][name]) for name, tensor in weights.items())
    assert torch.equal(chance, before[1])
    assert (modes, learns) == before[2:]
    assert all(parameter.grad is None for parameter in of.net.parameters())
    assert of.optimizer.state_dict()["state"] == {}
    assert (of.at.epoch, of.at.step) == (0, 0)


@pytest.mark.parametrize(
    "given", [{}, {"optimizer": "adamw", "lr": 1e-3}, {"strategy": "head"}, {"accumulate": 3, "clip": 1.0}]
)
def test_afterwards_all_is_as_before_to_the_bit_and_training_goes_as_without(digits, given):
    tried, plain = bench(digits, **given), bench(digits, **given)
    tried.net.eval()
    before = snapshot(tried)
    found = range_test(tried, 1e-4, 1.0, 15)
    assert found.losses[0] != found.losses[-1]
    assert_as_before(tried, before)
    for one in (tried, plain):
        torch.manual_seed(3)
        one.learning.enter(0)
        for x, y in one.batches.epoch(0):
            one.step(x, y, 0.05)
            one.at.step += 1
    for name, tensor in tried.net.state_dict().items():
        assert torch.equal(tensor, plain.net.state_dict()[name]), name


def test_an_interrupt_leaves_nothing_behind(digits):
    tried = bench(digits)
    before = snapshot(tried)

    def impatient(done: int) -> None:
        if done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        range_test(tried, 1e-4, 1.0, 20, impatient)
    assert_as_before(tried, before)


def test_rates_rise_geometrically_and_stages_keep_their_shares(digits, monkeypatch):
    """Through a set of five batches, several times, three of them a step."""
    tried = bench(digits, strategy="discriminative", stage_decay=0.25, head_rate=2.0, accumulate=3)
    used: list[dict[str, float]] = []
    step = tried.optimizer.step

    def noted() -> None:
        used.append({group["part"]: group["lr"] for group in tried.optimizer.param_groups})
        step()

    monkeypatch.setattr(tried.optimizer, "step", noted)
    found = range_test(tried, 1e-5, 1e-2, 10)
    assert len(used) == len(found.rates) == len(found.losses) == 10
    assert found.rates == pytest.approx(rates(-5, -2, 10))
    assert [lr["head"] for lr in used] == pytest.approx([2 * rate for rate in found.rates])
    share = tried.learning.share("stem")
    assert 0 < share < 2
    assert [lr["stem"] for lr in used] == pytest.approx([share * rate for rate in found.rates])


def test_it_ends_where_the_loss_diverges(digits):
    found = range_test(bench(digits, momentum=0.9), 1e-3, 1e6, 40)
    assert found.divergence is not None
    assert len(found.losses) < 40
    assert found.divergence == pytest.approx(1e-3 * 1e9 ** (math.log(found.divergence / 1e-3) / math.log(1e9)))
    assert found.divergence >= found.rates[-1]
    assert all(map(math.isfinite, found.losses))


@pytest.mark.parametrize("given", [(0, 1, 20), (1, 1, 20), (1, 0.1, 20), (1e-3, math.inf, 20), (1e-3, 1, 3)])
def test_what_makes_no_test_is_refused(digits, given):
    with pytest.raises(InputError, match="range test needs"):
        range_test(bench(digits), *given)
