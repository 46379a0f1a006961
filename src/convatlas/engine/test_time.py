"""Test-time augmentation: what a network says on the mean over several views of an image."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from ..errors import unknown
from ..ops.mode import eval_mode
from .recipe import VIEWS

WINDOW = 7 / 8  # side of a window as a share of the image's: 224 of 256


def averaged(model: nn.Module, tta: str) -> nn.Module:
    """The network that gives the logarithm of its mean probability over views of each image; "none" is the network itself.

    flip: the image and its mirror image. ten: the four corner windows and the middle one, of 7/8 of the side, enlarged back
    to it, and the mirror image of each.

    Shapes   x (n, c, h, w) float → (n, classes) float32
    Raises   InputError for views that nobody knows
    Source   Krizhevsky et al. 2012, §4.1; differs: windows are enlarged, so that a network of any fixed size takes them
    """
    if tta not in VIEWS:
        raise unknown("tta", tta, VIEWS)
    return model if tta == "none" else Averaged(model, WAYS[tta])


class Averaged(nn.Module):
    """A network over views, always as in evaluation; outside a call it stays in the mode it is in."""

    def __init__(self, model: nn.Module, views: Callable[[Tensor], Iterator[Tensor]]) -> None:
        super().__init__()
        self.model, self.views = model, views
        self.training = False

    def train(self, mode: bool = True) -> "Averaged":
        return self

    def forward(self, x: Tensor) -> Tensor:
        with eval_mode(self.model):
            # One view at a time: ten at once would take ten times the memory.
            told = torch.stack([self.model(view).float().log_softmax(1) for view in self.views(x)])
        return told.logsumexp(0) - torch.tensor(float(len(told))).log().item()


def flipped(x: Tensor) -> Iterator[Tensor]:
    """The images and their mirror images."""
    yield x
    yield x.flip(3)


def ten(x: Tensor) -> Iterator[Tensor]:
    """Four corner windows and the middle one, each followed by its mirror image."""
    sides = x.shape[2:]
    height, width = (max(round(WINDOW * side), 1) for side in sides)
    down, across = sides[0] - height, sides[1] - width
    for top, left in ((0, 0), (0, across), (down, 0), (down, across), (down // 2, across // 2)):
        window = x[:, :, top : top + height, left : left + width]
        yield from flipped(interpolate(window, size=sides, mode="bilinear", align_corners=False))


WAYS: dict[str, Callable[[Tensor], Iterator[Tensor]]] = {"flip": flipped, "ten": ten}
