"""Floor 3: what happens in a network and what it costs, counted without computing anything."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .layer import Layer
    from .layers import Anatomy, Unfollowed, inspect
    from .memory import Memory, peak_memory
    from .receptive import ReceptiveField
    from .stages import Stage

__all__ = ["Anatomy", "Layer", "Memory", "ReceptiveField", "Stage", "Unfollowed", "inspect", "peak_memory"]

_MODULES = {
    "layer": ("Layer",),
    "layers": ("Anatomy", "Unfollowed", "inspect"),
    "memory": ("Memory", "peak_memory"),
    "receptive": ("ReceptiveField",),
    "stages": ("Stage",),
}


def __getattr__(name: str) -> Any:
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f".{module}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
