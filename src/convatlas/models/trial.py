"""Tries a network of the user's own: whether it takes images, what it gives, which modules are its stem and head."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ..anatomy.layers import example, without_values
from ..errors import InputError, join_names
from ..ops.mode import eval_mode
from .code import Code, describe_error

BATCH = 2  # images that a network is tried with


def check_output(code: Code, model: nn.Module, size: tuple[int, int, int], classes: int) -> None:
    """Makes sure that a network takes images of this size and gives one logit for each class.

    Shapes   size (channels, height, width)
    Raises   InputError
    """
    shape = "x".join(map(str, size))
    try:
        output = try_out(model, size)
    except InputError:
        raise
    except Exception as error:
        reason = f"{describe_error(error)}{remedy_for(model, size)}"
        raise InputError(f"{code.place} cannot take images of {shape}: {reason}") from error
    logits = output[0] if isinstance(output, tuple) and output else output
    if not isinstance(logits, Tensor):
        raise InputError(f"{code.place} needs to give a tensor of logits for images of {shape}, got {type(logits).__name__}")
    if tuple(logits.shape) != (BATCH, classes):
        raise InputError(
            f"{code.place} needs to give {classes} logits for each image, a tensor ({BATCH}, {classes}) for {BATCH} images, "
            f"got {tuple(logits.shape)}: its last layer should have num_classes outputs"
        )


def remedy_for(model: nn.Module, size: tuple[int, int, int]) -> str:
    """What to change so that the images fit."""
    first = next((module for module in model.modules() if isinstance(module, nn.Conv2d)), None)
    if first is not None and first.in_channels != size[0]:
        return f"; its first convolution takes {first.in_channels} channels: take in_channels as an argument"
    return "; --image-size builds it for another size, if it takes image_size as an argument or any size"


def try_out(model: nn.Module, size: tuple[int, int, int]) -> Any:
    """What the network gives for images, in evaluation mode: without values where it can be followed so, else for zeros.

    Raises   whatever the network raises
    """
    with eval_mode(model), torch.no_grad():
        try:
            with without_values(model):
                return model(example(model, size, batch=BATCH))
        except (RuntimeError, NotImplementedError) as error:
            follows_values = any(word in str(error).lower() for word in ("meta", "item"))
            if next(model.parameters()).is_meta or not follows_values:
                raise
        return model(torch.zeros(BATCH, *size))


def stem_of(code: Code, model: nn.Module) -> str:
    """The module that sees the image: what the class names, else its first layer with a kernel or matrix; empty if none."""
    named = getattr(code.make, "STEM", None)
    if isinstance(named, str):
        return check_modules(code, model, (named,))[0]
    return next((name for name, module in model.named_modules() if isinstance(module, nn.Conv2d | nn.Linear)), "")


def heads_of(code: Code, model: nn.Module, size: tuple[int, int, int], classes: int) -> tuple[str, ...]:
    """The modules that give the logits: what the class names, else the last layer that runs and has an output for each class.

    Shapes   size (channels, height, width)
    Raises   InputError if there is none
    """
    named = getattr(code.make, "HEADS", None)
    if named:
        return check_modules(code, model, (named,) if isinstance(named, str) else named)
    order: list[str] = []
    hooks = [
        module.register_forward_hook(partial(note_call, order, name))
        for name, module in model.named_modules()
        if outputs_of(module) == classes
    ]
    try:
        try_out(model, size)
    finally:
        for hook in hooks:
            hook.remove()
    if not order:
        raise InputError(
            f"{code.place} has no nn.Linear or nn.Conv2d with {classes} outputs, so its head is not found: name it in the "
            'class, HEADS = ("fc",)'
        )
    return (order[-1],)


def note_call(order: list[str], name: str, *_: object) -> None:
    """Writes down that a module ran."""
    order.append(name)


def outputs_of(module: nn.Module) -> int | None:
    """The outputs of a layer that may be a head."""
    if isinstance(module, nn.Linear):
        return module.out_features
    return module.out_channels if isinstance(module, nn.Conv2d) else None


def check_modules(code: Code, model: nn.Module, names: Sequence[str]) -> tuple[str, ...]:
    """The names, each that of a module.

    Raises   InputError for one that is not
    """
    known = dict(model.named_modules())
    for name in names:
        if name not in known or not name:
            raise InputError(
                f"{code.place} names {name!r} as stem or head, and has no such module: it has {join_names(list(known)[1:], 6)}"
            )
    return tuple(names)
