"""Published weights and their images' preparation; weights from files into a network, adapted where they differ.

Modules that need torch are imported on first use: listing and fetching files do without.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .checkpoints import Checkpoint, classes, find
from .store import fetch, source

if TYPE_CHECKING:
    from .load import Loaded, load_into
    from .preset import frame, transforms

__all__ = ["Checkpoint", "Loaded", "classes", "fetch", "find", "frame", "load_into", "source", "transforms"]

_MODULES = {"Loaded": "load", "load_into": "load", "frame": "preset", "transforms": "preset"}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{_MODULES[name]}", __name__), name)
    return value
