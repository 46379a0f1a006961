"""What a classifier is trained to make small."""

from torch import Tensor
from torch.nn.functional import cross_entropy

AUXILIARY = 0.3  # weight of each auxiliary head: Szegedy et al. 2014, arXiv:1409.4842, §5


def classification_loss(output: Tensor | tuple[Tensor, ...], y: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Cross-entropy; networks with auxiliary heads give (logits, auxiliary logits, …) in training, whose losses are added.

    Shapes   every logits (n, classes), y (n,) int64 → a scalar
    """
    logits, *auxiliary = output if isinstance(output, tuple) else (output,)
    loss = cross_entropy(logits.float(), y, label_smoothing=label_smoothing)
    for more in auxiliary:
        loss = loss + AUXILIARY * cross_entropy(more.float(), y, label_smoothing=label_smoothing)
    return loss
