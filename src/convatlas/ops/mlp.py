"""Two linear layers with a bend between: how transformers mix channels."""

from torch import nn


def mlp(c: int, waist: int, dropout: float = 0.0) -> nn.Sequential:
    """0 = wide, 1 = gelu, 3 = narrow again, dropout after both.

    Source   Vaswani et al. 2017, arXiv:1706.03762, §3.3; differs: gelu instead of relu
    """
    return nn.Sequential(nn.Linear(c, waist), nn.GELU(), nn.Dropout(dropout), nn.Linear(waist, c), nn.Dropout(dropout))
