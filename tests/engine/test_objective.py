"""What training makes small, against formulas written out."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from convatlas.engine.recipe import Recipe
from convatlas.engine.tasks.classify import Objective, class_weights
from convatlas.ops.loss import classification_loss

N, K = 6, 4


def objective(weights: Tensor | None = None, teacher: nn.Module | None = None, **fields: object) -> Objective:
    return Objective(Recipe(**{"precision": "32"} | fields), weights, teacher)


def batch() -> tuple[Tensor, Tensor, Tensor]:
    return torch.randn(N, K, requires_grad=True), torch.randn(N, 3), torch.tensor([0, 1, 2, 3, 0, 0])


def soft(n: int = N) -> Tensor:
    return torch.randn(n, K).softmax(1)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_with_nothing_new_on_it_is_the_cross_entropy_of_before(smoothing):
    logits, x, y = batch()
    found = objective(label_smoothing=smoothing)(logits, x, y)
    assert torch.equal(found, cross_entropy(logits, y, label_smoothing=smoothing))
    assert torch.equal(found, classification_loss(logits, y, smoothing))
    more = torch.randn(N, K)
    assert torch.equal(
        objective(label_smoothing=smoothing)((logits, more), x, y), classification_loss((logits, more), y, smoothing)
    )


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
