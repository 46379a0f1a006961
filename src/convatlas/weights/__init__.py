"""Floor 1: weights from files into a network, adapted where heads or inputs differ."""

from .checkpoints import source
from .load import Loaded, load_into

__all__ = ["Loaded", "load_into", "source"]
