"""The layers of a network and their costs, counted on the meta device: nothing is computed."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import InputError, count_of
from ..ops.trace import Operation, Trace, tensors
from .fused import Fused, flop_counter
from .layer import Costs, Layer, Shape
from .receptive import ReceptiveField
from .receptive_rules import WINDOW_ARGUMENTS, Known, Window, field_of, windows_of
from .saved_activations import kept_bytes
from .stages import Stage, stages

VIEWS = frozenset(
    "flatten reshape view unflatten squeeze unsqueeze permute transpose "
    "chunk split unbind select slice expand contiguous".split()
)
"""Operations that only change how a tensor is read: free, unless they copy it."""

PAIR = 2  # images of a training step: batch norm over a single 1x1 map refuses one


@dataclass(frozen=True)
class Anatomy(Costs):
    """A network, layer by layer, for an input of `size`."""

    name: str
    size: Shape  # (channels, height, width)
    layers: tuple[Layer, ...]
    idle: int  # trainable parameters that no layer used: heads that only training has
    modules: dict[str, str] = field(repr=False)  # path → class, in the order of the network

    @cached_property
    def parameters(self) -> int:
        """All trainable ones, those of layers that did not run too."""
        return sum(layer.parameters for layer in self.layers) + self.idle

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """The parts whose maps have one resolution."""
        return stages(self.layers, self.size)

    def in_order(self, modules: Collection[str]) -> list[str]:
        """Those of the modules that ran, in the order of execution."""
        return list(dict.fromkeys(layer.module for layer in self.layers if layer.module in modules))

    def __getitem__(self, name: str) -> Layer:
        """The layer of a name.

        Raises   KeyError
        """
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise KeyError(name)


class Unfollowed(InputError):
    """A network whose next operation depends on values; `anatomy` is that of the part before it."""

    def __init__(self, message: str, anatomy: Anatomy) -> None:
        super().__init__(message)
        self.anatomy = anatomy


def inspect(model: nn.Module, size: Shape, *, name: str = "") -> Anatomy:
    """The anatomy of a network for images of one size; its weights are neither read nor changed.

    Shapes   size (channels, height, width)
    Raises   InputError if the network does not take such images; Unfollowed if an operation depends on values
    """
    if len(size) != 3 or min(size) < 1:
        raise InputError(f"an input has channels, height and width, such as 3x224x224, got {'x'.join(map(str, size))}")
    x = example(model, size)
    recorder = Recorder(model, x)
    try:
        with without_values(model):
            model.eval()
            with torch.no_grad(), recorder.counter, Trace(model, recorder.add):
                model(x)
            anatomy = recorder.anatomy(name, size)
            saved = kept_bytes(model.train(), example(model, size, batch=PAIR))
    except (RuntimeError, ValueError, TypeError, NotImplementedError, AssertionError, IndexError, ZeroDivisionError) as error:
        raise explain_failure(error, model, recorder.anatomy(name, size)) from error
    layers = tuple(replace(layer, kept=saved.pop(layer.name, 0) // PAIR) for layer in anatomy.layers)
    return replace(anatomy, layers=layers)


def explain_failure(error: Exception, model: nn.Module, anatomy: Anatomy) -> InputError:
    """The error of a forward pass as a sentence that names the last layer that ran."""
    reason = " ".join(str(error).split())
    shape = "x".join(map(str, anatomy.size))
    last = anatomy.layers[-1] if anatomy.layers else None
    where = f"after {last.name} {last.output_shape or ''}".rstrip() if last else "at the image"
    if isinstance(error, NotImplementedError) or "meta" in reason.lower() or "item()" in reason:
        return Unfollowed(
            f"the way of {anatomy.name or 'the network'} depends on a value, {where}: layers are counted without computing any "
            f"({count_of(len(anatomy.layers), 'layer')} until there; {reason[:200]})",
            anatomy,
        )
    needed = next((module.in_channels for module in model.modules() if isinstance(module, nn.Conv2d)), anatomy.size[0])
    if not anatomy.layers and needed != anatomy.size[0]:
        return InputError(f"{anatomy.name or 'the network'} does not take an image of {shape}: it takes {needed} channels")
    return InputError(f"{anatomy.name or 'the network'} does not take an image of {shape}: it stopped {where}: {reason[:300]}")


def example(model: nn.Module, size: Shape, batch: int = 1) -> Tensor:
    """Images without values, in the type of the weights.

    Shapes   (batch, *size)
    """
    dtype = next((p.dtype for p in model.parameters() if p.is_floating_point()), torch.float32)
    return torch.empty(batch, *size, dtype=dtype, device="meta")


@contextmanager
def without_values(model: nn.Module) -> Iterator[None]:
    """Replaces parameters and buffers by ones without values while the block runs; then values and modes are as before."""
    modes = [(module, module.training) for module in model.modules()]
    held: list[tuple[dict[str, Any], str, Tensor]] = []
    for module in model.modules():
        stores: tuple[dict[str, Any], ...] = (module._parameters, module._buffers)  # noqa: SLF001 (a copy would take memory)
        held += [(store, key, value) for store in stores for key, value in store.items() if value is not None]
    empty = {id(value): without_value(value) for _, _, value in held}
    try:
        for store, key, value in held:
            store[key] = empty[id(value)]
        with Fused():
            yield
    finally:
        for store, key, value in held:
            store[key] = value
        for module, training in modes:
            module.training = training


def without_value(value: Tensor) -> Tensor:
    """A parameter or buffer of the same shape without values.

    Shapes   any → the same, on the meta device
    """
    if value.device.type == "meta":
        return value
    empty = value.detach().to("meta")
    return nn.Parameter(empty, value.requires_grad) if isinstance(value, nn.Parameter) else empty


class Recorder:
    """Makes one row for each operation, and one for all operations within a layer."""

    def __init__(self, model: nn.Module, x: Tensor) -> None:
        self.model = model
        self.counter = flop_counter()
        self.rows: list[Layer] = []
        self.fields: Known = {id(x): ReceptiveField()}
        self.made_by: dict[int, int] = {id(x): -1}
        self.alive: list[Any] = [x]  # as long as a tensor lives, no other one has its id
        self.counted = 0
        self.parameters: set[int] = set()
        self.open: tuple[str, int] | None = None  # the call of a layer that the last row belongs to

    def add(self, o: Operation) -> None:
        macs = self.counter.get_total_flops() // 2 - self.counted
        self.counted += macs
        outputs, arguments = tensors(o.output), tensors([o.args, o.kwargs])
        self.alive.append((o.args, o.output))
        weights = [p for p in arguments if isinstance(p, nn.Parameter) and id(p) not in self.parameters]
        self.parameters |= {id(p) for p in weights}
        inputs = [x for x in arguments if id(x) in self.fields]
        receptive = field_of(o, self.fields)
        sources = tuple(dict.fromkeys(self.made_by[id(x)] for x in arguments if id(x) in self.made_by))
        window = windows_of(o)
        leaf = o.layer == o.path
        view = o.kind in VIEWS and not macs
        row = Layer(
            name=o.layer,
            kind=type(o.module).__name__ if leaf else o.kind,
            input_shape=tuple(inputs[0].shape) if inputs else (),
            output_shape=tuple(outputs[0].shape),
            parameters=sum(p.numel() for p in weights if p.requires_grad),
            macs=macs,
            flops=2 * macs if macs else 0 if view else outputs[0].numel() * prod(kernel for kernel, *_ in window or ()),
            bytes=0 if view else sum(y.nbytes for y in outputs),
            read=0 if view else sum(x.nbytes for x in arguments),
            kept=0,
            receptive_field=receptive,
            inputs=sources,
            module=o.path,
            **settings(window, o),
        )
        if self.open == (o.path, len(self.rows) - 1):
            row = join_rows(self.rows.pop(), row, len(self.rows))
        self.rows.append(row)
        self.open = (o.path, len(self.rows) - 1) if leaf else None
        for y in outputs:
            self.made_by[id(y)] = len(self.rows) - 1
            if inputs:  # else made from weights alone: no image flows through it
                self.fields[id(y)] = receptive

    def anatomy(self, name: str, size: Shape) -> Anatomy:
        """The layers so far."""
        trained = {id(p): p.numel() for p in self.model.parameters() if p.requires_grad}
        total = sum(trained.values())
        used = sum(row.parameters for row in self.rows)
        classes = {path: type(module).__name__ for path, module in self.model.named_modules() if path}
        return Anatomy(name, size, tuple(self.rows), total - used, classes)


def settings(window: tuple[Window, Window] | None, o: Operation) -> dict[str, Any]:
    """The fields of a layer that describe its window."""
    if window is None:
        return {}
    kernel, stride, padding, dilation = zip(*window, strict=True)
    groups = dict(zip(WINDOW_ARGUMENTS[o.kind].split(), o.args, strict=False)) | o.kwargs
    return {
        "kernel": kernel,
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
        "groups": groups.get("groups", 1) if o.kind == "conv2d" else None,
    }


def join_rows(a: Layer, b: Layer, at: int) -> Layer:
    """One row for two operations of one layer: costs add up, the second one's output is the layer's."""
    own = {name: getattr(a, name) or getattr(b, name) for name in ("kernel", "stride", "padding", "dilation", "groups")}
    return replace(
        b,
        input_shape=a.input_shape or b.input_shape,
        parameters=a.parameters + b.parameters,
        macs=a.macs + b.macs,
        flops=a.flops + b.flops,
        bytes=max(a.bytes, b.bytes),
        read=a.read + b.read,
        inputs=tuple(dict.fromkeys((*a.inputs, *(i for i in b.inputs if i != at)))),
        **own,
    )
