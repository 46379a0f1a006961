"""Paths of modules: `layer1.0.conv1` lies in `layer1.0`, in `layer1` and in the network, whose path is empty."""

from collections.abc import Iterable, Iterator


def is_inside(path: str, module: str) -> bool:
    """Whether a path is the module's own, or that of something in it."""
    return not module or path == module or path.startswith(f"{module}.")


def is_in_any(path: str, modules: Iterable[str]) -> bool:
    """Whether a path lies in one of the modules, or is one of theirs."""
    return any(is_inside(path, module) for module in modules)


def ancestors(path: str) -> Iterator[str]:
    """The path itself and those of all modules that it lies in, innermost first; the network's is the last."""
    while path:
        yield path
        path = path.rpartition(".")[0]
    yield ""
