"""What learns, when and how fast, in numbers; and that it is what training does."""

import pytest
import torch
from small import SIDE, Small
from torch import nn

from convatlas.engine.recipe import Recipe
from convatlas.engine.session import Session
from convatlas.engine.strategy import Learning, plan
from convatlas.errors import InputError

STAGES = ["stem", "stage 1", "stage 2", "stage 3", "head"]
OF_SMALL = {"stem": ("", "conv", "norm"), "middle": ("dropout", "pool"), "head": ("head",)}


def rates(strategy: str, **given) -> list[dict[str, float]]:
    return [dict(phase.rates) for phase in plan(Recipe(strategy=strategy, **given), STAGES)]


def test_full_trains_everything_and_the_head_faster():
    assert rates("full", head_rate=10.0) == [dict.fromkeys(STAGES, 1.0) | {"head": 10.0}]


def test_head_and_last_n():
    assert rates("head") == rates("last-1") == [{"head": 1.0}]
    assert rates("last-3", head_rate=2.0) == [{"stage 2": 1.0, "stage 3": 1.0, "head": 2.0}]


def test_discriminative_rates_fall_by_the_same_factor_from_stage_to_stage():
    assert rates("discriminative", stage_decay=0.5, head_rate=4.0) == [
        {"stem": 0.125, "stage 1": 0.25, "stage 2": 0.5, "stage 3": 1.0, "head": 4.0}
    ]


def test_gradual_thaws_from_the_head_to_the_image_within_two_thirds():
    phases = plan(Recipe(strategy="gradual", epochs=12), STAGES)
    assert [(p.start, p.end, list(p.rates)) for p in phases] == [
        (0, 2, STAGES[4:]), (2, 4, STAGES[3:]), (4, 6, STAGES[2:]), (6, 8, STAGES[1:]), (8, 12, STAGES)
    ]  # fmt: skip
    assert {p.span for p in phases} == {(0, 12)}


@pytest.mark.parametrize("epochs", range(1, 9))
@pytest.mark.parametrize("strategy", ["gradual", "lp-ft", "full", "last-2"])
def test_phases_cover_every_epoch_once(strategy, epochs):
    if strategy == "lp-ft" and epochs == 1:
        with pytest.raises(InputError, match="at least 2, one for the head and one for all, got 1"):
            plan(Recipe(strategy=strategy, epochs=epochs), STAGES)
        return
    phases = plan(Recipe(strategy=strategy, epochs=epochs), STAGES)
    assert [epoch for phase in phases for epoch in range(phase.start, phase.end)] == list(range(epochs))


def test_lp_ft_starts_a_schedule_of_its_own():
    probe, tune = plan(Recipe(strategy="lp-ft", epochs=9, head_rate=10.0), STAGES)
    assert (probe.rates, probe.span, tune.rates, tune.span) == ({"head": 10.0}, (0, 3), dict.fromkeys(STAGES, 1.0), (3, 9))


@pytest.mark.parametrize(
    ("strategy", "words"),
    [
        ("heads", "unknown strategy 'heads': did you mean head"),
        ("last-0", "unknown strategy"),
        ("last-9", "last-9 needs 9 stages, and lenet5 has 5: stem, stage 1, stage 2, stage 3, head"),
    ],
)
def test_what_cannot_be_says_so(strategy, words):
    with pytest.raises(InputError, match=words):
        plan(Recipe(strategy=strategy), STAGES)


def test_bn_only_needs_norms():
    with pytest.raises(InputError, match="bn-only needs norms with weights, and lenet5 has none"):
        Learning(Small(norm=False), Recipe(strategy="bn-only"), OF_SMALL)


def bench(digits, **given) -> Session:
    recipe = Recipe(batch_size=32, device="cpu", precision="32", workers=0, **given)
    torch.manual_seed(0)
    return Session(Small(dropout=0.5), digits, recipe, SIDE, ("cpu", "32"), stages=OF_SMALL)


