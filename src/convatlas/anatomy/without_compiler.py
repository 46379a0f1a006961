"""Keeps torch.compile unloaded where nothing is compiled.

PyTorch's kernels for the meta device are written in Python, and each is wrapped in `torch._dynamo.disable`; the first one loads
the whole compiler for that, which takes longer than everything that is counted here.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any

COMPILER = "torch._dynamo"


class Absent(ModuleType):
    """A stand-in for the compiler's module: it answers `disable`, and loads the compiler for everything else."""

    def __init__(self) -> None:
        super().__init__(COMPILER)
        self.functions: list[Any] = []

    def disable(self, function: Callable[..., Any], recursive: bool = True, *, wrapping: bool = True) -> Callable[..., Any]:
        """The function itself, since nothing is compiled."""
        self.functions.append(function)
        return function

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(COMPILER) is self:
            del sys.modules[COMPILER]
        return getattr(import_module(COMPILER), name)


@contextmanager
def without_compiler() -> Iterator[None]:
    """While the block runs, `torch._dynamo.disable` does not load the compiler; afterwards all is as before."""
    if COMPILER in sys.modules:
        yield
        return
    absent = sys.modules[COMPILER] = Absent()
    try:
        yield
    finally:
        if sys.modules.get(COMPILER) is absent:
            del sys.modules[COMPILER]
        for function in absent.functions:
            vars(function).pop("__dynamo_disable", None)
