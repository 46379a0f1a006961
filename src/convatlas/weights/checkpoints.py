"""Published checkpoints."""

from pathlib import Path


def source(name: str, weights: str | Path) -> Path:
    """The file that `weights` means for a network."""
    return Path(weights or name)
