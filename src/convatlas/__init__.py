"""ConvAtlas: every famous convolutional network from scratch, and one bench to train, compare and look inside them.

Importing this costs nothing: each name fetches its room, and torch with it, when it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .features import create_encoder
    from .models import create_model, list_models, model_info
    from .runs.network import load_run

__version__ = "0.1.0"
__all__ = ["__version__", "create_encoder", "create_model", "list_models", "load_run", "model_info"]

_MODULES = {
    "create_encoder": "features",
    "create_model": "models",
    "list_models": "models",
    "load_run": "runs.network",
    "model_info": "models",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{_MODULES[name]}", __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
