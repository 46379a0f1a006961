"""Follows every operation of a forward pass, between modules too, under names that are the same in every run.

An operation has the name of the module that runs it and of its function: `layer4.1.relu`. A repeated call gets a number, as in
`layer4.1.relu_1` for the second ReLU of a block and `head_1` for the second call of a module.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

OperationHook = Callable[["Operation"], Any]
"""Is called with each operation; what it returns replaces the output, unless it is None."""

OutputHook = Callable[[str, Any], Any]
"""Is called with the name and output of each module, numbered from its second call on; may replace the output as well."""


def ignore(*_: object) -> None:
    """The hook that does nothing."""


@dataclass(frozen=True, slots=True)
class Operation:
    """A function that a forward pass called, with its arguments and its output."""

    name: str
    kind: str  # conv2d, relu, add, cat …
    path: str  # the module that called it, "" for the network itself
    module: nn.Module
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    output: Any  # a tensor, or a tuple or list with tensors

    @property
    def layer(self) -> str:
        """The module that runs it, if that has no submodules and is not the network itself; else its own name."""
        return self.path if self.path and next(self.module.children(), None) is None else self.name


class Trace(TorchFunctionMode):
    """While it is entered, calls `on_operation` after each operation of forward passes, `on_output` after each module."""

    def __init__(self, model: nn.Module, on_operation: OperationHook, on_output: OutputHook = ignore) -> None:
        super().__init__()
        self.model, self.on_operation, self.on_output = model, on_operation, on_output
        self.stack: list[tuple[str, nn.Module]] = []
        self.name_counts: Counter[str] = Counter()
        self.hooks: list[Any] = []

    def __enter__(self) -> Self:
        for path, module in self.model.named_modules():
            self.hooks.append(module.register_forward_pre_hook(self.entry_hook(path)))
            self.hooks.append(module.register_forward_hook(self.exit_hook, always_call=True))
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        super().__exit__(kind, error, at)  # type: ignore[no-untyped-call]
        while self.hooks:
            self.hooks.pop().remove()
        self.stack.clear()

    def entry_hook(self, path: str) -> Callable[..., None]:
        def enter(module: nn.Module, _: object) -> None:
            if module is self.model or not self.stack:  # a part may be called by itself, too
                self.stack.clear()
                self.name_counts.clear()
            self.stack.append((self.numbered_name(path), module))

        return enter

    def exit_hook(self, module: nn.Module, _: object, y: Any) -> Any:
        if self.stack and self.stack[-1][1] is module:
            return self.on_output(self.stack.pop()[0], y)
        return None

    def numbered_name(self, name: str) -> str:
        """The name, with the number of its earlier calls."""
        self.name_counts[name] += 1
        return name if self.name_counts[name] == 1 else f"{name}_{self.name_counts[name] - 1}"

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        y = function(*args, **kwargs)
        if not self.stack or not tensors(y):
            return y
        path, module = self.stack[-1]
        kind = kind_of(function)
        name = self.numbered_name(f"{path}.{kind}" if path else kind)
        other = self.on_operation(Operation(name, kind, path, module, function, args, kwargs, y))
        return y if other is None else other


def kind_of(function: Any) -> str:
    """What a function does, however it is spelled: `__iadd__`, `add_` and `add` are one."""
    name = getattr(function, "__name__", type(function).__name__)
    if name == "__get__":
        name = function.__self__.__name__  # an attribute such as `x.T`
    if name.startswith("__") and name.endswith("__"):
        name = name.strip("_")
        name = SPELLINGS.get(name, name[1:] if name[:1] in ("i", "r") and name[1:] in REFLECTED else name)
    return name.rstrip("_")


REFLECTED = ("add", "sub", "mul", "truediv", "matmul", "pow", "floordiv", "mod")
SPELLINGS = {"getitem": "slice", "setitem": "assign", "truediv": "div", "rtruediv": "div", "itruediv": "div"}


def tensors(value: Any) -> list[Tensor]:
    """The tensors in a value: itself, or those of a tuple, list or dict.

    Shapes   any
    """
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, tuple | list):
        return []
    return [tensor for item in value for tensor in tensors(item)]
