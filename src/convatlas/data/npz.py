"""A NumPy archive with Keras's keys or MedMNIST's; nothing in it is ever unpickled."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, first_line, join_names
from .arrays import Arrays, Labels, Part, Pixels, check_classes, class_gaps

Keys = dict[str, tuple[str, str]]  # part → the keys of its images and labels
KERAS: Keys = {"train": ("x_train", "y_train"), "val": ("x_val", "y_val"), "test": ("x_test", "y_test")}
MEDMNIST: Keys = {part: (f"{part}_images", f"{part}_labels") for part in KERAS}
CHANNELS = (1, 3, 4)  # of most images


def read(path: Path, names: tuple[str, ...] | None = None) -> Arrays:
    """The set in an .npz; `names` are the classes of a known set, otherwise `classes` in the file, otherwise numbers.

    Shapes   x_* (n, h, w) or (n, h, w, c) uint8, c >= 1; y_* (n,) or (n, 1) integers 0 to k - 1, or (n, k) of 0 and 1 for
             several labels per image; classes (k,) strings
    Raises   InputError for anything else
    """
    keys, arrays = read_arrays(path)
    parts = {part: read_part(path, arrays, own) for part, own in keys.items()}
    pixels, labels = parts["train"]
    for part, (x, y) in parts.items():
        key_x, key_y = keys[part]
        if x.shape[1:] != pixels.shape[1:]:
            c, h, w = pixels.shape[1:]
            like = f"like {keys['train'][0]}'s, {h}x{w} with {c} channels"
            raise InputError(f"{path}: {key_x} needs images {like}, got {arrays[key_x].shape[1:]}")
        if y.shape[1:] != labels.shape[1:]:
            raise InputError(f"{path}: {key_y} needs labels like those for training, got the shape {y.shape}")
    if names is None and "classes" in arrays:
        names = read_names(path, arrays["classes"])
    classes = name_classes(path, {part: y for part, (_, y) in parts.items()}, names)
    return Arrays(*parts["train"], *parts["test"], classes, parts.get("val"))


def name_classes(path: Path, labels: dict[str, Labels], names: tuple[str, ...] | None) -> tuple[str, ...]:
    """The names of the classes: those given, or numbers.

    Raises   InputError if there are too few or too many of them, or training has no image of one
    """
    train = labels["train"]
    if train.ndim == 2:
        count = train.shape[1]
        if names is not None and len(names) != count:
            raise InputError(f"{path}: classes needs one name for each of the {count} columns of labels, got {len(names)}")
    else:
        count = 1 + max(int(of.max()) for of in labels.values())
    if names is not None and count > len(names):
        raise InputError(f"{path}: labels need to be 0 to {len(names) - 1} for {len(names)} classes, got {count - 1}")
    total = len(names) if names else count
    if gaps := class_gaps(train, total):
        numbers = join_names([str(label) for label in gaps.first]) + gaps.more
        raise InputError(f"{path}: training needs labels 0 to {total - 1} with none left out, but has no image of {numbers}")
    classes = names or tuple(str(label) for label in range(count))
    check_classes(str(path), classes, several=train.ndim == 2)
    return classes


def read_arrays(path: Path) -> tuple[Keys, dict[str, NDArray[Any]]]:
    """The keys of the parts that there are, and the arrays by their keys.

    Raises   InputError if the file is none that NumPy can read without unpickling, or lacks a key
    """
    try:
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise InputError(f"{path} is a single NumPy array; an .npz with {', '.join(needed_keys(KERAS))} is needed")
            present = set(archive.files)
            keys = next((keys for keys in (KERAS, MEDMNIST) if present & {*needed_keys(keys)}), KERAS)
            if missing := [name for name in needed_keys(keys) if name not in present]:
                others = join_names(archive.files) or "none"
                raise InputError(
                    f"{path} needs the keys {', '.join(needed_keys(keys))}; it lacks {', '.join(missing)} and has {others}"
                )
            keys = {part: own for part, own in keys.items() if present >= {*own}}
            names = [name for own in keys.values() for name in own] + ["classes"] * ("classes" in present)
            return keys, {name: read_array(path, archive, name) for name in names}
    except FileNotFoundError:
        raise InputError(f"{path} does not exist") from None
    except InputError:
        raise
    except Exception as error:  # damaged archives make NumPy and zipfile raise many kinds
        raise InputError(
            f"{path} is not a whole .npz file ({first_line(error)}): it was cut short or is of another kind"
        ) from error


def needed_keys(keys: Keys) -> tuple[str, ...]:
    """The keys of training and test images and labels; validation images may be absent."""
    return (*keys["train"], *keys["test"])


def read_array(path: Path, archive: Any, key: str) -> NDArray[Any]:
    """One array.

    Raises   InputError if it holds Python objects
    """
    try:
        return np.asarray(archive[key])
    except ValueError as error:
        if "pickle" not in str(error):
            raise
        pixels = any(key == images for keys in (KERAS, MEDMNIST) for images, _ in keys.values())
        kind = "strings (dtype U)" if key == "classes" else "uint8 numbers" if pixels else "integers"
        raise InputError(
            f"{path}: {key} holds Python objects, which are never unpickled: save it as a plain array of {kind}"
        ) from None


def read_part(path: Path, arrays: dict[str, NDArray[Any]], keys: tuple[str, str]) -> Part:
    """The images and labels under two keys.

    Raises   InputError if they are none
    """
    pixels, labels = keys
    return read_pixels(path, pixels, arrays[pixels]), read_labels(path, labels, arrays[labels], len(arrays[pixels]))


def read_pixels(path: Path, key: str, x: NDArray[Any]) -> Pixels:
    """The images with their channels first.

    Shapes   (n, h, w) or (n, h, w, c) uint8 → (n, c, h, w)
    Raises   InputError for anything else, and for images that seem to have their channels first
    """
    if x.dtype != np.uint8:
        values = f", values {x.min():g} to {x.max():g}" if x.size and np.issubdtype(x.dtype, np.number) else ""
        scale = " (multiply images in 0..1 by 255 and round them)" if np.issubdtype(x.dtype, np.floating) else ""
        raise InputError(f"{path}: {key} needs dtype uint8, values 0 to 255, got {x.dtype}{values}{scale}")
    if x.ndim not in {3, 4} or not all(x.shape):
        raise InputError(f"{path}: {key} needs the shape (n, h, w) or (n, h, w, c) with images in it, got {x.shape}")
    if x.ndim == 4 and x.shape[3] not in CHANNELS and (x.shape[1] in CHANNELS or x.shape[1] < x.shape[2] == x.shape[3]):
        raise InputError(
            f"{path}: {key} needs channels last, (n, h, w, c), and {x.shape} looks like channels first: "
            f"save {key}.transpose(0, 2, 3, 1)"
        )
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2)) if x.ndim == 4 else x[:, None]


def read_labels(path: Path, key: str, y: NDArray[Any], images: int) -> Labels:
    """One class number per image, or a row of 0 and 1 where images have several labels.

    Shapes   (n,), (n, 1) or (n, k) → (n,) or (n, k)
    Raises   InputError for anything else
    """
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim not in {1, 2}:
        raise InputError(f"{path}: {key} needs the shape (n,), (n, 1) or (n, classes), got {y.shape}")
    if not (np.issubdtype(y.dtype, np.integer) or (y.ndim == 2 and y.dtype == bool)):
        raise InputError(f"{path}: {key} needs integer labels from 0, got dtype {y.dtype}")
    if len(y) != images:
        raise InputError(f"{path}: {key} needs one label per image, got {len(y)} labels for {images} images")
    if y.min(initial=0) < 0:
        raise InputError(f"{path}: {key} needs labels from 0, got {y.min()}")
    if y.ndim == 2:
        if y.max(initial=0) > 1:
            raise InputError(f"{path}: {key} needs rows of 0 and 1 where images have several labels, got {y.max()}")
        if (y.sum(1) == 1).all():
            raise InputError(
                f"{path}: {key} needs the shape (n,) or (n, 1), got {y.shape}; turn one-hot rows into numbers with argmax(1)"
            )
    elif y.max(initial=0) >= np.iinfo(np.int64).max:
        raise InputError(f"{path}: {key} needs labels that number the classes from 0, got {y.max()}")
    return y.astype(np.int64)


def read_names(path: Path, names: NDArray[Any]) -> tuple[str, ...]:
    """The names of the classes.

    Raises   InputError if these are no strings
    """
    if names.ndim != 1 or names.dtype.kind not in "US":
        raise InputError(f"{path}: classes needs one string per class, got shape {names.shape} and dtype {names.dtype}")
    return tuple(name.decode(errors="replace") if isinstance(name, bytes) else str(name) for name in names.tolist())
