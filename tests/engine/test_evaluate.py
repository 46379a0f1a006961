import pytest
import torch
from torch import nn

from convatlas.engine.evaluate import evaluate, outputs
from convatlas.engine.judge import sample
from convatlas.engine.task import Scores
from convatlas.engine.tasks.classify import ClassMeter

# Four images, three classes of which the last has no image; the probabilities are chosen, the logits are their logarithms.
P = torch.tensor([[0.7, 0.2, 0.1], [0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.25, 0.35, 0.4]])
TRUE = torch.tensor([0, 1, 1, 0])


class Echo(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert not self.training
        assert torch.is_inference_mode_enabled()
        return x


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_is_put_back(training):
    model = Echo().train(training)
    evaluate(model, [(P.log(), TRUE)], ClassMeter("abc"))
    assert model.training == training


def test_what_was_frozen_stays_in_its_mode():
    model = nn.Sequential(Echo(), Echo())
    model[0].eval()
    evaluate(model, [(P.log(), TRUE)], ClassMeter("abc"))
    assert [module.training for module in model.modules()] == [True, False, True]


def test_the_mode_is_put_back_after_an_error():
    def broken():
        yield P.log(), TRUE
        raise RuntimeError("no more")

    model = Echo().train()
    with pytest.raises(RuntimeError, match="no more"):
        evaluate(model, broken(), ClassMeter("abc"))
    assert model.training


def test_batches_do_not_matter():
    def scores(*batches: tuple[torch.Tensor, torch.Tensor]) -> Scores:
        return evaluate(Echo(), batches, ClassMeter("abc"))

    assert scores((P.log(), TRUE)).to_json() == scores((P[:1].log(), TRUE[:1]), (P[1:].log(), TRUE[1:])).to_json()


def test_a_loop_that_is_left_leaves_its_modes_too():
    model = Echo().train()
    for output, target in outputs(model, [(P.log(), TRUE)] * 2):
        assert not torch.is_inference_mode_enabled()
        assert torch.equal(output, P.log())
        assert target is TRUE
        break
    assert model.training


def test_a_sample_is_spread_evenly_and_never_more_than_there_is(digits):
    some = sample(digits.train, 10)
    assert len(some) == 10
    assert torch.equal(some.pixels(torch.tensor([0])), digits.train.pixels(torch.tensor([0])))
    assert torch.equal(some.labels[-1], digits.train.labels[-1])
    assert len(sample(digits.train, 10**6)) == len(digits.train)