def stepped(made: Session, epoch: int = 0) -> None:
    made.learning.enter(epoch)
    for x, y in list(made.batches.epoch(0))[:2]:
        made.step(x, y, 0.1)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_frozen_means_frozen(digits, optimizer):
    made = bench(digits, strategy="head", optimizer=optimizer)
    before = {name: tensor.clone() for name, tensor in made.net.state_dict().items()}
    stepped(made)
    changed = {name for name, tensor in made.net.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed == {"head.weight", "head.bias"}
    assert all(p.grad is None for p in (*made.net.conv.parameters(), *made.net.norm.parameters()))
    assert len(made.optimizer.state) == 2
    assert not made.net.norm.training
    assert not made.net.dropout.training
    assert made.net.head.training


def test_bn_only_moves_norms_and_head(digits):
    made = bench(digits, strategy="bn-only")
    before = {name: tensor.clone() for name, tensor in made.net.state_dict().items()}
    stepped(made)
    changed = {name for name, tensor in made.net.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed == {f"{m}.{p}" for m in ("norm", "head") for p in ("weight", "bias")} | {
        f"norm.{name}" for name in ("running_mean", "running_var", "num_batches_tracked")
    }
    still = bench(digits, strategy="bn-only", freeze_norms=True)
    stepped(still)
    assert torch.equal(still.net.norm.running_mean, torch.zeros(8))
    assert not torch.equal(still.net.norm.weight, torch.ones(8))


def test_each_stage_steps_at_its_share_of_the_rate(digits):
    made = bench(digits, strategy="discriminative", stage_decay=0.25, head_rate=3.0, momentum=0.0, weight_decay=0.0)
    made.learning.enter(0)
    before = {name: p.detach().clone() for name, p in made.net.named_parameters()}
    x, y = next(iter(made.batches.epoch(0)))
    gradients: dict[str, torch.Tensor] = {}
    for name, p in made.net.named_parameters():
        p.register_post_accumulate_grad_hook(lambda q, name=name: gradients.update({name: q.grad.clone()}))
    made.step(x, y, 0.1)
    for name, p in made.net.named_parameters():
        share = 3.0 if name.startswith("head") else 0.25  # the middle has no parameters, but is a stage
        torch.testing.assert_close(p.detach(), before[name] - 0.1 * share * gradients[name])


def test_gradual_trains_later_what_it_thaws_later(go):
    told = go(strategy="gradual", epochs=3, stages=OF_SMALL)
    assert [words.split(":")[0] for words in told.learns] == ["head", "middle to head", "stem to head"]


@pytest.mark.parametrize("stop", [1, 6, 11])
@pytest.mark.parametrize("strategy", ["gradual", "lp-ft"])
def test_resuming_a_strategy_equals_going_on(go, strategy, stop):
    from small import same

    given = {"strategy": strategy, "epochs": 3, "optimizer": "adamw", "lr": 0.01, "head_rate": 5.0, "stages": OF_SMALL}
    whole = go("whole", **given)
    go("cut", stop=stop, **given)
    same(whole, go("cut", **given))


def test_patience_keeps_the_best_epoch_and_stops_after_it(go):
    told = go(epochs=12, patience=2, lr=1.5, warmup=0.0, schedule="constant")
    rows = told.run.epochs()
    best = max(rows, key=lambda row: (row["val_accuracy"], -row["val_loss"]))
    assert told.run.metrics["best_epoch"] == best["epoch"]
    assert told.run.metrics["val"]["accuracy"] == best["val_accuracy"]
    assert len(rows) == best["epoch"] + 2 < 12


def test_a_frozen_parameter_of_the_network_itself_stays_so():
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    net[0].weight.requires_grad_(False)
    learning = Learning(net, Recipe())
    learning.enter(0)
    assert not net[0].weight.requires_grad
    assert learning.trained() == 8
