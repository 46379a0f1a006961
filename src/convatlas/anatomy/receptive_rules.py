"""How receptive fields pass through operations: one rule for each kind that reads windows, moves units or mixes them.

Norms and activations count as operations on each place by itself, as usual, although a norm may take the mean over the map.

Shapes   x, the input whose field is followed, has any number of axes; `field.dims` says which of them are height and width
"""

from collections.abc import Callable
from dataclasses import replace
from functools import reduce
from math import prod
from typing import Any

from torch import Tensor

from ..ops.trace import Operation, tensors
from .receptive import Axis, ReceptiveField

Known = dict[int, ReceptiveField | None]
"""id of a tensor → its field; None where it was lost."""

Window = tuple[int, int, float, int]
"""Kernel, stride, padding, dilation along one axis."""


def field_of(operation: Operation, known: Known) -> ReceptiveField | None:
    """The receptive field of an operation's output; None where it cannot be determined or the image is not involved."""
    inputs = [(x, known[id(x)]) for x in tensors([operation.args, operation.kwargs]) if id(x) in known]
    rule = RULES.get(operation.kind, same_place)
    try:
        return reduce(union, [field_through(operation, x, field, rule) for x, field in inputs]) if inputs else None
    except (LookupError, TypeError, ValueError, AttributeError):
        return None


def field_through(operation: Operation, x: Tensor, field: ReceptiveField | None, rule: "Rule") -> ReceptiveField | None:
    """The receptive field of the output as one input determines it; a field that is everything stays everything.

    Shapes   x: an input of the operation, of any shape
    """
    return field if field is None or field.dims is None else rule(operation, x, field)


def union(a: ReceptiveField | None, b: ReceptiveField | None) -> ReceptiveField | None:
    """The field of an output with two inputs; None if one of them is unknown."""
    return a and b and a.union(b)


def same_place(operation: Operation, x: Tensor, field: ReceptiveField) -> ReceptiveField | None:
    """For operations on each place by itself: norms, activations, sums, products, concatenations.

    Height and width are unchanged, were broadcast from 1, or were merged into one axis.

    Shapes   x of any shape that broadcasts to the output's
    """
    y = tensors(operation.output)[0]
    if x.ndim != y.ndim:
        return through_reshape(operation, x, field)
    axes = []
    for axis, d in zip((field.height, field.width), field.dims or (), strict=True):
        if y.shape[d] != x.shape[d] != 1:
            return through_reshape(operation, x, field)
        axes.append(axis if y.shape[d] == x.shape[d] else replace(axis, jump=0))
    return ReceptiveField(axes[0], axes[1], field.dims)


def through_reshape(operation: Operation, x: Tensor, field: ReceptiveField) -> ReceptiveField | None:
    """For a change of shape that leaves height and width alone, or flattens both.

    Shapes   x of any shape → as many elements
    """
    y = tensors(operation.output)[0]
    top, left = field.dims or (0, 0)
    if left != top + 1:
        return None
    h, w, before = x.shape[top], x.shape[left], prod(x.shape[:top])
    for k in range(y.ndim - 1):
        if tuple(y.shape[k : k + 2]) == (h, w) and prod(y.shape[:k]) == before:
            return replace(field, dims=(k, k + 1))
    if x.numel() == y.numel() and any(side % (h * w) == 0 for side in y.shape[1:]):
        return field.union_of_units(x.shape, None)
    return None


def through_window(operation: Operation, x: Tensor, field: ReceptiveField) -> ReceptiveField | None:
    """For convolutions and pools.

    Shapes   x (n, c, h, w)
    """
    sides = windows_of(operation)
    if sides is None or field.dims != (2, 3) or x.ndim != 4:
        return None
    return field.behind_window(*sides)


