import math

import pytest
import torch
from torch import nn

from convatlas.engine.evaluate import evaluate, measure, sample

# Four images, three classes of which the last has no image; the probabilities are chosen, the logits are their logarithms.
P = torch.tensor([[0.7, 0.2, 0.1], [0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.25, 0.35, 0.4]])
TRUE = torch.tensor([0, 1, 1, 0])


def test_figures_by_hand():
    found = measure(P.log(), TRUE)
    assert found.n == 4
    assert found.accuracy == 0.5
    assert found.top5_accuracy == 1  # of three classes, the true one is always among the first five
    assert found.confusion == [[1, 0, 1], [1, 1, 0], [0, 0, 0]]
    assert found.per_class_accuracy == [0.5, 0.5, None]
    assert found.loss == pytest.approx(-sum(math.log(p) for p in (0.7, 0.3, 0.8, 0.25)) / 4)
    # Each image is alone in its bin: |right - confidence| of each, averaged.
    assert found.calibration_error == pytest.approx((0.3 + 0.5 + 0.2 + 0.4) / 4)
    assert found.predicted.tolist() == [0, 0, 1, 2]
    assert found.probability.tolist() == pytest.approx([0.7, 0.5, 0.8, 0.4])
    assert found.labels.tolist() == TRUE.tolist()


def test_images_of_one_bin_are_averaged_before_they_are_judged():
    p = torch.tensor([[0.81, 0.19], [0.83, 0.17], [0.85, 0.15], [0.82, 0.18]])  # one of fifteen bins: 12/15 to 13/15
    found = measure(p.log(), torch.tensor([0, 0, 0, 1]))
    assert found.calibration_error == pytest.approx(abs(0.75 - 0.8275), abs=1e-6)


def test_top5_of_many_classes():
    logits = torch.arange(10.0).repeat(4, 1)  # the five likeliest are 9 8 7 6 5
    found = measure(logits, torch.tensor([9, 5, 4, 0]))
    assert found.top5_accuracy == 0.5
    assert found.accuracy == 0.25


def test_json_holds_the_figures_alone():
    json = measure(P.log(), TRUE).to_json()
    assert json.keys() == {
        "n", "loss", "accuracy", "top5_accuracy", "calibration_error", "per_class_accuracy", "confusion"
    }  # fmt: skip


class Echo(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert not self.training
        assert torch.is_inference_mode_enabled()
        return x


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_is_put_back(training):
    model = Echo().train(training)
    evaluate(model, [(P.log(), TRUE)])
    assert model.training == training


def test_what_was_frozen_stays_in_its_mode():
    model = nn.Sequential(Echo(), Echo())
    model[0].eval()
    evaluate(model, [(P.log(), TRUE)])
    assert [module.training for module in model.modules()] == [True, False, True]


def test_the_mode_is_put_back_after_an_error():
    def broken():
        yield P.log(), TRUE
        raise RuntimeError("no more")

    model = Echo().train()
    with pytest.raises(RuntimeError, match="no more"):
        evaluate(model, broken())
    assert model.training


def test_batches_do_not_matter():
    whole, parts = evaluate(Echo(), [(P.log(), TRUE)]), evaluate(Echo(), [(P[:1].log(), TRUE[:1]), (P[1:].log(), TRUE[1:])])
    assert whole.to_json() == parts.to_json()


def test_a_sample_is_spread_evenly_and_never_more_than_there_is(digits):
    some = sample(digits.train, 10)
    assert len(some) == 10
    assert torch.equal(some.pixels(torch.tensor([0])), digits.train.pixels(torch.tensor([0])))
    assert torch.equal(some.labels[-1], digits.train.labels[-1])
    assert len(sample(digits.train, 10**6)) == len(digits.train)
