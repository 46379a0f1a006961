"""Residual blocks whose activations come first."""

from torch import Tensor, nn

from .inplace import relu_after


class PreActBlock(nn.Module):
    """y = s(x) + W₂ relu(norm(W₁ relu(norm(x)))): two 3x3, nothing after the sum, so that the identity runs through them all.

    Where the shape changes the shortcut is a 1x1 that reads relu(norm(x)).

    Shapes   x (n, c_in, h, w) → (n, c_out, h / stride, w / stride)
    Source   He et al. 2016, arXiv:1603.05027, fig. 1b; dropout between the two: Zagoruyko 2016, 1605.07146, fig. 1d
    """

    expansion = 1

    def __init__(self, c_in: int, c_out: int, stride: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(c_in)
        self.conv1 = nn.Conv2d(c_in, c_out, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(c_out)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, padding=1, bias=False)
        self.shortcut = projection(c_in, c_out, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = relu_after(self.bn1, x)
        x = x if self.shortcut is None else self.shortcut(y)
        y = relu_after(self.bn2, self.conv1(y))
        return self.conv2(self.dropout(y)) + x


def projection(c_in: int, c_out: int, stride: int) -> nn.Conv2d | None:
    """A 1x1 where the shape changes, None where the shortcut is the identity."""
    return None if stride == 1 and c_in == c_out else nn.Conv2d(c_in, c_out, 1, stride, bias=False)
