"""One run: a recipe in, a folder out, and the folder read back."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..data import Data, load
from ..engine.events import Event
from ..engine.hardware import choose_device, choose_precision
from ..engine.recipe import Recipe
from ..engine.record import Run
from ..errors import InputError
from ..models import built_for, create_model, family_of, implied, on_meta, parse
from ..weights import Loaded, load_into, source


def open_data(recipe: Recipe) -> Data:
    """The images a recipe names."""
    return load(**asked(recipe))


def asked(recipe: Recipe) -> dict[str, Any]:
    """What a recipe asks `load` for; pictures in folders come in the size its network is built for."""
    native = family_of(recipe.model).native_of(parse(recipe.model)[0])
    same = {name: getattr(recipe, name) for name in ("val_share", "split_seed", "limit", "strict", "resident_share")}
    folder = Path(recipe.data_dir) if recipe.data_dir else None
    return {"name_or_path": recipe.data, "data_dir": folder, "image_size": recipe.image_size or native.image_size, **same}


def image_size(recipe: Recipe, data: Data) -> int:
    """Pixels a side: what the recipe says, else the data's own, enlarged to the least the network can take."""
    side = max((data.val or data.test or data.train).size)
    return recipe.image_size or built_for(recipe.model, side)


def build(recipe: Recipe, data: Data) -> nn.Module:
    """The recipe's network for the data's classes and channels, its weights drawn from the recipe's seed."""
    torch.manual_seed(recipe.seed)
    return create_model(recipe.model, **options(recipe, data))


def weighed(name: str, weights: str | Path, **options: Any) -> tuple[nn.Module, Loaded]:
    """A network with weights from a tag, a file or a run folder, and what became of them."""
    base, given = parse(name)
    model = create_model(base, **options, **implied(base, weights)[0] | given)
    return model, load_into(model, source(base, weights), family_of(base))


def settled(recipe: Recipe) -> Recipe:
    """The recipe with what its weights ask of the network said in its name, so that it stays true when they are gone.

    Raises   InputError for a tag that the network does not have
    """
    base, given = parse(recipe.model)
    asked = implied(base, recipe.weights)[0] | given
    return recipe if asked == given else replace(recipe, model=f"{base}:{','.join(f'{k}={v!r}' for k, v in asked.items())}")


def options(recipe: Recipe, data: Data) -> dict[str, Any]:
    """What the data asks of the network: classes, channels and pixels."""
    return {"num_classes": len(data.classes), "in_channels": data.channels, "image_size": image_size(recipe, data)}


def check(recipe: Recipe, data: Data) -> None:
    """Makes sure that the machine, the data, the network and its weights go together, before anything is written.

    Raises   InputError
    """
    choose_precision(recipe.precision, choose_device(recipe.device))
    if recipe.weights:
        weighed(recipe.model, recipe.weights, **options(recipe, data))
    else:
        on_meta(recipe.model, **options(recipe, data))


def start(run: Run, data: Data | None = None) -> Iterator[Event]:
    """Trains what the folder's recipe says, from where the folder stands; on `data` if that is open already."""
    from ..engine.train import train

    recipe = run.recipe
    data = data or open_data(recipe)
    notes: tuple[str, ...] = ()
    if recipe.weights and not run.begun:
        torch.manual_seed(recipe.seed)
        model, loaded = weighed(recipe.model, recipe.weights, **options(recipe, data))
        notes = (f"weights {recipe.weights}: {loaded}",)
    else:
        model = build(recipe, data)
    yield from train(model, data, recipe, run, image_size(recipe, data), notes=notes)


@dataclass(frozen=True, slots=True)
class Trained:
    """A finished run, ready to use: the network in evaluation mode and what its input looks like."""

    model: nn.Module
    recipe: Recipe
    classes: tuple[str, ...]
    channels: int
    image_size: int  # pixels a side the network sees
    stored: int  # pixels a side of the images it learnt from, before they were enlarged
    mean: tuple[float, ...]
    std: tuple[float, ...]
    metrics: dict[str, Any]


def load_run(folder: str | Path) -> Trained:
    """The network of a run folder with its weights, in evaluation mode, on the CPU.

    Raises   InputError if the folder holds no run, or one that is unfinished or damaged
    """
    run = Run.open(Path(folder))
    metrics, environment = run.metrics, run.environment
    try:
        data, side = environment["data"], int(environment["image_size"])
        classes, channels = tuple(data["classes"]), int(data["channels"])
        mean, std = tuple(data["mean"]), tuple(data["std"])
        stored = min(side, max(data["size"]))
    except KeyError as error:
        raise InputError(f"{folder}/env.json lacks {error}: the run is damaged or from another version") from None
    model = create_model(run.recipe.model, num_classes=len(classes), in_channels=channels, image_size=side, weights=folder)
    return Trained(model.eval(), run.recipe, classes, channels, side, stored, mean, std, metrics)


def is_of(recipe: Recipe, model: str) -> bool:
    """Whether a recipe is one of the network as a user names it, without what its weights asked for."""
    return model == recipe.model or (recipe.weights is not None and settled(replace(recipe, model=model)) == recipe)


def reopen(folder: Path | None, model: str | None, given: Mapping[str, Any]) -> Run:
    """The run to continue: the folder's, or else the last unfinished one under runs/ of that network.

    A folder may stand in the network's place: `convatlas train --resume runs/mine`.

    Raises   InputError if there is none, or if it was begun with other settings than those given now
    """
    if folder is None and model and (Path(model) / "recipe.json").is_file():
        folder, model = Path(model), None
    if folder is None:
        begun = [path.parent for path in Path("runs").glob("*/recipe.json") if not (path.parent / "metrics.json").exists()]
        same = [path for path in begun if model is None or is_of(Run.open(path).recipe, model)]
        if not same:
            raise InputError("--resume found no unfinished run under runs/: name its folder with --out DIR")
        folder = max(same, key=lambda path: path.stat().st_mtime)
    run = Run.open(folder)
    asked = dict(given) | ({"model": model} if model and not is_of(run.recipe, model) else {})
    for name, value in asked.items():
        begun_with = getattr(run.recipe, name)
        if begun_with != value:
            raise InputError(
                f"{folder} was begun with {name.replace('_', '-')} {begun_with}, not {value}: "
                "leave the flag out to continue it, or start a new run"
            )
    return run
