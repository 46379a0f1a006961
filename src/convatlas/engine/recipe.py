"""A run as a value: everything its numbers depend on."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from itertools import pairwise
from math import isfinite
from typing import Any, get_args, get_origin

from ..data.feed import FITS, WHITE, Augment, Split
from ..errors import InputError, unknown_name
from ..ranges import check_ranges, range_of, within

OPTIMIZERS = ("sgd", "adamw")
SCHEDULES = ("onecycle", "cosine", "step", "constant")
PRECISIONS = ("auto", "32", "bf16", "fp16")
BALANCES = ("none", "weights", "sampling")
VIEWS = ("none", "flip", "ten")


CHOSEN = "by network and data"
TRANSFER, DATA, TRAINING, AUGMENTATION, TESTING, MACHINE = GROUPS = (
    "Weights and what of them learns", "Data", "Training", "Augmentation", "Validation and test", "Machine",
)  # fmt: skip


def setting(default: Any, group: str, words: str, shown: str | None = None, **limits: float) -> Any:
    """A field with the group, the sentence, the default and the range that `--help` has for its flag."""
    metadata = {"group": group, "help": words, "default": shown} | (within(**limits) if limits else {"range": None})
    return field(default=default, metadata=metadata)


def limits_of(owner: Any, name: str) -> dict[str, Any]:
    """The limits of a field of Split or Augment: a recipe has the same."""
    return {limit: value for limit, value in asdict(range_of(owner, name)).items() if value is not None}


def change(name: str, words: str, shown: str = "off") -> Any:
    """A field that sets one of Augment's; None leaves it to the data set."""
    return setting(None, AUGMENTATION, words, shown, **limits_of(Augment, name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What is trained on what, and how; None leaves the choice to the network, the data set or the machine."""

    model: str = setting("lenet5", DATA, "Network, with ablations after a colon: resnet20 or resnet20:depths=3-3-3,width=32.")
    data: str = setting(
        "digits", DATA, "Data set of the catalog, a folder of images, a table (.csv) or an .npz file.", "digits; tune: yours"
    )
    data_dir: str | None = setting(None, DATA, "Folder that holds the data sets; CONVATLAS_DATA if not given.")
    val_share: float = setting(
        0.1, DATA, "Share of the training images kept for validation; 0 trains on all of them.", **limits_of(Split, "val_share")
    )
    split_seed: int = setting(
        0, DATA, "Seed that splits off validation images, the same for every training seed.", **limits_of(Split, "split_seed")
    )
    folds: int | None = setting(
        None, DATA, "Cut the training images into so many parts, one of which is for validation.", **limits_of(Split, "folds")
    )
    fold: int = setting(0, DATA, "Which of the parts that is, counted from 0.", **limits_of(Split, "fold"))
    limit: int | None = setting(None, DATA, "Take a stratified subset of this many images.", **limits_of(Split, "limit"))
    group_by: str | None = setting(
        None, DATA, "Never split images of one value: of a table's column, or of a regular expression's match in their paths."
    )
    path_column: str | None = setting(None, DATA, "Column of paths in a table of labels.", "path, file, image or a like name")
    label_column: str | None = setting(None, DATA, "Column of labels in a table.", "label, class, tags or a like name")
    image_size: int | None = setting(
        None, DATA, "Pixels a side the network is built for; the data's own size if it can be.", at_least=1
    )
    fit: str = setting(
        "cover", DATA, "What is seen of images that are no squares: cover (the middle) or contain (all of them, with black)."
    )
    white: int = setting(
        WHITE, DATA, "Level that is white in files of 16 bits, such as 4095 in those of 12.", at_least=1, at_most=WHITE
    )
    mean: tuple[float, ...] | None = setting(None, DATA, "Mean of each channel, to subtract.", "by data and weights")
    std: tuple[float, ...] | None = setting(
        None, DATA, "Standard deviation of each channel to divide by.", "by data and weights"
    )
    balance: str = setting("none", DATA, "Classes of unequal size: none, weights (of the loss) or sampling.")
    strict: bool = setting(False, DATA, "Stop at the first broken image instead of leaving it out.")
    resident_share: float = setting(
        0.25, DATA, "Keep the images in memory if they take at most this share of the free memory.", at_least=0, at_most=1
    )
    workers: int | None = setting(None, DATA, "Processes that decode images when they don't fit into memory.", at_least=0)
    weights: str | None = setting(
        None, TRANSFER, "Start from published weights (a tag, or default), a weight file or a run folder."
    )
    fresh_head: bool = setting(
        False, TRANSFER, "Initialize the head anew although its shape fits: it is for other classes.", "no; tune: if it did"
    )
    strategy: str = setting(
        "full", TRANSFER, "What learns: full, head, last-N, gradual, discriminative, bn-only or lp-ft.", "full; tune: by data"
    )
    stage_decay: float = setting(
        0.5, TRANSFER, "Learning rate of a stage as a share of that of the next one, with discriminative.", above=0, at_most=1
    )
    head_rate: float = setting(
        1.0, TRANSFER, "Learning rate of the head as a multiple of --lr.", "1; tune: by network", above=0
    )
    freeze_norms: bool = setting(
        False, TRANSFER, "Batch norm keeps the statistics that came with the weights.", "no; tune: by network"
    )
    teacher: str | None = setting(
        None, TRANSFER, "Learn from the predictions of a network too: a run folder, or NETWORK@WEIGHTS."
    )
    distill: float = setting(0.5, TRANSFER, "Share of the loss that compares with the teacher.", at_least=0, at_most=1)
    temperature: float = setting(4.0, TRANSFER, "Temperature that softens the predictions of the teacher.", above=0)
    epochs: int = setting(10, TRAINING, "Passes over the training images.", CHOSEN, at_least=1)
    extended: tuple[int, ...] | None = setting(
        None, TRAINING, "Epochs after which a finished run was given more; until each of them the schedule is that of so many."
    )
    batch_size: int = setting(128, TRAINING, "Images in each forward pass.", CHOSEN, at_least=1)
    accumulate: int = setting(1, TRAINING, "Batches whose gradients make one step.", at_least=1)
    optimizer: str = setting("sgd", TRAINING, "sgd (Nesterov) or adamw.", CHOSEN)
    lr: float = setting(0.1, TRAINING, "Highest learning rate.", CHOSEN, above=0)
    momentum: float = setting(0.9, TRAINING, "Momentum of sgd, first beta of adamw.", at_least=0, below=1)
    weight_decay: float = setting(5e-4, TRAINING, "Weight decay, not on norms and biases.", CHOSEN, at_least=0)
    schedule: str = setting("onecycle", TRAINING, "onecycle, cosine, step or constant.", "onecycle; tune: cosine")
    warmup: float = setting(
        0.25, TRAINING, "Share of all steps in which the learning rate rises from zero.", "0.25; tune: 0.1", at_least=0, below=1
    )
    label_smoothing: float = setting(0.0, TRAINING, "Share of the target given to all classes alike.", at_least=0, below=1)
    clip: float | None = setting(None, TRAINING, "Largest norm of the gradient.", above=0)
    stochastic_depth: float | None = setting(
        None, TRAINING, "Probability to skip the last block's branch; less for earlier ones.", "by network", at_least=0, below=1
    )
    ema: float | None = setting(
        None, TRAINING, "Decay of a moving average of the weights, which is then what is tested.", above=0, below=1
    )
    swa: float | None = setting(
        None, TRAINING, "Share of the epochs, the last ones, whose weights are averaged.", above=0, below=1
    )
    patience: int | None = setting(
        None, TRAINING, "Stop after so many epochs without a better validation; the best epoch's weights count.", at_least=1
    )
    crop: int | None = change("crop", "Pixels of padding before a random crop.", "by data")
    flip: bool | None = setting(None, AUGMENTATION, "Flip images left-right at random.", "by data")
    cutout: int | None = change("cutout", "Side of a random square that is blanked, in pixels of the image.", "by data")
    zoom: float | None = change("zoom", "Smallest share of the area a random resized crop keeps; 1 is off.", "by data")
    randaugment: int | None = change("randaugment", "Strength of two random changes of each image.")
    trivialaugment: bool | None = setting(None, AUGMENTATION, "One random change of random strength of each image.", "off")
    erasing: float | None = change("erasing", "Probability that a random rectangle is blanked.")
    mixup: float | None = change("mixup", "Mix pairs of images: alpha of the Beta distribution.")
    cutmix: float | None = change("cutmix", "Paste a rectangle of another image: alpha of the Beta distribution.")
    tta: str = setting("none", TESTING, "Test also with the mean over views, a figure of its own: none, flip or ten (crops).")
    precision: str = setting("auto", MACHINE, "auto (the faster of 32 and bf16 here), 32, bf16 or fp16.")
    threads: int | None = setting(None, MACHINE, "auto (as many as are fastest here now) or a number.", "auto", at_least=1)
    channels_last: bool = setting(True, MACHINE, "Keep channels innermost in memory.")
    checkpoint_activations: bool = setting(
        False, MACHINE, "Forget activations and compute them again when gradients need them: less memory, more time."
    )
    compile: bool = setting(False, MACHINE, "Compile the network with torch.compile first.")
    device: str = setting("auto", MACHINE, "auto, cpu, cuda, cuda:1 for the second GPU, or mps.")
    seed: int = setting(0, MACHINE, "Seed of weights, order and augmentation.", at_least=0, below=2**63)
    checkpoint_minutes: float = setting(5.0, MACHINE, "Save at least this often, besides after every epoch.", above=0)

    def __post_init__(self) -> None:
        for f in fields(self):
            need(self, f.name, fits(getattr(self, f.name), f.type), kind_in_words(f.type))
        for name, known in KNOWN.items():
            if getattr(self, name) not in known:
                raise unknown_name(name, getattr(self, name), known)
        check_ranges(self, flag)
        totals = (*(self.extended or ()), self.epochs)
        need(self, "extended", totals[0] >= 1 and all(a < b for a, b in pairwise(totals)), f"rising, and below {self.epochs}")
        need(self, "std", all(value > 0 for value in self.std or ()), "above 0 for each channel")
        if self.swa and self.ema:
            raise InputError("--swa and --ema both average the weights: give one of them")
        if self.swa and self.patience:
            raise InputError("--swa averages the last epochs, which --patience may leave out: give one of them")
        if self.compile and self.checkpoint_activations:
            raise InputError("--compile chooses itself what to compute again: leave --checkpoint-activations out")
        need(self, "fold", self.fold < (self.folds or 1), f"at least 0 and below --folds ({self.folds or 1})")

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
                raise unknown_name("field of a recipe", name, known, "The file may come from another version.")
        plain: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
        return cls(**plain)

    def stretches(self) -> list[tuple[int, int]]:
        """The epochs from and to which the run was planned at once: one stretch, and one more each time it was extended."""
        return list(pairwise((0, *(self.extended or ()), self.epochs)))

    def digest(self) -> str:
        """Eight hexadecimal digits that differ whenever a field does; those of earlier folders are still the same."""
        later = {f.name for f in fields(self) if f.name in LATER and getattr(self, f.name) == f.default}
        values = {name: value for name, value in self.to_json().items() if name not in later}
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:8]


LATER = ("group_by", "path_column", "label_column", "fit", "white", "extended")  # fields that earlier recipes lack
KNOWN = {
    "fit": FITS,
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "precision": PRECISIONS,
    "balance": BALANCES,
    "tta": VIEWS,
}


def fits(value: Any, kind: Any) -> bool:
    """Whether a value is what a field declares; a whole number does for a fraction, infinity and NaN do for nothing."""
    if isinstance(value, tuple):
        return any(get_origin(one) is tuple and all(fits(v, get_args(one)[0]) for v in value) for one in get_args(kind))
    kinds = tuple(one for one in get_args(kind) or (kind,) if get_origin(one) is not tuple)
    if isinstance(value, bool):
        return bool in kinds
    if float in kinds and isinstance(value, int | float):
        return isfinite(value)
    return isinstance(value, kinds)


def kind_in_words(kind: Any) -> str:
    """What a field needs to be, in words."""
    kinds = [one for one in get_args(kind) or (kind,) if one is not type(None)]
    words = {int: "a whole number", float: "a number", str: "a word", bool: "yes or no"}
    return " or ".join(words.get(one, "numbers, one for each channel") for one in kinds)


def need(recipe: Recipe, name: str, holds: bool, range_: str) -> None:
    """Does nothing if it holds.

    Raises   InputError that names the flag, what it needs and the value
    """
    if not holds:
        value = getattr(recipe, name)
        text = ",".join(map(str, value)) if isinstance(value, tuple) else value
        raise InputError(f"{flag(name)} needs to be {range_}, got {text}")


def flag(name: str) -> str:
    """What the command line calls a field."""
    return f"--{name.replace('_', '-')}"
