"""Layers, costs, receptive fields and pyramids of any module, counted without computing anything."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .encoder import Encoder
    from .layer import Layer
    from .layers import Anatomy, Unfollowed, inspect
    from .memory import Memory, peak_memory
    from .pyramid import Level
    from .receptive import ReceptiveField
    from .stages import Stage

__all__ = ["Anatomy", "Encoder", "Layer", "Level", "Memory", "ReceptiveField", "Stage", "Unfollowed", "inspect", "peak_memory"]

_MODULES = {
    "encoder": ("Encoder",),
    "layer": ("Layer",),
    "layers": ("Anatomy", "Unfollowed", "inspect"),
    "memory": ("Memory", "peak_memory"),
    "pyramid": ("Level",),
    "receptive": ("ReceptiveField",),
    "stages": ("Stage",),
}


def __getattr__(name: str) -> Any:
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f".{module}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
