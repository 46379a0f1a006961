"""Features: what a network makes of each image at one place, as a table of vectors."""

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..engine.evaluate import outputs
from ..errors import InputError, count_of
from ..files import replace_file
from ..ops.layout import layout_of
from ..ops.tap import tap
from .head import head_of

BATCH = 128  # images in a forward pass, where they come as one tensor
PENULTIMATE = "penultimate"

Batch = Tensor | tuple[Tensor, Any] | list[Any]


def features(
    model: nn.Module, x: Tensor | Iterable[Batch], at: str = PENULTIMATE, *, pool: bool = True, out: Path | str | None = None
) -> NDArray[np.float32]:
    """What a network in evaluation mode makes of each image: the vector its head reads, or what a layer or operation gives.

    With `pool`, maps and tokens are averaged over their places; without, they are flattened. `out` names an .npy file: it grows
    batch by batch, is whole or not there, and is given back memory-mapped.

    Shapes   x (n, channels, h, w), or batches of it, or of (it, labels) → (n, d)
    Raises   InputError with the nearest names for an unknown layer; if there are no images, or the layer gives no row per image
    """
    batches: Iterable[Batch] = torch.split(x, BATCH) if isinstance(x, Tensor) else x
    with closing(passes(model, batches, (at,), pool=pool)) as steps:
        vectors = (step.features[at].numpy() for step in steps)
        if out is not None:
            return write_rows(vectors, Path(out))
        parts = list(vectors)
    if not parts:
        raise InputError(NOTHING)
    return np.concatenate(parts)


NOTHING = "features need images, and there were none"


class Pass(NamedTuple):
    """What one batch gives.

    Shapes   features: of each layer (n, d), float32 in main memory
    """

    features: dict[str, Tensor]
    output: Any
    labels: Any  # what comes with the images in their batch; None if they come alone


def passes(
    model: nn.Module, batches: Iterable[Batch], layers: Sequence[str] = (PENULTIMATE,), *, pool: bool = True
) -> Generator[Pass]:
    """The features at some layers, batch by batch, of a network in evaluation mode.

    Shapes   batches of x (n, channels, h, w), or of (x, labels)
    Raises   InputError with the nearest names for an unknown layer, or if one gives no row per image
    """
    device = next((p.device for p in model.parameters()), None)
    catches: dict[str, Catch] = {}
    with ExitStack() as stack:

        def images() -> Iterator[tuple[Tensor, Any]]:
            for batch in batches:
                x, labels = (batch, None) if isinstance(batch, Tensor) else (batch[0], batch[1])
                x = x.to(device)
                if not len(x):
                    continue
                with torch.inference_mode():
                    for layer in () if catches else layers:
                        catches[layer] = stack.enter_context(catch_features(model, layer, x[:1], pool=pool))
                for catch in catches.values():
                    catch.begin(x)
                yield x, labels

        for output, labels in stack.enter_context(closing(outputs(model, images()))):
            yield Pass({layer: catch.end() for layer, catch in catches.items()}, output, labels)


class Catch:
    """Takes one activation of a forward pass, as vectors, before anything can overwrite it."""

    def __init__(self, at: str, *, pool: bool) -> None:
        self.at, self.pool = at, pool
        self.x: Tensor | None = None
        self.y: Tensor | None = None

    def begin(self, x: Tensor) -> None:
        """Waits for the features of these images."""
        self.x, self.y = x, None

    def take(self, y: Any) -> None:
        """Keeps what comes first: a layer that runs twice gives its first output."""
        if self.x is not None and self.y is None:
            self.y = vectors_of(y, self.x, self.at, pool=self.pool)

    def end(self) -> Tensor:
        """The features, in main memory.

        Raises   InputError if the layer has not run
        """
        if self.y is None:
            raise InputError(f"{self.at} has not run: the network does not use it in evaluation mode")
        return self.y.to("cpu", torch.float32)


@contextmanager
def catch_features(model: nn.Module, at: str, x: Tensor, *, pool: bool) -> Iterator[Catch]:
    """Catches at a place for as long as the block runs: one hook for a module, a trace for an operation between modules.

    Shapes   x (n, c, h, w)
    """
    modules = {path: module for path, module in model.named_modules() if path}
    catch = Catch(at, pool=pool)
    with ExitStack() as stack:
        if at in modules or at == PENULTIMATE:
            module = modules.get(at)
            head = head_of(model, x) if module is None else None
            if head is not None:
                hook = head.register_forward_pre_hook(lambda _, inputs: catch.take(inputs[0]))
            else:
                hook = (module or model).register_forward_hook(lambda _, __, y: catch.take(y))
            stack.callback(hook.remove)
        else:
            taps = stack.enter_context(tap(model, at))
            hook = model.register_forward_hook(lambda _, __, ___: catch.take(taps[at]))
            stack.callback(hook.remove)
        yield catch


def vectors_of(y: Any, x: Tensor, at: str, *, pool: bool) -> Tensor:
    """One vector per image.

    Shapes   y (n, d), (n, tokens, d), (n, c, h, w) or (n, h, w, c) → a copy (n, d)
    Raises   InputError if y has another number of rows, or no places to average
    """
    if not isinstance(y, Tensor) or not y.is_floating_point() or y.ndim == 0 or len(y) != len(x):
        got = tuple(y.shape) if isinstance(y, Tensor) else type(y).__name__
        raise InputError(f"{at} gives no row for each of {count_of(len(x), 'image')}, but {got}: take the layer around it")
    if not pool or y.ndim < 3 or y[0].numel() == max(y.shape[1:]):
        return y.flatten(1).clone() if y.ndim > 1 else y[:, None].clone()
    layout = layout_of(y.shape, x.shape[1:]) if y.ndim == 4 else None
    if y.ndim != 3 and layout is None:
        raise InputError(
            f"{at} gives {tuple(y.shape)}, neither a map nor tokens: it has no places to average, pool=False flattens it"
        )
    return y.mean(layout.dims if layout else 1, dtype=torch.float32)


def write_rows(parts: Iterable[NDArray[np.float32]], path: Path) -> NDArray[np.float32]:
    """Writes rows as they come, and maps the file into memory.

    NumPy leaves room in a header for more rows, so that it can be written again once all have come.

    Shapes   parts (k, d) each → (n, d)
    Raises   InputError if there is no row
    """
    rows, header = 0, 0
    with replace_file(path) as temporary, temporary.open("wb") as file:
        for part in parts:
            header = header or write_header(file, 0, part.shape[1])
            file.write(np.ascontiguousarray(part, dtype="<f4").data)
            rows += len(part)
            width = part.shape[1]
        if not rows:
            raise InputError(NOTHING)
        file.seek(0)
        if write_header(file, rows, width) != header:
            raise RuntimeError("the header of the file grew over its first row")
    mapped: NDArray[np.float32] = np.load(path, mmap_mode="r", allow_pickle=False)
    return mapped


def write_header(file: Any, rows: int, width: int) -> int:
    """Writes the header of a table, and gives the place where it ends."""
    np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (rows, width)})
    return int(file.tell())
