"""Class activation maps: the evidence for a class at each place of a layer, and the default layer.

A layer gives maps A_k, and the class score has gradients g_k with respect to them. The class's map is relu(Σ_k w_k A_k), with

Grad-CAM     w_k = mean of g_k over all places                       Selvaraju et al. 2016, arXiv:1610.02391, eq. 1 and 2
Grad-CAM++   w_k = Σ α relu(g_k), α = g_k² / (2 g_k² + g_k³ Σ A_k)   Chattopadhay et al. 2017, arXiv:1710.11063, eq. 10, 19
LayerCAM     w_k = relu(g_k), a weight for each place                Jiang et al. 2021, IEEE TIP 30, eq. 5 and 6
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from ..anatomy.layer import Layer, Shape
from ..anatomy.layers import Anatomy, inspect
from ..errors import InputError
from ..ops.paths import is_inside


def cam_layer(model: nn.Module, size: Shape) -> str:
    """The default layer of class activation maps: the last one with spatial extent on the way to the classes.

    Pools and changes of shape at the end of the network are skipped. Where a class token reads all others, the layer is the
    input of the last attention: only the class token uses what comes after it.

    Shapes   size (channels, height, width)
    Raises   InputError if no layer has spatial extent
    """
    return last_map(inspect(model, size))


def last_map(anatomy: Anatomy) -> str:
    """The choice of `cam_layer`.

    Raises   InputError if no layer has spatial extent
    """
    rows, size = anatomy.layers, anatomy.size
    way = dependencies(rows, len(rows) - 1)
    spread = {at: layout for at in way if (layout := rows[at].layout(size))}
    if not spread:
        raise InputError(
            f"no layer of the network has spatial extent for an image of {'x'.join(map(str, size))}: take a larger one"
        )
    at = max(spread)
    if spread[at].extra:
        mixing = [i for i in way if i < at and any(word in rows[i].kind.lower() for word in ("attention", "softmax"))]
        if mixing:
            before = dependencies(rows, max(mixing)) - {max(mixing)}
            at = max((i for i in before if i in spread and rows[i].bytes), default=at)
        return ending_module(rows, at)
    while is_passive(rows[at]) and rows[at].inputs and rows[at].inputs[0] in spread:
        at = rows[at].inputs[0]
    return ending_module(rows, at)


def dependencies(rows: tuple[Layer, ...], end: int) -> set[int]:
    """Places of the layers that a layer depends on, itself included."""
    way, ahead = set(), [end]
    while ahead:
        at = ahead.pop()
        if at >= 0 and at not in way:
            way.add(at)
            ahead.extend(rows[at].inputs)
    return way


def is_passive(row: Layer) -> bool:
    """Whether a layer only reshapes, pools or drops its input."""
    return not row.bytes or any(word in row.kind.lower() for word in ("pool", "dropout"))


def ending_module(rows: tuple[Layer, ...], at: int) -> str:
    """The module whose last layer this is: a shorter name, and cheaper to tap; the layer's own name if there is none."""
    row = rows[at]
    rows_inside = [i for i, other in enumerate(rows) if is_inside(other.module, row.module)]
    return row.module if row.module and rows_inside[-1] == at else row.name


def gradcam(y: Tensor, g: Tensor) -> Tensor:
    """Channels weighted by their mean gradient.

    Shapes   y and g (n, c, h, w) → (n, h, w)
    """
    return relu((g.mean((2, 3), keepdim=True) * y).sum(1))


def gradcam_plus_plus(y: Tensor, g: Tensor) -> Tensor:
    """Channels weighted by their positive gradients, most where few places have one.

    In α only activations above zero count: the paper's networks end in a ReLU, and others could divide by zero.

    Shapes   y and g (n, c, h, w) → (n, h, w)
    """
    steep = relu(g)
    below = 2 * steep**2 + relu(y).sum((2, 3), keepdim=True) * steep**3
    alpha = torch.where(below > 0, steep**2 / below, 0)
    return relu(((alpha * steep).sum((2, 3), keepdim=True) * y).sum(1))


def layercam(y: Tensor, g: Tensor) -> Tensor:
    """Each activation weighted by its own positive gradient.

    Shapes   y and g (n, c, h, w) → (n, h, w)
    """
    return relu((relu(g) * y).sum(1))


CAMS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "gradcam": gradcam,
    "gradcam++": gradcam_plus_plus,
    "layercam": layercam,
}
"""Activations and gradients (n, c, h, w) → maps (n, h, w), not below zero."""
