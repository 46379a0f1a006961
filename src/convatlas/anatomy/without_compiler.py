"""Keeps torch.compile unloaded where nothing is compiled.

PyTorch's kernels for tensors without values are written in Python, and each asks the compiler to leave it alone; the first one
loads the whole compiler to ask, which takes longer than all that is counted here.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any

COMPILER = "torch._dynamo"


class Absent(ModuleType):
    """Stands in the compiler's place; for anything but being left alone, the compiler itself comes."""

    def __init__(self) -> None:
        super().__init__(COMPILER)
        self.asked: list[Any] = []

    def disable(self, function: Callable[..., Any], recursive: bool = True, *, wrapping: bool = True) -> Callable[..., Any]:
        """The function as it is: nobody is compiling."""
        self.asked.append(function)
        return function

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(COMPILER) is self:
            del sys.modules[COMPILER]
        return getattr(import_module(COMPILER), name)


@contextmanager
def without_compiler() -> Iterator[None]:
    """Nobody loads the compiler within the block only to be left alone by it; afterwards all is as before."""
    if COMPILER in sys.modules:
        yield
        return
    absent = sys.modules[COMPILER] = Absent()
    try:
        yield
    finally:
        if sys.modules.get(COMPILER) is absent:
            del sys.modules[COMPILER]
        for function in absent.asked:
            vars(function).pop("__dynamo_disable", None)
