"""Stochastic depth: branches that are skipped at random while training."""

import torch
from torch import Tensor, nn

from ..errors import InputError


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


def set_stochastic_depth(model: nn.Module, p: float) -> None:
    """Skips the last branch with probability p and those before it less, in proportion: p · i / (n − 1) for i = 0 … n − 1.

    Raises   InputError for a network without branches that could be skipped
    Source   Huang et al. 2016, arXiv:1603.09382, eq. 4; differs: the first branch stays, where the paper's i / n skips some
    """
    idle = {module.drop_path for module in model.modules() if getattr(module, "adds", True) is False}
    paths = [module for module in model.modules() if isinstance(module, DropPath) and module not in idle]
    if not paths:
        raise InputError(
            f"{type(model).__name__} has no stochastic depth: take a network with branches that can be skipped "
            "(`convatlas show` lists them as DropPath), or leave --stochastic-depth out"
        )
    for i, path in enumerate(paths):
        path.p = p * i / (len(paths) - 1) if len(paths) > 1 else p
