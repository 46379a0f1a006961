"""The catalog: one file per family, one row of its table per variant."""

import sys
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..anatomy.macs import macs
from ..catalog import ROWS, Row
from ..errors import InputError, OutOfMemory, is_out_of_memory, unknown_name
from ..files import read_object
from ..ops.init import SkipInit
from ..trust import allow, is_own
from .code import check_text, keep_code
from .families import CATALOG, FAMILIES
from .family import Paper
from .variant import Variant, parse, variant

__all__ = [
    "CATALOG",
    "FAMILIES",
    "ModelInfo",
    "Variant",
    "check_options",
    "count_parameters",
    "create_model",
    "create_on_meta",
    "list_models",
    "model_info",
    "row_of",
    "settings_of_tensors",
    "settings_of_weights",
    "variant",
]


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What is known of a variant before it is built, at the input it was published for."""

    name: str
    family: str
    idea: str  # the first line of the family's file
    year: int
    papers: tuple[Paper, ...]
    parameters: int  # trainable
    macs: int  # multiply-accumulates per image
    num_classes: int
    in_channels: int
    image_size: int
    top1: float | None  # published accuracy in percent
    top1_on: str  # the data it was measured on
    spec: dict[str, Any]


def create_model(
    name: str | Variant,
    *,
    num_classes: int | None = None,
    in_channels: int | None = None,
    image_size: int | None = None,
    weights: str | Path | None = None,
    device: str | torch.device | None = None,
    trust_code: bool = False,
    **changes: Any,
) -> nn.Module:
    """Builds a network of the catalog or one of your own, with fresh weights, published ones or those of a file.

    What is None is the variant's own: 1000 classes, 3 channels and 224 pixels for ImageNet networks, 1 channel for LeNet-5.
    `num_classes=0` leaves the head out. `image_size` is what the network is built for: up to 64 pixels every ImageNet
    family takes its small-image stem. `changes` are fields of the family's Spec, an ablation each; a name may carry
    them as well: `create_model("resnet20:n=5,width=32")`. `weights` is a published tag, "default" for the best of them, a
    `.pth` or `.safetensors` file or a run folder: a head for other classes is re-initialized, a stem for other channels is
    adapted. Published weights bring their image size and the switches they were trained with, unless others are given.

    Raises   InputError for an unknown network, ablation or tag, an image too small, a file that does not fit, and for numbers
             and weights that are none
    """
    if trust_code:
        allow(str(name))
    if not isinstance(name, str | Variant):
        raise InputError(f'create_model needs the name of a network, such as "resnet18", got {name!r}')
    check_options(num_classes, in_channels, image_size, weights)
    named = variant(name)
    settings, trained_at = settings_of_weights(named, weights)
    network = variant(named.base).with_changes(settings | dict(named.changes) | changes)
    base, native = network.base, network.native
    classes = native.num_classes if num_classes is None else num_classes
    channels = native.in_channels if in_channels is None else in_channels
    size = image_size if image_size is not None else trained_at or native.image_size
    if classes < 0 or channels < 1:
        raise InputError(f"{base} needs num_classes >= 0 and in_channels >= 1, got {classes} and {channels}")
    if size != native.fitting_size(size) and not is_own(base):
        need = f"{native.fitting_size(size)}x{native.fitting_size(size)}"
        least = "of at least" if size < native.smallest else "whose sides its patches and windows fill, such as"
        raise InputError(
            f"{base} needs images {least} {need}, got {size}x{size}: take --image-size {native.fitting_size(size)}, to which "
            "images are resized"
        )
    try:
        with (
            torch.device(device) if device else nullcontext(),
            SkipInit() if str(device) == "meta" else nullcontext(),
        ):
            model = network.family.build(network.spec, classes, channels, size)
    except (ValueError, RuntimeError, TypeError, ZeroDivisionError, IndexError, MemoryError) as error:
        if is_out_of_memory(error):
            raise OutOfMemory(f"out of memory for {network.name} at {size}x{size} pixels: build it smaller") from error
        if not network.changes or isinstance(error, InputError | MemoryError):
            raise
        raise InputError(f"{base} cannot be built with {network.changes}: {error}") from error
    if weights is not None:
        from ..weights import load_into, source

        load_into(model, source(base, weights), network.family)
    return model


def check_options(num_classes: Any, in_channels: Any, image_size: Any, weights: Any) -> None:
    """Raises InputError for an argument of `create_model` that is no whole number where one is needed, or no weights."""
    for option, value in (("num_classes", num_classes), ("in_channels", in_channels), ("image_size", image_size)):
        if value is not None and (isinstance(value, bool) or not hasattr(value, "__index__")):
            of_side = ", the pixels of a side" if option == "image_size" else ""
            raise InputError(f"{option} needs to be one whole number{of_side}, got {value!r}")
    if weights is not None and not isinstance(weights, str | Path):
        raise InputError(f'weights needs a tag such as "default", a file or a run folder, got {weights!r}')


def settings_of_weights(name: str | Variant, weights: str | Path | None) -> tuple[dict[str, Any], int | None]:
    """What weights need of a network: switches and image size of a published file, ablations of a run folder's network.

    Raises   InputError for a tag that the network does not have
    """
    network = variant(name)
    if weights is None:
        return {}, None
    from ..weights.entries import find_tensors
    from ..weights.load import is_stored, read
    from ..weights.origin import published_as

    changes: dict[str, Any] = {}
    if (recipe := Path(weights) / "recipe.json").is_file():
        trained = str(read_object(recipe, model=str)["model"])
        keep_code(Path(weights), trained)
        base, own = parse(trained)
        if is_own(network.base) and is_own(base):
            check_text(Path(weights), network.base)
            changes |= own
        elif base == network.base:
            changes |= variant(trained).changes
    elif checkpoint := published_as(network.base, weights):
        return checkpoint.changes, checkpoint.image_size
    if network.family.older_form and is_stored(weights):
        own = create_on_meta(network.with_changes(changes)).state_dict()
        changes |= settings_of_tensors(network, find_tensors(read(weights), own, network.family.all_renames, weights).state)
    return changes, None


def settings_of_tensors(name: str | Variant, tensors: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    """The ablations that weights by name show: those of an older form of the network, if they are of one.

    Shapes   tensors: those of a state dict, of any shape
    """
    older_form = variant(name).family.older_form
    return older_form({key: tuple(value.shape) for key, value in tensors.items()}) if older_form else {}


def list_models(pattern: str = "*", *, task: str | None = None) -> list[str]:
    """The names of the catalog that match a shell pattern, in the order of the families.

    Raises   InputError for a task that no network has
    """
    by_task: dict[str | None, list[str]] = {None: list(CATALOG)}
    for name, family in CATALOG.items():
        by_task.setdefault(family.task, []).append(name)
    if task not in by_task:
        raise unknown_name("task", str(task), [known for known in by_task if known])
    return [name for name in by_task[task] if fnmatchcase(name, pattern)]


def model_info(name: str | Variant) -> ModelInfo:
    """Sizes, papers and the published accuracy of a variant; nothing is built.

    Raises   InputError with the nearest names if there is no such network
    """
    network = variant(name)
    if network.changes:
        raise InputError(
            f"model_info knows published variants; build {network.name!r} with create_model to count its parameters"
        )
    row, family, native = row_of(network), network.family, network.native
    return ModelInfo(
        name=network.base,
        family=family.name,
        idea=(sys.modules[family.build.__module__].__doc__ or "").partition("\n")[0],
        year=row.year,
        papers=family.papers,
        parameters=row.parameters,
        macs=row.macs,
        num_classes=native.num_classes,
        in_channels=native.in_channels,
        image_size=native.image_size,
        top1=row.top1,
        top1_on=row.top1_on,
        spec=asdict(network.spec),
    )


def row_of(name: str | Variant) -> Row:
    """The variant's row of catalog.csv; counted here for a network of the user's own or a family that `make docs` has not met.

    Raises   InputError with the nearest names if there is no such network
    """
    network = variant(name)
    if network.base in ROWS:
        return ROWS[network.base]
    family, native, model = network.family, network.native, create_on_meta(network.base)
    published = family.published.get(network.base)
    return Row(
        name=network.base,
        family=family.name,
        year=family.year_of(network.base),
        parameters=count_parameters(model),
        macs=macs(model, native.in_channels, native.image_size),
        in_channels=native.in_channels,
        image_size=native.image_size,
        num_classes=native.num_classes,
        top1=published.top1 if published else None,
        top1_on=published.data if published else "",
        top1_source=published.source if published else "",
    )


def count_parameters(model: nn.Module) -> int:
    """Trainable parameters."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def create_on_meta(name: str | Variant, **options: Any) -> nn.Module:
    """The network without memory or values, to count and compare shapes; takes what `create_model` takes."""
    return create_model(name, device="meta", **options)