def windows_of(operation: Operation) -> tuple[Window, Window] | None:
    """Kernel, stride, padding and dilation of each axis of a convolution or pool; None for other operations."""
    names = WINDOW_ARGUMENTS.get(operation.kind)
    if names is None:
        return None
    arguments = dict(zip(names.split(), operation.args, strict=False)) | operation.kwargs
    kernel = pair(arguments["weight"].shape[2:] if "weight" in arguments else arguments["kernel_size"])
    stride = pair(arguments.get("stride") or (1 if "weight" in arguments else kernel))
    dilation, padding = pair(arguments.get("dilation", 1)), arguments.get("padding", 0)
    if padding == "same":
        pads: tuple[Any, ...] = tuple(d * (k - 1) // 2 for k, d in zip(kernel, dilation, strict=True))
    else:
        pads = (0, 0) if padding == "valid" else pair(padding)
    down, across = zip(kernel, stride, pads, dilation, strict=True)
    return down, across


WINDOW_ARGUMENTS = {
    "conv2d": "input weight bias stride padding dilation groups",
    "max_pool2d": "input kernel_size stride padding dilation",
    "avg_pool2d": "input kernel_size stride padding",
}


def pair(value: Any) -> tuple[Any, Any]:
    """A number for both axes, or one for each."""
    if isinstance(value, int):
        return value, value
    first, *others = value
    return first, (others or [first])[0]


def through_adaptive_pool(operation: Operation, x: Tensor, field: ReceptiveField) -> ReceptiveField | None:
    """For adaptive pools.

    Shapes   x (n, c, h, w)
    """
    if field.dims != (2, 3):
        return None
    y = tensors(operation.output)[0]
    axes = []
    for axis, n, m in zip((field.height, field.width), x.shape[2:], y.shape[2:], strict=True):
        if 1 in (n, m):
            axes.append(axis.union_of_units(n) if n != m else axis)
        elif n % m == 0:
            axes.append(axis.behind_window(n // m, n // m))
        else:  # windows of two sizes that overlap: the larger one, at the mean distance
            reach = max(-(-(i + 1) * n // m) - i * n // m for i in range(m))
            axes.append(Axis(axis.start, axis.end + (reach - 1) * axis.jump, axis.jump * n / m))
    return ReceptiveField(axes[0], axes[1], (2, 3))


def through_reduction(operation: Operation, x: Tensor, field: ReceptiveField) -> ReceptiveField | None:
    """For means, sums and norms over axes.

    Shapes   x of any shape; its axes may disappear
    """
    dims = argument(operation, 1 + operation.kind.endswith("norm"), "dim", None)
    over = {d % x.ndim for d in (range(x.ndim) if dims is None else (dims,) if isinstance(dims, int) else dims)}
    stays = tensors(operation.output)[0].ndim == x.ndim
    if over.isdisjoint(field.dims or ()):
        return field if stays else drop_dims(over, field)
    return field.union_of_units(x.shape, field.dims if stays else None) if over.issuperset(field.dims or ()) else None


def drop_dims(removed: set[int], field: ReceptiveField) -> ReceptiveField:
    """The field after these axes of the tensor are removed."""
    top, left = (d - sum(other < d for other in removed) for d in field.dims or ())
    return replace(field, dims=(top, left))


def argument(operation: Operation, place: int, name: str, otherwise: Any) -> Any:
    """An argument, by its place or name."""
    return operation.args[place] if len(operation.args) > place else operation.kwargs.get(name, otherwise)


def through_permutation(operation: Operation, x: Tensor, field: ReceptiveField) -> ReceptiveField | None:
    """For permute and transpose.

    Shapes   x of any shape → the same axes in another order
    """
    if operation.kind == "permute":
        dims = operation.kwargs.get("dims", operation.args[1:])
        order = [d % x.ndim for d in (dims[0] if isinstance(dims[0], tuple | list) else dims)]
    else:
        order = list(range(x.ndim))
        a, b = argument(operation, 1, "dim0", 0) % x.ndim, argument(operation, 2, "dim1", 0) % x.ndim
        order[a], order[b] = order[b], order[a]
    top, left = (order.index(d) for d in field.dims or ())
    return replace(field, dims=(top, left))


def through_slice(operation: Operation, x: Tensor, field: ReceptiveField) -> ReceptiveField | None:
    """For slices such as `x[:, :, ::2, ::2]`.

    Shapes   x of any shape; an integer removes an axis, None adds one
    """
    axes, dims = [field.height, field.width], list(field.dims or ())
    items = full_index(operation.args[1], x.ndim)
    for k, item in enumerate(items):
        source = k - sum(before is None for before in items[:k])
        if item is None or source not in (field.dims or ()):
            continue
        if not isinstance(item, slice):
            return None
        at = (field.dims or ()).index(source)
        first, _, step = item.indices(x.shape[source])
        axes[at] = axes[at].behind_window(1, step, -first)
        dims[at] = k - sum(isinstance(before, int) for before in items[:k])
    return ReceptiveField(axes[0], axes[1], (dims[0], dims[1]))


def full_index(index: Any, ndim: int) -> list[Any]:
    """An index with a slice for each axis that it leaves out.

    Raises   TypeError for one that selects single units by tensors
    """
    index = index if isinstance(index, tuple) else (index,)
    if not all(item is None or item is Ellipsis or isinstance(item, int | slice) for item in index):
        raise TypeError("a tensor of places moves units around")
    left_out = [slice(None)] * (ndim - sum(item is not None and item is not Ellipsis for item in index))
    at = next((k for k, item in enumerate(index) if item is Ellipsis), len(index))
    return [*index[:at], *left_out, *index[at + 1 :]]


def through_padding(operation: Operation, x: Tensor, field: ReceptiveField) -> ReceptiveField | None:
    """For zero padding; None for other modes, which repeat pixels of the map.

    Shapes   x of any shape → longer or shorter axes
    """
    if argument(operation, 2, "mode", "constant") != "constant":
        return None
    pads = argument(operation, 1, "pad", ())
    axes = []
    for axis, d in zip((field.height, field.width), field.dims or (), strict=True):
        at = 2 * (x.ndim - 1 - d)
        before = pads[at] if at < len(pads) else 0
        axes.append(axis.behind_window(1, 1, before))
    return ReceptiveField(axes[0], axes[1], field.dims)


def through_axis_mixing(operation: Operation, x: Tensor, field: ReceptiveField) -> ReceptiveField | None:
    """For operations that mix all units of one axis: softmax, and linear layers over the last.

    Shapes   x of any shape; linear layers change the last axis
    """
    d = -1 if operation.kind == "linear" else argument(operation, 1, "dim", -1)
    return None if d % x.ndim in (field.dims or ()) else field


def through_split(operation: Operation, x: Tensor, field: ReceptiveField) -> ReceptiveField | None:
    """For `unbind` and `select`, which remove an axis.

    Shapes   x of any shape → one axis less
    """
    d = argument(operation, 1, "dim", 0) % x.ndim
    return None if d in (field.dims or ()) else drop_dims({d}, field)


def through_stack(operation: Operation, _: Tensor, field: ReceptiveField) -> ReceptiveField | None:
    """For `stack`, which adds an axis.

    Shapes   inputs of one shape → one axis more
    """
    d = argument(operation, 1, "dim", 0) % tensors(operation.output)[0].ndim
    top, left = (at + (at >= d) for at in field.dims or ())
    return replace(field, dims=(top, left))


def unknown_field(*_: object) -> None:
    """None, for operations that move units to other places, or mix them all."""


Rule = Callable[[Operation, Tensor, ReceptiveField], ReceptiveField | None]
RULES: dict[str, Rule] = {
    **dict.fromkeys(WINDOW_ARGUMENTS, through_window),
    **dict.fromkeys(("adaptive_avg_pool2d", "adaptive_max_pool2d"), through_adaptive_pool),
    **dict.fromkeys("mean sum amax amin var std norm vector_norm".split(), through_reduction),
    **dict.fromkeys(("permute", "transpose"), through_permutation),
    **dict.fromkeys(("linear", "softmax", "log_softmax"), through_axis_mixing),
    **dict.fromkeys(("unbind", "select"), through_split),
    **dict.fromkeys("matmul bmm einsum scaled_dot_product_attention multi_head_attention_forward".split(), unknown_field),
    **dict.fromkeys("roll flip gather index_select cumsum sort interpolate grid_sample unfold fold".split(), unknown_field),
    **dict.fromkeys("conv1d conv3d conv_transpose2d pixel_shuffle pixel_unshuffle".split(), unknown_field),
    **dict.fromkeys("flatten reshape view unflatten squeeze unsqueeze".split(), through_reshape),
    "slice": through_slice,
    "pad": through_padding,
    "stack": through_stack,
}
