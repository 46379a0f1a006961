"""Gray squares of two classes, as a folder."""

from pathlib import Path

import pytest
from PIL import Image


@pytest.fixture
def two_classes(tmp_path) -> Path:
    for part, count in (("train", 6), ("val", 2)):
        for label, gray in (("dark", 40), ("light", 220)):
            folder = tmp_path / "set" / part / label
            folder.mkdir(parents=True)
            for i in range(count):
                Image.new("L", (40, 40), gray + i).save(folder / f"{i}.png")
    return tmp_path / "set"
