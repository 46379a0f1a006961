"""What a classifier is trained to make small."""

from torch import Tensor
from torch.nn.functional import cross_entropy

AUXILIARY = 0.3  # weight of each auxiliary head: Szegedy et al. 2014, arXiv:1409.4842, §5


def classification_loss(
    output: Tensor | tuple[Tensor, ...], y: Tensor, label_smoothing: float = 0.0, weights: Tensor | None = None
) -> Tensor:
    """Cross-entropy; networks with auxiliary heads give (logits, auxiliary logits, …) in training, whose losses are added.

    Shapes   every logits (n, classes), y (n,) int64 or (n, classes) float, rows that sum to one, weights (classes,) → a scalar
    """
    logits, *auxiliary = heads(output)
    loss = entropy(logits, y, label_smoothing, weights)
    for more in auxiliary:
        loss = loss + AUXILIARY * entropy(more, y, label_smoothing, weights)
    return loss


def heads(output: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The logits of every head, the network's own first."""
    return output if isinstance(output, tuple) else (output,)


def entropy(logits: Tensor, y: Tensor, label_smoothing: float = 0.0, weights: Tensor | None = None) -> Tensor:
    """Σ w_c t_c (−log p_c) / Σ w_c y_c over classes and images, where t is y smoothed and p the softmax of the logits.

    Labels are rows y with a single one, so that a label and its row give the same; PyTorch divides rows by n instead.

    Shapes   logits (n, classes), y (n,) int64 or (n, classes) float, weights (classes,) → a scalar
    """
    logits = logits.float()
    if weights is None:
        return cross_entropy(logits, y, label_smoothing=label_smoothing)
    weights = weights.to(logits)
    if not y.is_floating_point():
        return cross_entropy(logits, y, weights, label_smoothing=label_smoothing)
    return cross_entropy(logits, y, weights, reduction="sum", label_smoothing=label_smoothing) / (y.to(weights) @ weights).sum()
