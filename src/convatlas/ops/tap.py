"""Taps: activations of a network at chosen places, and their gradients."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

from ..errors import InputError, unknown_name
from .trace import Operation, Trace, tensors

LISTED = "`convatlas show NETWORK --depth 9` lists them all."


class Taps(Mapping[str, Any]):
    """Activations by name, from the last forward pass: `t["layer3"]`; after backward `t.gradient("layer3")`."""

    def __init__(self, names: tuple[str, ...], modules: Iterable[str]) -> None:
        self.names, self.modules = names, frozenset(modules)
        self.ran: dict[str, None] = {}  # operations
        self.held: dict[str, tuple[Any, int]] = {}
        self.passing = False  # whether the network itself is running, not a part of it that was called alone

    def __getitem__(self, name: str) -> Any:
        if name not in self.held:
            raise self.explain_missing(name)
        y, version = self.held[name]
        if version != version_of(y):
            raise InputError(f"{name} was overwritten later on: tap the operation that did it, or one before")
        return y

    def explain_missing(self, name: str) -> InputError:
        """Why there is no such activation."""
        if name not in self.names:
            return unknown_name("tap", name, self.names)
        if self.ran and name not in self.modules:
            return unknown_name("layer", name, {*self.modules, *self.ran} - {""}, LISTED)
        return InputError(f"{name} has not run: call the network within the block, in a mode in which it uses {name}")

    def __contains__(self, name: object) -> bool:
        return name in self.held

    def __iter__(self) -> Iterator[str]:
        return iter(self.held)

    def __len__(self) -> int:
        return len(self.held)

    def gradient(self, name: str) -> Any:
        """The gradient of what `backward` was called on, with respect to an activation.

        Shapes   as the activation
        Raises   InputError if there was no backward pass through it
        """
        y = self[name]
        if all(x.grad is None for x in tensors(y)):
            raise InputError(
                f"{name} has no gradient: call backward on something that depends on it, and if all weights are frozen, "
                "let the images require a gradient"
            )
        return tree_map_only(Tensor, lambda x: x.grad, y)

    def begin(self, *_: object) -> None:
        self.passing = True
        self.held.clear()

    def end(self, *_: object) -> None:
        self.passing = False

    def keep(self, name: str, y: Any) -> Any:
        """Stores the first output of a pass and returns a copy, which the network may overwrite."""
        if self.passing and name in self.held:
            return None
        with torch._C.DisableTorchFunction():  # noqa: SLF001 (these are no operations of the network)
            y = tree_map_only(Tensor, watch_gradient, y)
            self.held[name] = y, version_of(y)
            return tree_map_only(Tensor, Tensor.clone, y)


def watch_gradient(x: Tensor) -> Tensor:
    """A view of the tensor whose `.grad` will hold the gradient of this use alone; the tensor may be used elsewhere, too.

    Shapes   any → the same
    """
    if x.requires_grad:
        x = x.view_as(x)
        x.retain_grad()
    return x


def version_of(y: Any) -> int:
    """How often the tensors of an output were overwritten, as autograd counts it."""
    return sum(0 if x.is_inference() else x._version for x in tensors(y))  # noqa: SLF001


@contextmanager
def tap(model: nn.Module, *names: str) -> Iterator[Taps]:
    """Gives the activations of modules and operations, functional ones too, of every forward pass within the block.

    `with tap(model, "layer3", "layer4.1.relu") as t: model(x).sum().backward()`, then `t["layer3"]` and
    `t.gradient("layer3")`. Results don't change, and all hooks are removed at the end. The name of an operation is
    that of the module that runs it and the function; its second call within the module ends in `_1`.

    Raises   InputError with the nearest names for one that the network does not have or did not run
    """
    modules = {path: module for path, module in model.named_modules() if path}
    functions = {name for name in names if name not in modules}
    for name in functions:
        owner = name.rpartition(".")[0]
        if not {owner, owner.rpartition("_")[0], name.rpartition("_")[0]} & {"", *modules}:
            raise unknown_name("layer", name, modules, LISTED)
    taps = Taps(names, modules)

    def keep_output(name: str, y: Any) -> Any:
        taps.ran[name] = None
        return taps.keep(name, y) if name in functions else None

    def see(operation: Operation) -> Any:
        return keep_output(operation.name, operation.output)

    with ExitStack() as stack:
        stack.callback(model.register_forward_pre_hook(taps.begin).remove)
        stack.callback(model.register_forward_hook(taps.end, always_call=True).remove)
        for name in modules.keys() & names:
            hook = modules[name].register_forward_hook(lambda _, __, y, name=name: taps.keep(name, y))
            stack.callback(hook.remove)
        if functions:
            stack.enter_context(Trace(model, see, keep_output))
        yield taps
    for name in functions:
        if taps.ran and name not in taps.ran:
            raise taps.explain_missing(name)
