"""Averages of weights, in closed form."""

import pytest
import torch
from torch import nn

from convatlas.engine.average import Average, make_average
from convatlas.engine.recipe import Recipe


def net() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Dropout(0.5), nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3)
    )


def averaged(model: nn.Module, **fields: object) -> Average:
    found = make_average(model, Recipe(**fields))
    assert found is not None
    return found


@torch.no_grad()
def put(model: nn.Module, value: float) -> nn.Module:
    for tensor in (*model.parameters(), *model.buffers()):
        tensor.fill_(value)
    return model


def values(average: Average) -> list[float]:
    """The one number all parameters have become."""
    found = torch.cat([p.detach().flatten() for p in average.module.parameters()])
    assert torch.equal(found, found[:1].expand_as(found))
    return found[0].item()


def test_no_recipe_asks_for_nothing():
    assert make_average(net(), Recipe()) is None


def test_a_moving_average_forgets_at_its_decay():
    model = put(net(), 0.0)
    average = averaged(model, ema=0.75)
    assert average.begun
    for value in (1.0, 2.0, 4.0, 8.0):
        average.after_step(put(model, value))
        average.after_epoch(model, 1, 1)
    expected = 0.75**3 * 1 + 0.25 * (0.75**2 * 2 + 0.75 * 4 + 8)  # the first one is taken whole
    assert values(average) == pytest.approx(expected)
    assert average.module[1].running_mean[0].item() == pytest.approx(expected)
    average.update_batch_norms([(torch.randn(4, 1, 8, 8), torch.zeros(4))])
    assert average.module[1].running_mean[0].item() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("epochs", "share", "counted"),
    [(4, 0.5, (3, 4)), (4, 0.1, (4,)), (1, 0.9, (1,)), (10, 0.3, (8, 9, 10)), (10, 0.25, (9, 10)), (4, 0.99, (2, 3, 4))],
)
def test_the_mean_takes_the_last_epochs_alike(epochs, share, counted):
    model = net()
    average = averaged(model, swa=share)
    for done in range(1, epochs + 1):
        average.after_step(put(model, float(-done)))
        average.after_epoch(put(model, float(done**2)), done, epochs)
        assert average.begun == (done >= counted[0])
    assert values(average) == pytest.approx(sum(done**2 for done in counted) / len(counted))
    assert average.module[1].num_batches_tracked == epochs**2  # those of the last epoch, until they are settled


@pytest.mark.parametrize("kind", [{"ema": 0.9}, {"swa": 0.75}])
def test_saved_in_the_middle_it_goes_on_as_if_uninterrupted(kind):
    def work(average: Average, begin: int, end: int) -> None:
        for done in range(begin, end):
            torch.manual_seed(done)
            model = net()
            model[5].eval()
            average.after_step(model)
            average.after_epoch(model, done, 4)

    torch.manual_seed(0)
    whole, first, second = (averaged(net(), **kind) for _ in range(3))
    work(whole, 1, 5)
    work(first, 1, 4)
    second.load_state_dict(first.state_dict())
    work(second, 4, 5)
    x = torch.randn(8, 1, 6, 6)
    for average in (whole, second):
        average.update_batch_norms([(x, torch.zeros(8))])
    states = whole.module.state_dict(), second.module.state_dict()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_settled_norms_have_the_statistics_of_the_set():
    model = net()
    average = averaged(model, swa=0.5)
    average.after_epoch(model, 1, 1)
    batches = [(3 + 2 * torch.randn(5, 1, 8, 8), torch.zeros(5)) for _ in range(4)]
    torch.manual_seed(7)
    average.update_batch_norms(iter(batches))
    assert torch.initial_seed() == 7
    drawn = torch.rand(1)
    torch.manual_seed(7)
    assert torch.equal(drawn, torch.rand(1))  # no dropout
    norm = average.module[1]
    maps = [average.module[0](x).transpose(0, 1).flatten(1) for x, _ in batches]
    torch.testing.assert_close(norm.running_mean, torch.cat(maps, 1).mean(1), atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(norm.running_var, torch.stack([m.var(1) for m in maps]).mean(0), atol=1e-6, rtol=1e-6)
    assert norm.momentum == 0.1
    assert all(module.training for module in average.module.modules())


@pytest.mark.parametrize("frozen", ["by mode", "by recipe"])
def test_norms_that_did_not_learn_are_left_alone(frozen):
    model = net()
    if frozen == "by mode":
        model[1].eval()
    average = averaged(model, swa=0.5, freeze_norms=frozen == "by recipe")
    average.after_epoch(model, 1, 1)
    average.update_batch_norms([(3 + torch.randn(5, 1, 8, 8), torch.zeros(5))])
    assert torch.equal(average.module[1].running_mean, torch.zeros(2))
    assert torch.equal(average.module[5].running_mean, torch.zeros(3)) == (frozen == "by recipe")


def test_norms_that_do_not_run_in_testing_keep_what_they_had():
    class Headed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.auxiliary = nn.BatchNorm2d(1), nn.BatchNorm2d(1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.body(x) + self.auxiliary(x) if self.training else self.body(x)

    model = Headed()
    x = 3 + torch.randn(5, 1, 8, 8)
    model(x)
    average = averaged(model, swa=0.5)
    average.after_epoch(model, 1, 1)
    average.update_batch_norms([(x, torch.zeros(5))])
    assert average.module.body.running_mean.item() == pytest.approx(x.mean().item())
    assert average.module.auxiliary.running_mean.item() == pytest.approx(0.1 * x.mean().item())
    assert average.module.auxiliary.num_batches_tracked == 1
