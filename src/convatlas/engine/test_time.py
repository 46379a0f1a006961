"""Test-time augmentation: what a network gives on the mean over several views of an image."""

from collections.abc import Callable, Sequence

from torch import Tensor, nn
from torch.nn.functional import interpolate

from ..errors import unknown_name
from ..ops.mode import eval_mode
from .recipe import VIEWS
from .task import Output, View

WINDOW = 7 / 8  # side of a window as a share of the image's: 224 of 256
CORNERS = ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0), (0.5, 0.5))  # the last one is the middle
WAYS: dict[str, tuple[View, ...]] = {
    "flip": (View(), View(mirrored=True)),
    "ten": tuple(View(top, left, WINDOW, mirrored) for top, left in CORNERS for mirrored in (False, True)),
}

Join = Callable[[Sequence[Output], Sequence[View]], Output]


def with_views(model: nn.Module, tta: str, join: Join) -> nn.Module:
    """The network that joins its outputs on views of each image; "none" is the network itself.

    flip: the image and its mirror image. ten: the four corner windows and the middle one, of 7/8 of the side, enlarged back
    to it, and the mirror image of each.

    Shapes   x (n, c, h, w) float → an output of the network
    Raises   InputError for unknown views
    Source   Krizhevsky et al. 2012, §4.1; differs: windows are enlarged, so that a network of any fixed size takes them
    """
    if tta not in VIEWS:
        raise unknown_name("tta", tta, VIEWS)
    return model if tta == "none" else Averaged(model, WAYS[tta], join)


class Averaged(nn.Module):
    """A network over views, always as in evaluation; outside a call it stays in the mode it is in."""

    def __init__(self, model: nn.Module, views: Sequence[View], join: Join) -> None:
        super().__init__()
        self.model, self.views, self.join = model, views, join
        self.training = False

    def train(self, mode: bool = True) -> "Averaged":
        return self

    def forward(self, x: Tensor) -> Output:
        with eval_mode(self.model):
            # One view at a time: ten at once would take ten times the memory.
            return self.join([self.model(look_through(view, x)) for view in self.views], self.views)


def look_through(view: View, x: Tensor) -> Tensor:
    """The images as a view shows them, in their own size.

    Shapes   x (n, c, h, w) float → the same
    """
    if view.side < 1:
        sides = x.shape[2:]
        height, width = (max(round(view.side * side), 1) for side in sides)
        top, left = int(view.top * (sides[0] - height)), int(view.left * (sides[1] - width))
        x = interpolate(x[:, :, top : top + height, left : left + width], size=sides, mode="bilinear", align_corners=False)
    return x.flip(3) if view.mirrored else x
