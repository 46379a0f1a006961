"""What is computed again, and what must not happen twice."""

import copy

import pytest
import torch
from torch import nn

from convatlas.errors import InputError
from convatlas.models import create_on_meta
from convatlas.ops.checkpoint import checkpoint_activations, pieces
from convatlas.ops.inplace import InplaceSequential


class Counted(nn.Module):
    """A block that counts how often it runs."""

    runs = 0

    def __init__(self) -> None:
        super().__init__()
        self.branch = InplaceSequential(nn.Conv2d(2, 2, 3, padding=1), nn.BatchNorm2d(2), nn.ReLU(), nn.Dropout(0.5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        type(self).runs += 1
        return self.branch(x) + x


@pytest.fixture
def model(monkeypatch):
    monkeypatch.setattr(Counted, "runs", 0)
    return nn.Sequential(nn.Conv2d(2, 2, 1), Counted(), Counted())


def runs(model, backward=True):
    before = Counted.runs
    y = model(torch.ones(3, 2, 4, 4))
    if backward:
        y.sum().backward()
    return Counted.runs - before


def test_blocks_run_twice_while_they_learn_and_at_no_other_time(model):
    assert runs(model) == 2
    assert checkpoint_activations(model) is model
    assert runs(model) == 4
    assert runs(copy.deepcopy(model)) == 4
    with torch.no_grad():
        assert runs(model, backward=False) == 2
    assert runs(model.eval()) == 2
    model.train()[1].eval()
    assert runs(model) == 3


def test_what_is_frozen_in_front_is_not_run_again(model):
    checkpoint_activations(model)[:2].requires_grad_(False)
    assert runs(model) == 3


def test_a_copy_computes_with_its_own_weights(model):
    other = copy.deepcopy(checkpoint_activations(model))
    x = torch.randn(1, 2, 4, 4)
    before = model.eval()(x)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
    assert torch.equal(model(x), before)
    assert torch.equal(other.eval()(x), torch.zeros_like(x))


def test_names_stay_and_twice_is_once(model):
    names, modules = list(model.state_dict()), [name for name, _ in model.named_modules()]
    checkpoint_activations(checkpoint_activations(model))
    assert list(model.state_dict()) == names
    assert [name for name, _ in model.named_modules()] == modules
    assert runs(model) == 4


def test_statistics_are_gathered_once_even_if_the_second_run_breaks_off(model):
    norm = checkpoint_activations(model)[1].branch[1]
    kept = norm.running_mean
    runs(model)
    assert norm.running_mean is kept
    assert norm.num_batches_tracked == 1
    torch.testing.assert_close(norm.running_mean, 0.1 * model[1].branch[0](model[0](torch.ones(3, 2, 4, 4))).mean((0, 2, 3)))


def test_the_second_run_drops_what_the_first_has_dropped(model):
    forgetful = checkpoint_activations(copy.deepcopy(model))
    x = torch.randn(3, 2, 4, 4)
    for each in (model, forgetful):
        torch.manual_seed(1)
        y = each(x)
        torch.manual_seed(2)
        y.square().sum().backward()
    after = torch.rand(1)
    torch.manual_seed(2)
    assert torch.equal(torch.rand(1), after)
    assert all(torch.equal(a.grad, b.grad) for a, b in zip(model.parameters(), forgetful.parameters(), strict=True))


def test_nothing_overwrites_what_a_piece_has_kept():
    """Gradients of activations that write into their input are those of plain layers."""
    torch.manual_seed(0)
    layers = [layer for _ in range(9) for layer in (nn.Conv2d(2, 2, 3, padding=1), nn.BatchNorm2d(2), nn.ReLU())]
    plain = nn.Sequential(*layers)
    forgetful = checkpoint_activations(copy.deepcopy(InplaceSequential(*layers)))
    for each in (plain, forgetful):
        each(torch.ones(2, 2, 5, 5).tril()).square().sum().backward()
    assert all(torch.equal(a.grad, b.grad) for a, b in zip(plain.parameters(), forgetful.parameters(), strict=True))


def test_a_row_is_cut_in_front_of_convolutions():
    row = create_on_meta("vgg16_bn").features
    cuts = list(pieces(row))
    assert len(cuts) == 4  # of 13 convolutions
    assert [a for a, *_ in cuts[1:]] == [b for _, b, _ in cuts[:-1]]
    assert (cuts[0][0], cuts[-1][1]) == (0, len(row))
    assert all(forgets and isinstance(row[start], nn.Conv2d) for start, _, forgets in cuts)


def test_a_row_with_blocks_in_it_leaves_them_to_themselves():
    row = create_on_meta("squeezenet1_1").features
    cuts = list(pieces(row))
    fires = {i for i, layer in enumerate(row) if type(layer).__name__ == "Fire"}
    assert all(not forgets for a, b, forgets in cuts if fires & set(range(a, b)))
    assert cuts[0] == (0, 3, True)


def test_networks_that_forget_nothing_are_told():
    with pytest.raises(InputError, match="LeNet5 has no blocks whose activations"):
        checkpoint_activations(create_on_meta("lenet5"))
