"""Which network is better, by how much, and at what cost: several networks, several seeds, one verdict."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..anatomy.macs import macs
from ..data import Data
from ..engine.events import Event
from ..engine.hardware import choose_device, choose_precision, environment
from ..engine.record import Run, fresh, slug
from ..engine.recipe import Recipe
from ..errors import ConvAtlasError, InputError
from ..files import make_folder, read_json, write_json
from ..models import count_parameters, family_of, on_meta, parse
from ..recipes import default
from .paired import against_best
from .run import image_size, open_data, start
from .speed import SPEEDS, measure_speed

DEFAULT_NETWORKS = (
    "lenet5",
    "tinyvgg",
    "vgg11_bn:width=16",
    "resnet20",
    "densenet_bc_100_12:depths=(4,4,4)",
)
SHOWN = 24  # held-out images in the grid of predictions


@dataclass(frozen=True, slots=True)
class Trial:
    """One network with one seed."""

    recipe: Recipe
    folder: Path


@dataclass(frozen=True, slots=True)
class Began:
    """A trial begins, or is found finished."""

    network: str
    seed: int
    number: int
    of: int
    done: bool


@dataclass(frozen=True, slots=True)
class Failed:
    """A network's row will say why; the others go on."""

    network: str
    reason: str


class Comparison:
    """A folder with one run for each network and seed, and the results drawn from them.

    Files    comparison.json (recipes, seeds, command) · NETWORK-sSEED/ (runs) · NETWORK.json (speed and memory) ·
             results.json results.csv report.html
    """

    def __init__(self, folder: Path) -> None:
        plan = read_json(folder / "comparison.json")
        self.folder = folder
        self.command: str = plan["command"]
        self.seeds: list[int] = plan["seeds"]
        self.recipes = [Recipe.from_json(values) for values in plan["recipes"]]
        self.reasons: dict[str, str] = {}

    @classmethod
    def create(cls, folder: Path | None, recipes: Sequence[Recipe], seeds: int, command: str) -> "Comparison":
        """Plans a comparison; `recipes` differ in their network, each is run with the seeds from its own on.

        Raises   InputError if the folder holds anything
        """
        names = [recipe.model for recipe in recipes]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise InputError(f"each network is compared once, but {', '.join(sorted(twice))} was named twice")
        for name in names:  # a misspelt ablation is found before anything is trained
            on_meta(name)
        if folder is None:
            folder = fresh(Path("runs") / f"compare-{slug(Path(recipes[0].data).stem)}-{recipes[0].digest()}")
        elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise InputError(f"{folder} is not empty and nothing is overwritten: add --resume to continue it, or choose another --out")
        make_folder(folder)
        plan = {
            "command": command,
            "seeds": [recipes[0].seed + i for i in range(seeds)],
            "recipes": [recipe.to_json() for recipe in recipes],
        }
        write_json(folder / "comparison.json", plan)
        return cls(folder)

    @classmethod
    def open(cls, folder: Path) -> "Comparison":
        """The comparison in an existing folder.

        Raises   InputError if there is none
        """
        if not (folder / "comparison.json").is_file():
            raise InputError(f"{folder} holds no comparison: start one with `convatlas compare --out {folder}`")
        return cls(folder)

    def trials(self, recipe: Recipe) -> list[Trial]:
        """A network's runs."""
        return [
            Trial(replace(recipe, seed=seed), self.folder / f"{slug(recipe.model)}-s{seed}") for seed in self.seeds
        ]

    def run(self) -> Iterator[Began | Event | Failed]:
        """Trains what is not yet trained; a network that fails is reported and does not stop the others."""
        number = 0
        for recipe in self.recipes:
            for trial in self.trials(recipe):
                number += 1
                run = Run.open(trial.folder) if (trial.folder / "recipe.json").is_file() else Run.create(trial.folder, trial.recipe)
                yield Began(recipe.model, trial.recipe.seed, number, len(self.recipes) * len(self.seeds), run.finished)
                if run.finished or recipe.model in self.reasons:
                    continue
                try:
                    yield from start(run)
                except (ConvAtlasError, RuntimeError) as error:
                    if isinstance(error, ConvAtlasError) and error.exit_code == 130:
                        raise
                    self.reasons[recipe.model] = first_line(error)
                    yield Failed(recipe.model, self.reasons[recipe.model])

    def results(self, data: Data | None = None) -> dict[str, Any]:
        """The value that results.json holds and every table and picture is drawn from."""
        first = self.recipes[0]
        data = data or open_data(first)
        device = choose_device(first.device)
        precision = choose_precision(first.precision, device)
        held_out = "test" if data.test is not None else "val"
        rows = [self.row(recipe, data, held_out) for recipe in self.recipes]
        against_best(rows, held_out)
        for row in rows:
            del row["correct"]
        counts = {name: len(images) if images is not None else 0 for name, images in
                  (("train", data.train), ("val", data.val), ("test", data.test))}  # fmt: skip
        return {
            "format": 1,
            "title": f"{NUMBERS.get(len(rows), str(len(rows)))} network{'s' * (len(rows) > 1)} on {data.title}",
            "command": self.command,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": sum(value for row in rows for value in row["seconds"].get("values", [])),
            "environment": environment(device, precision),
            "data": {
                "name": data.name,
                "title": data.title,
                "classes": list(data.classes),
                **counts,
                "channels": data.channels,
                "size": list(data.size),
                "held_out": held_out,
            },
            "seeds": self.seeds,
            "networks": rows,
        }

    def row(self, recipe: Recipe, data: Data, held_out: str) -> dict[str, Any]:
        """One network: what was measured of it, null where it failed."""
        runs = [Run.open(t.folder) for t in self.trials(recipe) if (t.folder / "recipe.json").is_file()]
        whole = [run for run in runs if run.finished]
        metrics = [run.metrics for run in whole]
        side = image_size(recipe, data)
        model = on_meta(recipe.model, num_classes=len(data.classes), in_channels=data.channels, image_size=side)
        failed = len(whole) < len(self.seeds)
        answers = [run.predictions() for run in whole]

        def split(name: str, figure: str) -> dict[str, Any]:
            return spread([m[name][figure] for m in metrics if m[name]])

        return {
            "name": recipe.model,
            "status": "failed" if failed else "done",
            "error": self.reasons.get(recipe.model, "not finished") if failed else None,
            "image_size": side,
            "parameters": count_parameters(model),
            "macs": macs(model, data.channels, side),
            **(dict.fromkeys(SPEEDS) if failed else self.speed(recipe, data)),
            "training_images_per_second": max((m["images_per_second"] for m in metrics), default=None),
            "train_accuracy": split("train", "accuracy"),
            "val_accuracy": split("val", "accuracy"),
            "test_accuracy": split("test", "accuracy"),
            "test_top5_accuracy": split("test", "top5_accuracy"),
            "test_calibration_error": split("test", "calibration_error"),
            "seconds": spread([m["seconds"] for m in metrics]),
            "against_best": None,
            "recipe": recipe.to_json(),
            "runs": [{"seed": r.recipe.seed, "folder": r.path.name, "epochs": r.epochs()} for r in runs],
            "confusion": np.sum([m[held_out]["confusion"] for m in metrics], 0).tolist() if metrics else [],
            "predictions": shown(answers[0], held_out) if answers else [],
            "correct": correctness(answers, held_out),
        }

    def speed(self, recipe: Recipe, data: Data) -> dict[str, float]:
        """Latency, throughput and memory, measured once and kept in a file."""
        path = self.folder / f"{slug(recipe.model)}.json"
        if not path.exists():
            write_json(path, measure_speed(recipe, data))
        return dict(read_json(path))


