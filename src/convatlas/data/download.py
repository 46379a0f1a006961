"""torchvision's loaders, for what they do best: fetch the original files, check their md5, show how far they are."""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ..errors import InputError
from ..files import make_folder, writing_to
from ..offline import offline


def fetch(name: str, data_dir: Path, files: Sequence[str], into: Path) -> None:
    """Downloads a set by torchvision's name for it, below the data folder.

    Raises   InputError that says which files to put where, if the network refuses or CONVATLAS_OFFLINE forbids it
    """
    by_hand = f"put {', '.join(files)} into {into}, or name the folder that has them with --data-dir"
    if offline():
        raise InputError(f"{name} is not in {data_dir}, and CONVATLAS_OFFLINE forbids fetching it: {by_hand}")
    import torchvision.datasets

    try:
        make_folder(data_dir)
        with writing_to(data_dir):
            getattr(torchvision.datasets, name)(str(data_dir), download=True)
    except InputError:
        raise
    except (OSError, RuntimeError) as error:
        remove_empty(data_dir)
        reason = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
        raise InputError(f"{name} is not in {data_dir} and could not be downloaded ({reason}): {by_hand}") from error


def remove_empty(folder: Path) -> None:
    """Removes the folders below one that hold nothing, and itself if it holds nothing then."""
    for place, _, _ in [*os.walk(folder, topdown=False)]:
        with suppress(OSError):  # it holds something, or is not ours to remove
            Path(place).rmdir()
