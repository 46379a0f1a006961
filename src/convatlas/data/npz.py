"""A NumPy archive with Keras's keys; nothing in it is ever unpickled."""

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, join_names
from .arrays import Arrays, Labels, Pixels

KEYS = ("x_train", "y_train", "x_test", "y_test")


def read(path: Path, names: tuple[str, ...] | None = None) -> Arrays:
    """The set in an .npz; `names` are the classes of a known set, otherwise `classes` in the file, otherwise numbers.

    Shapes   x_* (n, h, w) or (n, h, w, c) uint8, c >= 1; y_* (n,) or (n, 1) integers 0 to k - 1; classes (k,) strings
    Raises   InputError for anything else
    """
    arrays = _arrays(path)
    x_train, x_test = (_pixels(path, key, arrays[key]) for key in ("x_train", "x_test"))
    y_train, y_test = (_labels(path, f"y_{s}", arrays[f"y_{s}"], len(arrays[f"x_{s}"])) for s in ("train", "test"))
    if x_train.shape[1:] != x_test.shape[1:]:
        c, h, w = x_train.shape[1:]
        raise InputError(
            f"{path}: x_test needs images like x_train's, {h}x{w} with {c} channels, got {arrays['x_test'].shape[1:]}"
        )
    if names is None and "classes" in arrays:
        names = _names(path, arrays["classes"])
    count = int(max(y_train.max(), y_test.max())) + 1
    if names is not None and count > len(names):
        raise InputError(f"{path}: labels need to be 0 to {len(names) - 1} for {len(names)} classes, got {count - 1}")
    classes = names or tuple(str(label) for label in range(count))
    absent = sorted(set(range(len(classes))) - set(np.unique(y_train).tolist()))
    if absent:
        missing = join_names([str(label) for label in absent])
        raise InputError(
            f"{path}: y_train needs labels 0 to {len(classes) - 1} with none left out, but has no image of {missing}"
        )
    return Arrays(x_train, y_train, x_test, y_test, classes)


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise InputError(f"{path} is a single NumPy array; an .npz with {', '.join(KEYS)} is needed")
            missing = [key for key in KEYS if key not in archive.files]
            if missing:
                keys = join_names(archive.files) or "none"
                raise InputError(f"{path} needs the keys {', '.join(KEYS)}; it lacks {', '.join(missing)} and has {keys}")
            return {key: _array(path, archive, key) for key in (*KEYS, "classes") if key in archive.files}
    except FileNotFoundError:
        raise InputError(f"{path} does not exist") from None
    except InputError:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, OSError) as error:
        raise InputError(f"{path} is not a whole .npz file ({error}): it was cut short or is of another kind") from error


def _array(path: Path, archive: Any, key: str) -> NDArray[Any]:
    try:
        return np.asarray(archive[key])
    except ValueError as error:
        if "pickle" not in str(error):
            raise
        kind = "strings (dtype U)" if key == "classes" else "uint8 numbers" if key[0] == "x" else "integers"
        raise InputError(
            f"{path}: {key} holds Python objects, which are never unpickled: save it as a plain array of {kind}"
        ) from None


def _pixels(path: Path, key: str, x: NDArray[Any]) -> Pixels:
    if x.dtype != np.uint8:
        values = f", values {x.min():g} to {x.max():g}" if x.size and np.issubdtype(x.dtype, np.number) else ""
        scale = " (multiply images in 0..1 by 255 and round them)" if np.issubdtype(x.dtype, np.floating) else ""
        raise InputError(f"{path}: {key} needs dtype uint8, values 0 to 255, got {x.dtype}{values}{scale}")
    if x.ndim not in {3, 4} or not all(x.shape):
        raise InputError(f"{path}: {key} needs the shape (n, h, w) or (n, h, w, c) with images in it, got {x.shape}")
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2)) if x.ndim == 4 else x[:, None]


def _labels(path: Path, key: str, y: NDArray[Any], images: int) -> Labels:
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1:
        one_hot = "; turn one-hot rows into numbers with argmax(1)" if y.ndim == 2 else ""
        raise InputError(f"{path}: {key} needs the shape (n,) or (n, 1), got {y.shape}{one_hot}")
    if not np.issubdtype(y.dtype, np.integer):
        raise InputError(f"{path}: {key} needs integer labels from 0, got dtype {y.dtype}")
    if len(y) != images:
        raise InputError(f"{path}: {key} needs one label per image, got {len(y)} labels for {images} images")
    if y.min() < 0:
        raise InputError(f"{path}: {key} needs labels from 0, got {y.min()}")
    return y.astype(np.int64)


def _names(path: Path, names: NDArray[Any]) -> tuple[str, ...]:
    if names.ndim != 1 or names.dtype.kind not in "US":
        raise InputError(f"{path}: classes needs one string per class, got shape {names.shape} and dtype {names.dtype}")
    return tuple(name.decode() if isinstance(name, bytes) else str(name) for name in names.tolist())
