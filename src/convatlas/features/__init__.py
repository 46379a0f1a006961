"""Floor 4: what a network has learnt to see, as vectors and maps that other models can use."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .encoder import Encoder, create_encoder
    from .extract import features
    from .extractor import FeatureExtractor
    from .maps import Level, levels, pyramid

__all__ = ["Encoder", "FeatureExtractor", "Level", "create_encoder", "features", "levels", "pyramid"]

_MODULES = {
    "encoder": ("Encoder", "create_encoder"),
    "extract": ("features",),
    "extractor": ("FeatureExtractor",),
    "maps": ("Level", "levels", "pyramid"),
}


def __getattr__(name: str) -> Any:
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f".{module}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
