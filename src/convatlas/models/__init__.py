"""The catalogue: one file a family, one row of its table a variant."""

import ast
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass, fields, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, get_args

import torch
from torch import nn

from .. import catalog
from ..errors import InputError, unknown
from ..files import read_json
from ..ops.init import Unfilled
from . import (
    alexnet,
    convnext,
    densenet,
    efficientnet,
    efficientnet_v2,
    googlenet,
    inception,
    lenet,
    maxvit,
    mnasnet,
    mobilenet_v1,
    mobilenet_v2,
    mobilenet_v3,
    preact_resnet,
    regnet,
    resnet,
    resnet_cifar,
    resnext_cifar,
    shufflenet_v2,
    squeezenet,
    swin,
    tinyvgg,
    vgg,
    vit,
    wrn_cifar,
    zfnet,
)
from .family import Family, Paper

FAMILIES: tuple[Family, ...] = (
    lenet.FAMILY, alexnet.FAMILY, zfnet.FAMILY, vgg.FAMILY, googlenet.FAMILY, inception.FAMILY,
    resnet.FAMILY, resnet_cifar.FAMILY, preact_resnet.FAMILY, wrn_cifar.FAMILY,
    squeezenet.FAMILY, densenet.FAMILY, resnext_cifar.FAMILY, mobilenet_v1.FAMILY,
    mobilenet_v2.FAMILY, mnasnet.FAMILY, shufflenet_v2.FAMILY, mobilenet_v3.FAMILY, efficientnet.FAMILY,
    regnet.FAMILY, tinyvgg.FAMILY, vit.FAMILY, efficientnet_v2.FAMILY,
    swin.FAMILY, convnext.FAMILY, maxvit.FAMILY,
)  # fmt: skip
CATALOG: Mapping[str, Family] = {name: family for family in FAMILIES for name in family.variants}


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What is known of a variant before it is built, at the input it was published for."""

    name: str
    family: str
    idea: str  # the first line of the family's file
    year: int
    papers: tuple[Paper, ...]
    parameters: int  # trainable
    macs: int  # multiply-accumulates of one image
    num_classes: int
    in_channels: int
    image_size: int
    top1: float | None  # published accuracy in percent
    top1_on: str  # the data it was measured on
    spec: dict[str, Any]


def parse(name: str) -> tuple[str, dict[str, Any]]:
    """`"resnet50:groups=32,base_width=4"` → `("resnet50", {"groups": 32, "base_width": 4})`.

    Raises   InputError if what follows the colon is no list of key=value with plain values
    """
    base, colon, rest = name.partition(":")
    if not colon:
        return base, {}
    try:
        call = ast.parse(f"f({rest})", mode="eval").body
        if not isinstance(call, ast.Call) or call.args or any(k.arg is None for k in call.keywords):
            raise ValueError
        return base, {str(k.arg): ast.literal_eval(k.value) for k in call.keywords}
    except (SyntaxError, ValueError):
        raise InputError(f"cannot read {rest!r} in {name!r}: write ablations as NAME:key=value,key=value") from None


def family_of(name: str) -> Family:
    """The family of a variant; ablations after a colon don't matter.

    Raises   InputError with the nearest names if there is no such network
    """
    base = parse(name)[0]
    if base not in CATALOG:
        raise unknown("network", base, CATALOG, "`convatlas list` shows them all.")
    return CATALOG[base]


def create_model(
    name: str,
    *,
    num_classes: int | None = None,
    in_channels: int | None = None,
    image_size: int | None = None,
    weights: str | Path | None = None,
    device: str | torch.device | None = None,
    **changes: Any,
) -> nn.Module:
    """Builds a network of the catalogue, with fresh weights, published ones or those of a file.

    What is None is the variant's own: 1000 classes, 3 channels and 224 pixels for ImageNet networks, 1 channel for LeNet-5.
    `num_classes=0` leaves the head out. `image_size` is what the network is built for: up to 64 pixels every ImageNet
    family takes its small-image stem. `changes` are fields of the family's Spec, an ablation each; a name may carry
    them as well: `create_model("resnet50:groups=32")`. `weights` is a published tag, "default" for the best of them, a
    `.pth` or `.safetensors` file or a run folder: a head for other classes starts afresh, a stem for other channels is
    adapted. Published weights bring their image size and the switches they were trained with, unless others are given.

    Raises   InputError for an unknown network, ablation or tag, an image too small, a file that does not fit
    """
    family = family_of(name)
    base, given = parse(name)
    native = family.native_of(base)
    classes = native.num_classes if num_classes is None else num_classes
    channels = native.in_channels if in_channels is None else in_channels
    asked, trained_at = settings_of_weights(base, weights)
    size = image_size if image_size is not None else trained_at or native.image_size
    if classes < 0 or channels < 1:
        raise InputError(f"{base} needs num_classes >= 0 and in_channels >= 1, got {classes} and {channels}")
    if size != native.fitting(size):
        need = f"{native.fitting(size)}x{native.fitting(size)}"
        least = "of at least" if size < native.smallest else "whose sides its patches and windows fill, such as"
        raise InputError(f"{base} needs images {least} {need}, got {size}x{size}: build it for {need} and enlarge the images")
    changes = asked | given | changes
    spec = with_changes(base, changes)
    try:
        with torch.device(device) if device else nullcontext(), Unfilled() if str(device) == "meta" else nullcontext():
            model = family.build(spec, classes, channels, size)
    except (ValueError, RuntimeError, TypeError, ZeroDivisionError, IndexError) as error:
        if not changes:
            raise
        raise InputError(f"{base} cannot be built with {changes}: {error}") from error
    if weights is not None:
        from ..weights import load_into, source

        load_into(model, source(base, weights), family)
    return model


def settings_of_weights(name: str, weights: str | Path | None) -> tuple[dict[str, Any], int | None]:
    """What weights ask of a network: switches and image size of a published file, ablations of a run folder's network.

    Raises   InputError for a tag that the network does not have
    """
    if weights is None:
        return {}, None
    if (recipe := Path(weights) / "recipe.json").is_file():
        base, given = parse(read_json(recipe)["model"])
        return (given if base == name else {}), None
    from ..weights.origin import published_as

    checkpoint = published_as(name, weights)
    return (checkpoint.changes, checkpoint.image_size) if checkpoint else ({}, None)


def with_changes(name: str, changes: Mapping[str, Any]) -> Any:
    """The variant's Spec with some fields replaced; a list does for a tuple, since JSON has no other.

    Raises   InputError for a field that does not exist or a value of another type
    """
    spec: Any = CATALOG[name].variants[name]
    kinds = {field.name: field.type for field in fields(spec)}
    fitting = {}
    for key, value in changes.items():
        if key not in kinds:
            raise unknown(f"ablation of {name}", key, kinds)
        fitting[key] = tuple(value) if isinstance(value, list) else value
        if not fits(fitting[key], kinds[key]):
            raise InputError(f"{key} of {name} needs a value like {getattr(spec, key)!r}, got {value!r}")
    return replace(spec, **fitting)


def fits(value: Any, kind: Any) -> bool:
    """Whether a value is what a field of a Spec declares: a number, a switch, or a tuple of so many of them, above zero."""
    if items := get_args(kind):
        return (
            isinstance(value, tuple)
            and (len(value) == len(items) or (... in items and len(value) > 0))
            and all(type(item) is items[0] and (item > 0 or items[0] is bool) for item in value)
        )
    return type(value) is kind or (kind is float and type(value) is int)


def list_models(pattern: str = "*", *, task: str | None = None) -> list[str]:
    """The names of the catalogue that match a shell pattern, in the order of the families.

    Raises   InputError for a task that no network has
    """
    if task not in (None, "classify"):
        raise unknown("task", str(task), ["classify"])
    return [name for name in CATALOG if fnmatchcase(name, pattern)]


def model_info(name: str) -> ModelInfo:
    """Sizes, papers and the published accuracy of a variant; nothing is built.

    Raises   InputError with the nearest names if there is no such network
    """
    family = family_of(name)
    base, given = parse(name)
    if given:
        raise InputError(f"model_info knows published variants; build {name!r} with create_model to count its parameters")
    row = catalog.ROWS[base]
    native = family.native_of(base)
    return ModelInfo(
        name=base,
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
        spec=asdict(family.variants[base]),
    )


def fitting_size(name: str, side: int) -> int:
    """The image size to build a network for when the data has `side` pixels: the data's own, or the least it can take."""
    return family_of(name).native_of(parse(name)[0]).fitting(side)


def count_parameters(model: nn.Module) -> int:
    """Trainable parameters."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def create_on_meta(name: str, **options: Any) -> nn.Module:
    """The network without memory or values, to count and compare shapes; takes what `create_model` takes."""
    return create_model(name, device="meta", **options)
