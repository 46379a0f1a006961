"""Reads weight files without unpickling code and fits them to a network."""

import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from zipfile import BadZipFile

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from ..errors import InputError

State = dict[str, Tensor]
SUFFIXES = (".pth", ".pt", ".safetensors")


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of a file: names that fit as they are, names whose values were changed to fit, names left at their start."""

    kept: tuple[str, ...]
    adapted: tuple[str, ...]
    fresh: tuple[str, ...]

    def __str__(self) -> str:
        parts = [f"{len(self.kept)} tensors kept"]
        if self.adapted:
            parts.append(f"adapted to other input channels: {', '.join(self.adapted)}")
        if self.fresh:
            parts.append(f"started afresh for other classes: {', '.join(self.fresh)}")
        return "; ".join(parts)


def read(source: str | Path) -> State:
    """The tensors of a `.pth`, `.pt` or `.safetensors` file or of a run folder.

    A state dict inside a checkpoint (`state_dict` or `model`) is found, the prefix `module.` of parallel training dropped.

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


def load_into(
    model: nn.Module,
    source: str | Path,
    *,
    stem: str,
    head: str,
    upgrade: Callable[[State], State] | None = None,
) -> Loaded:
    """Fits a file to the network: strictly, but for a head for other classes and a stem for other channels.

    A head of another shape starts afresh. A stem for other channels keeps what it has learnt: one channel gets the sum
    of the old kernels, more get them in turn, scaled so that an image of equal channels gives the same response.

    Raises   InputError if a name is missing or left over, or a shape differs anywhere else: a file of another network
    """
    state = read(source)
    if upgrade:
        state = upgrade(state)
    own = model.state_dict()
    adapted = []
    fresh = [key for key in own if key.startswith(f"{head}.") and key in state and state[key].shape != own[key].shape]
    if fresh or not any(key.startswith(f"{head}.") for key in own):
        dropped = [key for key in state if key.startswith(f"{head}.")]
        for key in dropped:
            del state[key]
        fresh = [key for key in own if key.startswith(f"{head}.")]
        state |= {key: own[key] for key in fresh}
    kernel = f"{stem}.weight"
    if kernel in state and kernel in own and other_channels(state[kernel], own[kernel]):
        state[kernel] = to_channels(state[kernel], own[kernel].shape[1])
        adapted.append(kernel)
    state |= {key: value for key, value in own.items() if key.endswith("num_batches_tracked") and key not in state}
    missing = [key for key in own if key not in state]
    surplus = [key for key in state if key not in own]
    shapes = [key for key in own if key in state and state[key].shape != own[key].shape]
    if missing or surplus or shapes:
        raise InputError(f"{source} is of another network: {difference(missing, surplus, shapes, state, own)}")
    model.load_state_dict(state, strict=True)
    changed = {*adapted, *fresh}
    loaded = Loaded(tuple(key for key in own if key not in changed), tuple(adapted), tuple(fresh))
    logging.getLogger(__name__).info("%s: %s", source, loaded)
    return loaded


def other_channels(a: Tensor, b: Tensor) -> bool:
    """True if two kernels (c_out, c_in, k, k) differ in c_in alone."""
    return a.ndim == b.ndim == 4 and a.shape[1] != b.shape[1] and (a.shape[0], *a.shape[2:]) == (b.shape[0], *b.shape[2:])


def to_channels(kernel: Tensor, channels: int) -> Tensor:
    """The kernel for another number of input channels.

    Shapes   kernel (c_out, c_in, k, k) → (c_out, channels, k, k)
    """
    if channels == 1:
        return kernel.sum(1, keepdim=True)
    old = kernel.shape[1]
    return kernel[:, [i % old for i in range(channels)]] * (old / channels)


def difference(missing: list[str], surplus: list[str], shapes: list[str], state: State, own: State) -> str:
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
