"""Images to learn from: a catalog of famous sets, folders and .npz files, and the batches that feed them to a network."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .batches import Batches
    from .catalog import CATALOG, Source, data_folder, on_disk
    from .dataset import Data
    from .feed import Augment, Feed
    from .images import Images, Resident, Streamed
    from .loading import load

__all__ = [
    "CATALOG",
    "Augment",
    "Batches",
    "Data",
    "Feed",
    "Images",
    "Resident",
    "Source",
    "Streamed",
    "data_folder",
    "load",
    "on_disk",
]

# Found when first asked for: a command that only lists the sets, or only prints its help, pays for no torch.
_MODULES = {
    "batches": ("Batches",),
    "catalog": ("CATALOG", "Source", "data_folder", "on_disk"),
    "dataset": ("Data",),
    "feed": ("Augment", "Feed"),
    "images": ("Images", "Resident", "Streamed"),
    "loading": ("load",),
}


def __getattr__(name: str) -> Any:
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f".{module}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
