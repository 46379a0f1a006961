"""Reads weight files without unpickling code and fits them to a network."""

import logging
import re
import warnings
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Protocol
from zipfile import BadZipFile

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from ..errors import InputError, join_names
from ..ops.paths import is_in_any

State = dict[str, Tensor]
DERIVED = ("num_batches_tracked", "relative_position_index", "relative_coords_table")  # follow from sizes or are no weights
SUFFIXES = (".pth", ".pt", ".safetensors")


class Names(Protocol):
    """Facts of a family that loading needs; `models.family.Family` has them, and explains each."""

    @property
    def stem(self) -> str: ...
    @property
    def heads(self) -> tuple[str, ...]: ...
    @property
    def renames(self) -> tuple[tuple[str, str], ...]: ...
    @property
    def adapt(self) -> Callable[[str, Tensor, Tensor], Tensor | None] | None: ...
    @property
    def sized(self) -> tuple[str, ...]: ...
    @property
    def auxiliary(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of the tensors of a file: kept, adapted in shape, re-initialized in the network, dropped."""

    kept: tuple[str, ...]
    adapted: tuple[str, ...]
    fresh: tuple[str, ...]
    dropped: tuple[str, ...]

    def __str__(self) -> str:
        parts = {
            "adapted to other channels or sizes": self.adapted,
            "re-initialized": self.fresh,
            "dropped": self.dropped,
        }
        changes = [f"{words}: {join_names(names, 6)}" for words, names in parts.items() if names]
        return "; ".join([f"{len(self.kept)} tensors kept", *changes])

    def without(self, names: Collection[str]) -> "Loaded":
        """The same, with these tensors counted as re-initialized, whatever the file had for them."""
        if not names:
            return self
        kept, adapted = (tuple(name for name in of if name not in names) for of in (self.kept, self.adapted))
        return Loaded(kept, adapted, tuple(dict.fromkeys((*self.fresh, *names))), self.dropped)


def is_stored(source: str | Path) -> bool:
    """Whether there is a file or a finished run folder of this path that `read` can read."""
    path = Path(source)
    return (path / "model.safetensors").is_file() or (path.is_file() and path.suffix in SUFFIXES)


def read(source: str | Path) -> State:
    """The tensors of a `.pth`, `.pt` or `.safetensors` file or of a run folder.

    A state dict may lie in a checkpoint under `state_dict` or `model`; the prefix `module.` of parallel training is dropped.

    Raises   InputError if the file is missing, cut short, of another kind, or would need unpickling
    """
    path = Path(source)
    if path.is_dir():
        path = path / "model.safetensors"
    if not path.is_file():
        raise InputError(f"weights need a file ({' '.join(SUFFIXES)}) or a run folder, but {source} is neither")
    if path.suffix not in SUFFIXES:
        raise InputError(f"weights need a file that ends in {' '.join(SUFFIXES)}, got {path.name}")
    try:
        with warnings.catch_warnings(action="ignore"):  # torch wonders about files that it then refuses
            content = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except UnpicklingError:
        raise InputError(
            f"{path} holds more than tensors, or is cut short; unpickling it could run any code, so it is refused: "
            "save the state dict alone, best as .safetensors"
        ) from None
    except (SafetensorError, BadZipFile, RuntimeError, EOFError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}): it may be cut short; fetch or save it again") from None
    for key in ("state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not content or not all(isinstance(value, Tensor) for value in content.values()):
        raise InputError(f"{path} needs to hold a state dict (names → tensors), got {type(content).__name__}")
    return {str(key).removeprefix("module."): value for key, value in content.items()}


def load_into(model: nn.Module, source: str | Path, names: Names) -> Loaded:
    """Loads a file into the network: strictly, but for what other classes, channels and image sizes change.

    A head for other classes is re-initialized; auxiliary heads may be missing or left over. A stem for other channels keeps
    what it has learned: one channel gets the sum of the old kernels, more get them in turn, scaled so that an image of
    equal channels gives the same response. Position embeddings and tables of offsets are interpolated; a stem of
    another kernel size, as small images have it, is re-initialized.

    Raises   InputError if a name is missing or left over, or a shape differs anywhere else: a file of another network
    """
    own = model.state_dict()
    state = rename_tensors(read(source), own, names.renames)
    resized = any(key in state and state[key].shape != own[key].shape for key in own if is_in_any(key, names.sized))
    spare = (*names.auxiliary, *(names.sized if resized else ()))  # modules that may lack tensors, or have some more
    optional = (*spare, *(names.heads if not any(is_in_any(key, names.heads) for key in own) else ()))
    dropped = [key for key in state if key not in own and is_in_any(key, optional)]
    for key in dropped:
        del state[key]
    fresh = [key for key in own if key not in state and is_in_any(key, spare) and not is_in_any(key, names.heads)]
    adapted = []
    for key, value in own.items():
        if key not in state or state[key].shape == value.shape:
            continue
        adapted_value = fit_tensor(key, state[key], value, names)
        if adapted_value is not None:
            if adapted_value.numel() != state[key].numel() and not key.endswith(DERIVED):
                adapted.append(key)
            state[key] = adapted_value
        elif is_in_any(key, (names.stem, *names.heads, *names.sized, *names.auxiliary)):
            fresh.append(key)
    if any(is_in_any(key, names.heads) for key in fresh):  # a bias of ten classes means nothing to ten others
        fresh = [key for key in own if key in fresh or is_in_any(key, names.heads)]
    state |= {key: own[key] for key in fresh}
    state |= {key: value for key, value in own.items() if key.endswith(DERIVED) and key not in state}
    missing = [key for key in own if key not in state]
    surplus = [key for key in state if key not in own]
    shapes = [key for key in own if key in state and state[key].shape != own[key].shape]
    if missing or surplus or shapes:
        raise InputError(f"{source} is of another network: {describe_difference(missing, surplus, shapes, state, own)}")
    model.load_state_dict(state, strict=True)
    changed = {*adapted, *fresh}
    loaded = Loaded(tuple(key for key in own if key not in changed), tuple(adapted), tuple(fresh), tuple(dropped))
    logging.getLogger(__name__).info("%s: %s", source, loaded)
    return loaded


def classes_in(source: str | Path, own: State, names: Names) -> int:
    """The number of classes of the head in a file; `own` is the network's state dict.

    Raises   InputError if the file has no head
    """
    state = rename_tensors(read(source), own, names.renames)
    rows = [len(state[key]) for key in own if key in state and is_in_any(key, names.heads)]
    if not rows:
        raise InputError(
            f"{source} has no {' or '.join(names.heads)}, which gives the logits: it is of another network, or of one without"
        )
    return rows[0]


def rename_tensors(state: State, own: State, renames: tuple[tuple[str, str], ...]) -> State:
    """The tensors under our names; a name that becomes empty is dropped.

    Raises   InputError if two tensors would get the same name
    """
    result: State = {}
    for key, value in state.items():
        name = key
        if key not in own:
            for pattern, replacement in renames:
                name = re.sub(pattern, replacement, name)
        if name in result:
            raise InputError(f"the file holds {name} twice, once as {key}: it mixes two ways of naming")
        if name:
            result[name] = value
    return result


def fit_tensor(key: str, value: Tensor, own: Tensor, names: Names) -> Tensor | None:
    """The value in the shape of the network's own tensor, if that keeps what was learned; None if it cannot.

    Shapes   value of any shape → own.shape
    """
    if key.endswith(DERIVED):
        return own
    if [n for n in value.shape if n > 1] == [n for n in own.shape if n > 1]:
        return value.reshape(own.shape)  # a 1x1 convolution that was a linear layer, a scale with or without its axes
    if value.ndim > own.ndim == 2 and value.flatten(1).shape == own.shape:
        return value.flatten(1)  # a linear layer that was a convolution over the whole map
    if key == f"{names.stem}.weight" and differs_in_channels(value, own):
        return to_channels(value, own.shape[1])
    return names.adapt(key, value, own) if names.adapt else None


def differs_in_channels(a: Tensor, b: Tensor) -> bool:
    """Whether two kernels differ in their input channels alone.

    Shapes   a and b (c_out, c_in, k, k)
    """
    return a.ndim == b.ndim == 4 and a.shape[1] != b.shape[1] and (a.shape[0], *a.shape[2:]) == (b.shape[0], *b.shape[2:])


def to_channels(kernel: Tensor, channels: int) -> Tensor:
    """The kernel for another number of input channels.

    Shapes   kernel (c_out, c_in, k, k) → (c_out, channels, k, k)
    """
    if channels == 1:
        return kernel.sum(1, keepdim=True)
    old = kernel.shape[1]
    return kernel[:, [i % old for i in range(channels)]] * (old / channels)


def describe_difference(missing: list[str], surplus: list[str], shapes: list[str], state: State, own: State) -> str:
    """The first difference of each kind, in words."""
    parts = []
    if missing:
        parts.append(f"it lacks {len(missing)} tensors such as {missing[0]}")
    if surplus:
        parts.append(f"it has {len(surplus)} unknown ones such as {surplus[0]}")
    if shapes:
        key = shapes[0]
        parts.append(f"{key} needs shape {tuple(own[key].shape)}, got {tuple(state[key].shape)}")
    return "; ".join(parts)
