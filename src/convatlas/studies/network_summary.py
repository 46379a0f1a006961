"""One network opened up: its anatomy, and the memory it needs, without computing anything."""

import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from torch import nn

from ..anatomy.arithmetic import shape_text
from ..anatomy.layer import Shape
from ..anatomy.layers import Anatomy, Unfollowed, inspect
from ..anatomy.memory import Memory, peak_memory
from ..anatomy.without_compiler import without_compiler
from ..errors import InputError
from ..models import CATALOG, ModelInfo, create_on_meta, model_info, variant
from ..models.variant import parse
from ..trust import is_own

CHANNELS = (1, 3, 4)  # numbers that are hardly meant as a height
BATCH = 32  # images in a training step, by default


@dataclass(frozen=True, slots=True)
class NetworkSummary:
    """A network of the catalog, one of its ablations or that of a run, opened up."""

    info: ModelInfo
    anatomy: Anatomy
    inference: Memory  # of one image
    training: Memory  # of a step with `batch` images
    batch: int


def network_summary(name: str, *, size: Shape = (), num_classes: int | None = None, batch: int = BATCH) -> NetworkSummary:
    """Opens a network by its name, ablations after a colon, or by its run folder.

    Shapes   size () for what it was built for, (side,), (height, width) or (channels, height, width)
    Raises   InputError for an unknown network, or images that it can't take, with those it can
    """
    if batch < 1:
        raise InputError(f"a training step needs at least 1 image, got {batch}")
    if names_run(name):
        info, model, own = open_run_model(name, num_classes)
        shape = full_shape(size, own)
        where = f"{name} was built for {shape_text(own)}"
    else:
        try:
            info, model, shape, where = open_variant(name, size, num_classes)
        except InputError as error:
            if len(size) == 2 and size[0] in CHANNELS:
                side = f"{size[0]}x{size[1]}"
                raise InputError(f"{side} means {size[0]} pixels high and {size[1]} wide: channels come first, as in "
                                 f"{side}x{size[1]} ({error})") from None  # fmt: skip
            raise
    try:
        with without_compiler():
            anatomy = inspect(model, shape, name=info.name)
            memory = peak_memory(model, shape), peak_memory(model, shape, batch=batch, training=True)
    except Unfollowed:
        raise
    except (InputError, RuntimeError, ValueError) as error:
        raise InputError(f"{where}, and cannot take {shape_text(shape)}: {' '.join(str(error).split())}") from error
    if name not in CATALOG:
        info = replace(info, parameters=anatomy.parameters, macs=anatomy.macs)
    return NetworkSummary(info, anatomy, *memory, batch)


def names_run(name: str) -> bool:
    """Whether a name means a run folder, whether or not that is there."""
    if is_own(name):
        return False
    return (Path(name) / "recipe.json").is_file() or (parse(name)[0] not in CATALOG and ("/" in name or Path(name).is_dir()))


def open_run_model(folder: str, num_classes: int | None) -> tuple[ModelInfo, nn.Module, Shape]:
    """What is known of a run, its network, and the images it was built for.

    Raises   InputError if there is no such run, or for a number of classes
    """
    from ..runs.network import load_run

    if num_classes is not None:
        raise InputError(f"--num-classes needs the name of a network: {folder} is a run, which has its classes")
    run = load_run(folder)
    network = variant(run.recipe.model)
    size = (run.channels, run.image_size, run.image_size)
    test = run.metrics.get("test")
    top1, on = (100 * test["accuracy"], f"the test images of {run.recipe.data}, in this run") if test else (None, "")
    info = replace(model_info(network.base), name=network.name, spec=asdict(network.spec), top1=top1, top1_on=on,
                   num_classes=len(run.classes), in_channels=run.channels, image_size=run.image_size)  # fmt: skip
    return info, run.model, size


def open_variant(name: str, size: Shape, num_classes: int | None) -> tuple[ModelInfo, nn.Module, Shape, str]:
    """What is known of a network, the network without values, the images it is shown, and those it takes, in words.

    Raises   InputError for an unknown network, or images that it cannot take
    """
    network = variant(name)
    base, family, native = network.base, network.family, network.native
    own = (native.in_channels, native.image_size, native.image_size)
    shape = full_shape(size, own)
    if "fixed-size" in family.tags and shape[1] != shape[2]:
        side = native.fitting_size(max(shape[1:]))
        raise InputError(f"{base} needs square images, such as {side}x{side}, got {shape[1]}x{shape[2]}")
    for side in sorted({*shape[1:]}):  # the larger one builds it, the smaller one has to fit as well
        model = create_on_meta(network, num_classes=num_classes, in_channels=shape[0], image_size=side)
    info = model_info(base)
    if network.changes:
        info = replace(info, name=network.name, spec=asdict(network.spec), top1=None, top1_on="")
    return info, model, shape, f"{base} is {'published' if info.papers else 'written'} for {shape_text(own)}"


def full_shape(size: Shape, own: Shape) -> Shape:
    """(channels, height, width), where what is left out is as the network was built."""
    match size:
        case ():
            return own
        case (side,):
            return own[0], side, side
        case (height, width):
            return own[0], height, width
        case _:
            return size


def shape_of(text: str) -> Shape:
    """`3x224x224`, `224x320` or `224` as numbers.

    Raises   InputError
    """
    if not re.fullmatch(r"[1-9]\d{0,5}([x×,*][1-9]\d{0,5}){0,2}", text.strip()):
        raise InputError(f"an input is channels, height and width, such as 3x224x224, or 224x320, or 224, got {text!r}")
    return tuple(int(side) for side in re.split(r"[x×,*]", text.strip()))
