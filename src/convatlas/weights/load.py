"""Reads weight files without unpickling code and fits them to a network."""

import logging
import re
import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Protocol

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from ..errors import InputError, count_of, first_line, join_names
from ..files import missing_words
from ..ops.paths import is_in_any
from .entries import State, find_tensors, flatten
from .formats import SAVE, STORED, cut_short, split_entry, weight_format

DERIVED = ("num_batches_tracked", "relative_position_index", "relative_coords_table")  # follow from sizes or are no weights


class Names(Protocol):
    """Facts of a family that loading needs; `models.family.Family` has them, and explains each."""

    @property
    def stem(self) -> str: ...
    @property
    def heads(self) -> tuple[str, ...]: ...
    @property
    def all_renames(self) -> tuple[tuple[tuple[str, str], ...], ...]: ...
    @property
    def adapt(self) -> Callable[[str, Tensor, Tensor], Tensor | None] | None: ...
    @property
    def sized(self) -> tuple[str, ...]: ...
    @property
    def auxiliary(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of the tensors of a file: kept, adapted in shape, re-initialized in the network, dropped; where they were."""

    kept: tuple[str, ...]
    adapted: tuple[str, ...]
    fresh: tuple[str, ...]
    dropped: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = {
            "adapted to other channels or sizes": self.adapted,
            "re-initialized": self.fresh,
            "dropped": self.dropped,
        }
        changes = [f"{words}: {join_names(names, 6)}" for words, names in parts.items() if names]
        return "; ".join([*self.notes, f"{len(self.kept)} tensors kept", *changes])

    def without(self, names: Collection[str]) -> "Loaded":
        """The same, with these tensors counted as re-initialized, whatever the file had for them."""
        if not names:
            return self
        kept, adapted = (tuple(name for name in of if name not in names) for of in (self.kept, self.adapted))
        return replace(self, kept=kept, adapted=adapted, fresh=tuple(dict.fromkeys((*self.fresh, *names))))


def is_stored(source: str | Path) -> bool:
    """Whether there is a file or a finished run folder of this path that `read` may be able to read."""
    path = split_entry(source)[0]
    return path.is_file() or any((path / name).is_file() for name in STORED)


def stored_file(source: str | Path) -> Path:
    """The file of weights that a source names, itself or in a folder.

    Raises   InputError if there is none
    """
    path = split_entry(source)[0]
    if not path.exists():
        raise InputError(missing_words(path, "weights need a file or a run folder"))
    if not path.is_dir():
        return path
    files = [path / name for name in STORED if (path / name).is_file()]
    if not files:
        if (path / "recipe.json").is_file():
            raise InputError(f"{path} is a run that is not finished and has no weights yet: continue it with --resume")
        raise InputError(f"{path} is a folder without {' or '.join(STORED)}: weights need a file or a run folder")
    return files[0]


def read(source: str | Path) -> State:
    """The tensors of a file of torch.save or safetensors, whatever its name ends in, or of a run folder.

    Those of a checkpoint with entries get their names in it: `model_ema.conv1.weight`.

    Raises   InputError if the file is missing, damaged, of another kind, or would need unpickling
    """
    path = stored_file(source)
    content = load_file_safely(path)
    tensors = flatten(content) if isinstance(content, Mapping) else {}
    if not tensors:
        held = type(content).__name__
        if isinstance(content, Mapping):
            held = f"a dictionary of {join_names([str(key) for key in content], 4) or 'nothing'}"
        raise InputError(f"{path} needs to hold a state dict (names → tensors), got {held}: {SAVE}")
    for name, value in tensors.items():
        if value.layout != torch.strided or value.is_quantized or value.is_meta:
            raise InputError(f"{path} holds {name} in a packed form: save its plain values")
    return tensors


def load_file_safely(path: Path) -> Any:
    """What a file holds; nothing of it is unpickled but tensors, texts and numbers.

    Raises   InputError if it cannot be read so
    """
    kind = weight_format(path)
    try:
        with warnings.catch_warnings(action="ignore"):  # torch wonders about files that it then refuses
            if kind == "safetensors":
                return load_file(path)
            with path.open("rb") as file:  # from a path torch would go by its ending
                return torch.load(file, "cpu", weights_only=True)
    except UnpicklingError as error:
        named = re.search(r"GLOBAL ([\w.]+)", str(error))
        held = f"holds {named[1]} beside its tensors" if named else "holds more than tensors, or is cut short"
        raise InputError(f"{path} {held}; unpickling it could run any code, so it is refused: {SAVE}") from None
    except Exception as error:  # torch raises many kinds for damaged files
        raise cut_short(path, first_line(error)) from error


def load_into(model: nn.Module, source: str | Path, names: Names) -> Loaded:
    """Loads a file into the network: strictly, but for what other classes, channels and image sizes change.

    The tensors may lie in an entry of a checkpoint, under a prefix, and have the names of another library. A head for other
    classes is re-initialized, and so is one that the file lacks; auxiliary heads may be missing or left over. A stem for other
    channels keeps what it has learned: one channel gets the sum of the old kernels, more get them in turn, scaled so that an
    image of equal channels gives the same response. Position embeddings and tables of offsets are interpolated; a stem of
    another kernel size, as small images have it, is re-initialized.

    Raises   InputError if a name is missing or left over, or a shape differs anywhere else: a file of another network; and for
             tensors with NaN or infinite values
    """
    own = model.state_dict()
    found = find_tensors(read(source), own, names.all_renames, source)
    state = found.state
    resized = any(key in state and state[key].shape != own[key].shape for key in own if is_in_any(key, names.sized))
    spare = (*names.auxiliary, *(names.sized if resized else ()))  # modules that may lack tensors, or have some more
    head = [key for key in own if is_in_any(key, names.heads)]
    headless = not any(key in state for key in head)
    body = {key.partition(".")[0] for key in own if key not in head}
    optional = (*spare, *(names.heads if headless else ()))
    dropped = [
        key
        for key in state
        if key not in own and (is_in_any(key, optional) or (headless and key.partition(".")[0] not in body))
    ]
    for key in dropped:
        del state[key]
    fresh = [key for key in own if key not in state and is_in_any(key, spare) and key not in head]
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
    if headless or any(key in head for key in fresh):  # a bias of ten classes means nothing to ten others
        fresh = [key for key in own if key in fresh or key in head]
    state |= {key: own[key] for key in fresh}
    state |= {key: value for key, value in own.items() if key.endswith(DERIVED) and key not in state}
    missing = [key for key in own if key not in state]
    surplus = [key for key in state if key not in own]
    shapes = [key for key in own if key in state and state[key].shape != own[key].shape]
    if missing or surplus or shapes:
        raise InputError(f"{source} is of another network: {describe_difference(missing, surplus, shapes, state, own)}")
    check_values(source, {key: value for key, value in state.items() if key not in fresh}, own)
    model.load_state_dict(state, strict=True)
    changed = {*adapted, *fresh}
    kept = tuple(key for key in own if key not in changed)
    loaded = Loaded(kept, tuple(adapted), tuple(fresh), tuple(dropped), found.notes)
    logging.getLogger(__name__).info("%s: %s", source, loaded)
    return loaded


def check_values(source: str | Path, state: State, own: Mapping[str, Tensor]) -> None:
    """Raises InputError for a tensor whose numbers a network cannot compute with."""
    for key, value in state.items():
        if not own[key].is_floating_point() or value.is_meta:
            continue
        if not value.is_floating_point():
            raise InputError(f"{source} has {value.dtype} in {key}, which needs floating-point numbers: it is damaged")
        if not value.isfinite().all():
            kind = "NaN" if value.isnan().any() else "infinity"
            raise InputError(f"the weights of {source} hold {kind} in {key}: take an earlier checkpoint, or other weights")


def classes_in(source: str | Path, own: State, names: Names) -> int:
    """The number of classes of the head in a file; `own` is the network's state dict.

    Raises   InputError if the file has no head
    """
    state = find_tensors(read(source), own, names.all_renames, source).state
    rows = [len(state[key]) for key in own if key in state and state[key].ndim and is_in_any(key, names.heads)]
    if not rows:
        raise InputError(
            f"{source} has no {' or '.join(names.heads)}, which gives the logits: it is of another network, or of one without; "
            "`convatlas tune` trains a new one"
        )
    return rows[0]


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
        parts.append(f"it lacks {count_of(len(missing), 'tensor')} such as {missing[0]}")
    if surplus:
        parts.append(f"it has {count_of(len(surplus), 'unknown one')} such as {surplus[0]}")
    if shapes:
        key = shapes[0]
        parts.append(f"{key} needs shape {tuple(own[key].shape)}, got {tuple(state[key].shape)}")
    return "; ".join(parts)
