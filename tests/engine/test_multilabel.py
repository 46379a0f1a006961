"""Several labels per image: losses and figures beside torch's and torchmetrics', and a run from a table to its predictions."""

import math

import numpy as np
import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits
from torchmetrics.functional.classification import multilabel_average_precision, multilabel_exact_match, multilabel_f1_score

from convatlas.engine.task import View
from convatlas.engine.tasks.multilabel import MULTILABEL, LabelMeter, per_image, positive_weights


def outputs() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(200, 4, generator=generator)
    return logits, (torch.rand(200, 4, generator=generator) < torch.tensor([0.5, 0.3, 0.1, 0.05])).float()


def test_figures_are_those_of_torchmetrics() -> None:
    logits, target = outputs()
    meter = LabelMeter(["a", "b", "c", "d"])
    for part in (slice(0, 70), slice(70, 200)):
        meter.add(logits[part], target[part])
    scores, truth = meter.scores(), target.long()
    assert scores.figures["mean_ap"] == pytest.approx(multilabel_average_precision(logits, truth, 4).item(), abs=1e-6)
    assert scores.figures["class_f1"] == pytest.approx(multilabel_f1_score(logits, truth, 4).item(), abs=1e-6)
    assert scores.figures["exact_match"] == pytest.approx(multilabel_exact_match(logits, truth, 4).item(), abs=1e-6)
    assert scores.figures["loss"] == pytest.approx(binary_cross_entropy_with_logits(logits, target).item(), abs=1e-6)
    assert scores.figures["image_f1"] == pytest.approx(per_image(scores.answers).mean().item())
    assert scores.tables["images_per_class"] == target.sum(0).tolist()
    assert [measure.key for measure in MULTILABEL.measures] == [key for key in scores.figures if key != "loss"]


def test_a_class_without_images_counts_for_nothing() -> None:
    meter = LabelMeter(["a", "b"])
    meter.add(torch.tensor([[2.0, -1.0], [-2.0, -1.0]]), torch.tensor([[1.0, 0.0], [0.0, 0.0]]))
    scores = meter.scores()
    assert scores.per_class == {"mean_ap": [1.0, None], "class_f1": [1.0, None]}
    assert scores.figures["mean_ap"] == 1


def test_the_score_of_an_image_is_its_f1() -> None:
    answers = {
        "labels": torch.tensor([[1, 1, 0], [0, 0, 0], [0, 0, 0], [1, 0, 0]]),
        "probability": torch.tensor([[0.9, 0.1, 0.1], [0.1, 0.2, 0.3], [0.9, 0, 0], [0.5, 0, 0]]),
    }
    assert per_image(answers).tolist() == pytest.approx([2 / 3, 1, 0, 1])
    assert MULTILABEL.example(answers, 0) == {"true": [0, 1], "predicted": [0], "probability": pytest.approx(0.9)}


def test_rare_classes_weigh_as_much_as_the_rest() -> None:
    rows = torch.tensor([[1.0, 1, 0, 1], [1, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 1]])
    assert positive_weights(rows).tolist() == pytest.approx([1, 3, 1, 1e-3])


def test_views_are_joined_by_their_probabilities() -> None:
    joined = MULTILABEL.join([torch.tensor([[math.log(3.0)]]), torch.tensor([[-math.log(3.0)]])], [View(), View(mirrored=True)])
    assert joined.sigmoid().item() == pytest.approx(0.5)
    assert np.allclose(MULTILABEL.probabilities(torch.tensor([[0.0, 100.0]])).numpy(), [[0.5, 1.0]])
