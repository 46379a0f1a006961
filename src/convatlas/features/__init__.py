"""What a network has learned to see, as vectors and maps that other models can use."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..anatomy.encoder import Encoder
    from ..anatomy.pyramid import Level
    from .encoder import create_encoder, levels, pyramid
    from .extract import features
    from .extractor import FeatureExtractor

__all__ = ["Encoder", "FeatureExtractor", "Level", "create_encoder", "features", "levels", "pyramid"]

_MODULES = {
    "encoder": ("Encoder", "Level", "create_encoder", "levels", "pyramid"),
    "extract": ("features",),
    "extractor": ("FeatureExtractor",),
}


def __getattr__(name: str) -> Any:
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f".{module}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
