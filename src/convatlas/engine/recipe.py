"""A run as a value: everything its numbers depend on."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from math import isfinite
from typing import Any, get_args

from ..errors import InputError, unknown

OPTIMIZERS = ("sgd", "adamw")
SCHEDULES = ("onecycle", "cosine", "step", "constant")
PRECISIONS = ("auto", "32", "bf16", "fp16")


def setting(default: Any, words: str, shown: str | None = None) -> Any:
    """A field with the sentence that `--help` prints for its flag, and what stands there as its default."""
    return field(default=default, metadata={"help": words, "default": shown})


CHOSEN = "by network and data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What is trained on what, and how; None leaves the choice to the network, the data set or the machine."""

    model: str = setting("lenet5", "Network, with ablations after a colon: resnet20 or resnet20:width=32.")
    data: str = setting("digits", "Data set of the catalogue, a folder of images or an .npz file.")
    data_dir: str | None = setting(None, "Folder that holds the data sets; CONVATLAS_DATA if not given.")
    val_share: float = setting(0.1, "Share of the training images kept for validation; 0 trains on all of them.")
    split_seed: int = setting(0, "Seed that splits off validation images, the same for every training seed.")
    limit: int | None = setting(None, "Take a stratified subset of this many images.")
    image_size: int | None = setting(None, "Pixels a side the network is built for; the data's own size if it can be.")
    strict: bool = setting(False, "Stop at the first broken image instead of leaving it out.")
    resident_share: float = setting(0.25, "Keep the images in memory if they take at most this share of what is free.")
    workers: int | None = setting(None, "Processes that decode images when they don't fit into memory.")
    weights: str | None = setting(None, "Start from published weights (a tag, or default), a weight file or a run folder.")
    epochs: int = setting(10, "Passes over the training images.", CHOSEN)
    batch_size: int = setting(128, "Images in each forward pass.", CHOSEN)
    accumulate: int = setting(1, "Batches whose gradients make one step.")
    optimizer: str = setting("sgd", "sgd (Nesterov) or adamw.", CHOSEN)
    lr: float = setting(0.1, "Highest learning rate.", CHOSEN)
    momentum: float = setting(0.9, "Momentum of sgd, first beta of adamw.")
    weight_decay: float = setting(5e-4, "Weight decay, not on norms and biases.", CHOSEN)
    schedule: str = setting("onecycle", "onecycle, cosine, step or constant.")
    warmup: float = setting(0.25, "Share of all steps in which the rate rises from zero.")
    label_smoothing: float = setting(0.0, "Share of the target given to all classes alike.")
    clip: float | None = setting(None, "Largest norm of the gradient.")
    ema: float | None = setting(None, "Decay of a moving average of the weights, which is then what is tested.")
    crop: int | None = setting(None, "Pixels of padding before a random crop.", "by data")
    flip: bool | None = setting(None, "Flip images left-right at random.", "by data")
    cutout: int | None = setting(None, "Side of a random square that is blanked, in pixels of the image.", "by data")
    zoom: float | None = setting(None, "Smallest share of the area a random resized crop keeps; 1 is off.", "by data")
    precision: str = setting("auto", "auto (bf16 where the processor has it), 32, bf16 or fp16.")
    channels_last: bool = setting(True, "Keep channels innermost in memory.")
    compile: bool = setting(False, "Compile the network with torch.compile first.")
    device: str = setting("auto", "auto, cpu, cuda or mps.")
    seed: int = setting(0, "Seed of weights, order and augmentation.")
    checkpoint_minutes: float = setting(5.0, "Save at least this often, besides after every epoch.")

    def __post_init__(self) -> None:
        for f in fields(self):
            need(self, f.name, fits(getattr(self, f.name), f.type), f"of type {getattr(f.type, '__name__', f.type)}")
        for name, known in (("optimizer", OPTIMIZERS), ("schedule", SCHEDULES), ("precision", PRECISIONS)):
            if getattr(self, name) not in known:
                raise unknown(name, getattr(self, name), known)
        for name in ("epochs", "batch_size", "accumulate"):
            need(self, name, getattr(self, name) >= 1, "at least 1")
        for name in ("limit", "image_size"):
            need(self, name, getattr(self, name) is None or getattr(self, name) >= 1, "at least 1")
        for name in ("val_share", "warmup", "label_smoothing", "momentum"):
            need(self, name, 0 <= getattr(self, name) < 1, "at least 0 and below 1")
        need(self, "resident_share", 0 <= self.resident_share <= 1, "between 0 and 1")
        need(self, "lr", self.lr > 0, "above 0")
        need(self, "weight_decay", self.weight_decay >= 0, "at least 0")
        need(self, "checkpoint_minutes", self.checkpoint_minutes > 0, "above 0")
        need(self, "seed", 0 <= self.seed < 2**63, "at least 0")
        need(self, "split_seed", 0 <= self.split_seed < 2**31, "at least 0")
        need(self, "clip", self.clip is None or self.clip > 0, "above 0")
        need(self, "ema", self.ema is None or 0 < self.ema < 1, "between 0 and 1")
        need(self, "zoom", self.zoom is None or 0 < self.zoom <= 1, "above 0 and at most 1")
        for name in ("crop", "cutout", "workers"):
            need(self, name, getattr(self, name) is None or getattr(self, name) >= 0, "at least 0")

    def to_json(self) -> dict[str, Any]:
        """Plain values by name."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Recipe":
        """The recipe that `to_json` gave.

        Raises   InputError for a name that no field has or a value out of range
        """
        known = {f.name for f in fields(cls)}
        for name in values:
            if name not in known:
                raise unknown("field of a recipe", name, known, "The file may come from another version.")
        return cls(**values)

    def digest(self) -> str:
        """Eight hexadecimal digits that differ whenever a field does."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()[:8]


def fits(value: Any, kind: Any) -> bool:
    """Whether a value is what a field declares; a whole number does for a fraction, infinity and NaN do for nothing."""
    kinds = get_args(kind) or (kind,)
    if isinstance(value, bool):
        return bool in kinds
    if float in kinds and isinstance(value, int | float):
        return isfinite(value)
    return isinstance(value, kinds)


def need(recipe: Recipe, name: str, holds: bool, range_: str) -> None:
    """Raises InputError that names the flag, the range and the value unless `holds`."""
    if not holds:
        raise InputError(f"--{name.replace('_', '-')} needs to be {range_}, got {getattr(recipe, name)}")