NUMBERS = {1: "One", 2: "Two", 3: "Three", 4: "Four", 5: "Five", 6: "Six", 7: "Seven", 8: "Eight", 9: "Nine", 10: "Ten"}


def default_recipes(names: Sequence[str], data: str, given: Mapping[str, Any]) -> list[Recipe]:
    """The default recipe of each network, with what was asked for put over it."""
    for name in names:
        family_of(name), parse(name)
    return [default(name, data, **given) for name in names]


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Mean, standard deviation (n − 1), number and values; null where there are too few."""
    n = len(values)
    mean = statistics.fmean(values) if n else None
    return {"mean": mean, "sd": statistics.stdev(values) if n > 1 else None, "n": n, "values": list(values)}


def shown(answers: Mapping[str, torch.Tensor], split: str) -> list[dict[str, Any]]:
    """What was said of the images in the grid: the same for every network, evenly spread over the held-out ones."""
    labels, predicted, probability = (answers[f"{split}_{name}"] for name in ("labels", "predicted", "probability"))
    chosen = shown_indices(len(labels))
    return [
        {
            "index": i,
            "true": int(labels[i]),
            "predicted": int(predicted[i]),
            "probability": float(probability[i]),
        }
        for i in chosen
    ]


def shown_indices(n: int) -> list[int]:
    """Which held-out images the grid shows."""
    return sorted({int(i) for i in np.linspace(0, n - 1, min(SHOWN, n))})


def correctness(answers: Sequence[Mapping[str, torch.Tensor]], split: str) -> NDArray[np.float64] | None:
    """For each held-out image the share of seeds that were right.

    Shapes   (n,)
    """
    if not answers:
        return None
    right = [(a[f"{split}_predicted"] == a[f"{split}_labels"]).numpy().astype(float) for a in answers]
    return np.mean(right, axis=0)


def first_line(error: BaseException) -> str:
    """What went wrong, short enough for a table."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


def held_out_pixels(data: Data, rows: Sequence[Mapping[str, Any]]) -> NDArray[np.uint8]:
    """The images of the grid.

    Shapes   (k, h, w, c) uint8
    """
    images = data.test if data.test is not None else data.val
    predictions = next((row["predictions"] for row in rows if row["predictions"]), [])
    if images is None or not predictions:
        return np.zeros((0, 1, 1, 1), np.uint8)
    return images.pixels(torch.tensor([p["index"] for p in predictions])).permute(0, 2, 3, 1).numpy()
