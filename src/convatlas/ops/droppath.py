"""Stochastic depth: branches that are skipped at random while training."""

import torch
from torch import Tensor, nn


class DropPath(nn.Module):
    """Zeroes the branch of each image with probability p and scales the others by 1 / (1 − p), in training alone.

    Shapes   y (n, …) → the same
    Raises   ValueError if p is not in [0, 1)
    Source   Huang et al. 2016, arXiv:1603.09382, eq. 2; differs: scaled in training instead of in evaluation
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        if not 0 <= p < 1:
            raise ValueError(f"drop path needs a probability in [0, 1), got {p}")
        self.p = p

    def forward(self, y: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return y
        keep = torch.empty(y.shape[0], *[1] * (y.ndim - 1), dtype=y.dtype, device=y.device).bernoulli_(1 - self.p)
        return y * keep.div_(1 - self.p)

    def extra_repr(self) -> str:
        return f"p={self.p:.3g}"
