"""Small folders of pictures, made on the spot."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Maker = Callable[..., Path]


@pytest.fixture
def pictures(tmp_path: Path) -> Maker:
    """Makes `count` random PNGs of w x h pixels in each of the class folders below `root`."""

    def make(*folders: str, root: str = "set", count: int = 4, w: int = 20, h: int = 14, ending: str = "png") -> Path:
        for k, folder in enumerate(folders):
            place = tmp_path / root / folder
            place.mkdir(parents=True, exist_ok=True)
            for i in range(count):
                noise = np.random.default_rng([k, i]).integers(0, 256, (h, w, 3), dtype=np.uint8)
                Image.fromarray(noise).save(place / f"{i}.{ending}")
        return tmp_path / root

    return make
