"""The optical digits that come with scikit-learn: 1,797 real scans of 8x8 pixels, no download."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from .arrays import Arrays
from .splits import TEST_SEED, TEST_SHARE, split_off


def find(_: Path) -> Path | None:
    """The file inside scikit-learn, found without importing it."""
    spec = find_spec("sklearn")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder, "datasets", "data", "digits.csv.gz")
        if path.exists():
            return path
    return None


def read(_: Path) -> Arrays:
    """All digits; the set has no official split, so the test images are a fixed fifth, stratified.

    Source   Alpaydin and Kaynak 1998, UCI, the test half of the optical digits; ink 0..16 becomes 0..255
    """
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    x = np.rint(images * (255 / 16)).astype(np.uint8).reshape(-1, 1, 8, 8)
    y = labels.astype(np.int64)
    train, test = split_off(y, TEST_SHARE, TEST_SEED)
    return Arrays(x[train], y[train], x[test], y[test], tuple("0123456789"))
