"""Classification: its loss and its figures, against formulas written out and torchmetrics."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot
from torchmetrics.functional.classification import (
    multiclass_accuracy,
    multiclass_calibration_error,
    multiclass_confusion_matrix,
)

from convatlas.engine.recipe import Recipe
from convatlas.engine.task import Scores, total
from convatlas.engine.tasks.classify import ClassMeter, Objective, class_weights, plain_loss

N, K = 6, 4
# Four images, three classes of which the last has no image; the probabilities are chosen, the logits are their logarithms.
P = torch.tensor([[0.7, 0.2, 0.1], [0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.25, 0.35, 0.4]])
TRUE = torch.tensor([0, 1, 1, 0])

Output = Tensor | tuple[Tensor, ...]


def objective(
    weights: Tensor | None = None, teacher: nn.Module | None = None, **fields: object
) -> Callable[[Output, Tensor, Tensor], Tensor]:
    loss = Objective(Recipe(**{"precision": "32"} | fields), weights, teacher)
    return lambda output, x, y: total(loss(lambda _: output, x, y))


def scores_of(logits: Tensor, labels: Tensor) -> Scores:
    meter = ClassMeter([str(i) for i in range(logits.shape[1])])
    meter.add(logits, labels)
    return meter.scores()


def batch() -> tuple[Tensor, Tensor, Tensor]:
    return torch.randn(N, K, requires_grad=True), torch.randn(N, 3), torch.tensor([0, 1, 2, 3, 0, 0])


def soft(n: int = N) -> Tensor:
    return torch.randn(n, K).softmax(1)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_with_nothing_new_on_it_is_the_cross_entropy_of_before(smoothing):
    logits, x, y = batch()
    found = objective(label_smoothing=smoothing)(logits, x, y)
    assert torch.equal(found, cross_entropy(logits, y, label_smoothing=smoothing))
    first, second = torch.randn(2, N, K)
    expected = found + 0.3 * cross_entropy(first, y, label_smoothing=smoothing)
    expected = expected + 0.3 * cross_entropy(second, y, label_smoothing=smoothing)
    assert torch.equal(objective(label_smoothing=smoothing)((logits, first, second), x, y), expected)
    plain = total(plain_loss(lambda _: (logits, first, second), x, y))
    assert torch.equal(plain, objective()((logits, first, second), x, y))


def test_soft_labels_are_weighed_by_their_classes():
    logits, x, _ = batch()
    y, w, eps = soft(), torch.tensor([0.5, 1.0, 2.0, 4.0]), 0.2
    expected, total = 0.0, 0.0
    for z, row in zip(logits.tolist(), y.tolist(), strict=True):
        norm = math.log(sum(map(math.exp, z)))
        expected += sum(w[c] * ((1 - eps) * row[c] + eps / K) * (norm - z[c]) for c in range(K))
        total += sum(w[c] * row[c] for c in range(K))
    assert objective(w, label_smoothing=eps)(logits, x, y).item() == pytest.approx((expected / total).item(), rel=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weights", [None, torch.tensor([0.5, 1.0, 2.0, 4.0])])
def test_a_label_and_its_row_give_the_same(weights, smoothing):
    logits, x, y = batch()
    hard, row = (objective(weights, label_smoothing=smoothing)(logits, x, t) for t in (y, one_hot(y, K).float()))
    torch.testing.assert_close(hard, row)
    torch.testing.assert_close(hard, cross_entropy(logits, y, weights, label_smoothing=smoothing))


def test_rare_classes_weigh_more_and_images_one():
    labels = torch.tensor([0] * 6 + [1] * 3 + [3])
    weights = class_weights(labels, 4)
    torch.testing.assert_close(weights, torch.tensor([10 / 18, 10 / 9, 0.0, 10 / 3]))
    assert weights[labels].mean().item() == pytest.approx(1)
    torch.testing.assert_close(class_weights(torch.arange(8) % 4, 4), torch.ones(4))


def test_weights_of_equal_classes_change_nothing():
    logits, x, y = batch()
    assert torch.equal(objective(torch.ones(K))(logits, x, y), objective()(logits, x, y))


@pytest.mark.parametrize(("distill", "temperature"), [(1.0, 4.0), (0.3, 2.0)])
def test_the_gradient_of_distillation_is_the_papers(distill, temperature):
    """Softmax minus target for both halves: (1 − a)(p − y) + a T (p_T − t_T), over n."""
    logits, x, y = batch()
    teacher = nn.Linear(3, K)
    objective(teacher=teacher, distill=distill, temperature=temperature)(logits, x, y).backward()
    with torch.no_grad():
        student, taught = ((z / temperature).softmax(1) for z in (logits, teacher(x)))
        expected = (1 - distill) * (logits.softmax(1) - one_hot(y, K)) + distill * temperature * (student - taught)
    torch.testing.assert_close(logits.grad, expected / N)
    assert all(p.grad is None for p in teacher.parameters())


def test_a_teacher_is_at_rest_and_auxiliary_heads_do_not_hear_it():
    logits, x, y = batch()
    teacher = nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, K), nn.Dropout(0.5)).train()
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    taught, more = objective(teacher=teacher, distill=0.5), torch.randn(N, K, requires_grad=True)
    alone = taught(logits, x, y)
    assert torch.equal(alone, taught(logits, x, y))
    assert all(torch.equal(value, before[name]) for name, value in teacher.state_dict().items())
    torch.testing.assert_close(taught((logits, more), x, y), alone + 0.3 * cross_entropy(more, y))
    torch.testing.assert_close(objective(teacher=teacher, distill=0.0)(logits, x, y), cross_entropy(logits, y))


def test_a_teacher_computes_in_the_precision_of_the_network():
    logits, x, y = batch()
    seen = []
    teacher = nn.Linear(3, K)
    teacher.register_forward_hook(lambda _, __, z: seen.append(z.dtype))
    for precision in ("32", "bf16"):
        loss = objective(teacher=teacher, precision=precision)(logits, x, y)
        assert loss.dtype == torch.float32
    assert seen == [torch.float32, torch.bfloat16]


def test_figures_by_hand():
    scores = scores_of(P.log(), TRUE)
    assert scores.n == 4
    assert scores.figures["accuracy"] == 0.5
    assert scores.figures["top5_accuracy"] == 1  # of three classes, the true one is always among the first five
    assert scores.tables["confusion"] == [[1, 0, 1], [1, 1, 0], [0, 0, 0]]
    assert scores.per_class["accuracy"] == [0.5, 0.5, None]
    assert scores.figures["loss"] == pytest.approx(-sum(math.log(p) for p in (0.7, 0.3, 0.8, 0.25)) / 4)
    # Each image is alone in its bin: |right - confidence| of each, averaged.
    assert scores.figures["calibration_error"] == pytest.approx((0.3 + 0.5 + 0.2 + 0.4) / 4)
    assert scores.answers["predicted"].tolist() == [0, 0, 1, 2]
    assert scores.answers["probability"].tolist() == pytest.approx([0.7, 0.5, 0.8, 0.4])
    assert scores.answers["labels"].tolist() == TRUE.tolist()


def test_images_of_one_bin_are_averaged_before_they_are_judged():
    p = torch.tensor([[0.81, 0.19], [0.83, 0.17], [0.85, 0.15], [0.82, 0.18]])  # one of fifteen bins: 12/15 to 13/15
    scores = scores_of(p.log(), torch.tensor([0, 0, 0, 1]))
    assert scores.figures["calibration_error"] == pytest.approx(abs(0.75 - 0.8275), abs=1e-6)


def test_top5_of_many_classes():
    logits = torch.arange(10.0).repeat(4, 1)  # the five likeliest are 9 8 7 6 5
    scores = scores_of(logits, torch.tensor([9, 5, 4, 0]))
    assert scores.figures["top5_accuracy"] == 0.5
    assert scores.figures["accuracy"] == 0.25


def test_json_holds_the_figures_alone():
    json = scores_of(P.log(), TRUE).to_json()
    assert json.keys() == {
        "n", "loss", "accuracy", "top5_accuracy", "calibration_error", "per_class_accuracy", "confusion"
    }  # fmt: skip


@pytest.mark.parametrize("k", [2, 3, 40])
def test_figures_are_those_of_torchmetrics_to_the_bit_however_the_images_are_cut_into_batches(k):
    """And the loss is PyTorch's own over all images at once."""
    n = 1001
    labels = torch.randint(k, (n,))
    logits = 2 * torch.randn(n, k) + 3 * one_hot(labels, k)
    logits[::50] = logits[::50].round()  # ties
    meter = ClassMeter(range(k))
    for first in range(0, n, 96):
        meter.add(logits[first : first + 96], labels[first : first + 96])
    scores = meter.scores()
    predicted = logits.softmax(1).argmax(1)
    assert scores.figures == {
        "loss": cross_entropy(logits, labels).item(),
        "accuracy": int((predicted == labels).sum()) / n,
        "top5_accuracy": multiclass_accuracy(logits, labels, k, average="micro", top_k=min(5, k)).item(),
        "calibration_error": multiclass_calibration_error(logits.softmax(1), labels, k, n_bins=15).item(),
    }
    assert scores.tables["confusion"] == multiclass_confusion_matrix(predicted, labels, k).tolist()
    assert all(tensor.shape == (n,) for tensor in scores.answers.values())
