"""Which strategy of fine-tuning is best on few images? Trains each with several seeds and writes docs/studies/transfer.md.

    python bench/transfer.py --part photographs --data hymenoptera --weights-dir weights
    python bench/transfer.py --part fashion --data-dir data --weights-dir weights
    python bench/transfer.py --part neighbors --cifar10 cifar10.npz --weights-dir weights
    python bench/transfer.py --write docs/studies/transfer.md       # the tables of what has been measured, without more runs

Each line of --log is one run. A second call continues where the first one stopped; no run starts after --minutes.
Seeds come one after another, each with all networks and strategies, so that an early end costs seeds and not rows.
"""

import argparse
import json
import math
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from freezing import Step, machine, put
from transfer_tables import LONGER, PER_CLASS, REGRESSION, STRATEGIES, Row, of_fashion, of_neighbors, of_photographs

from convatlas.data import Data, load
from convatlas.engine.recipe import Recipe
from convatlas.engine.record import Run
from convatlas.engine.stop import Diverged
from convatlas.errors import InputError
from convatlas.models import variant
from convatlas.recipes import default
from convatlas.runs.build import open_data, with_statistics
from convatlas.runs.finetuning import plan_tuning
from convatlas.runs.training import check, start

PHOTOGRAPHERS = {"mobilenet_v2": "mobilenet_v2_imagenet.pth", "squeezenet1_1": "squeezenet1_1_imagenet.pth"}
CLOTHES = ("lp-ft", "head", "discriminative", "full", "gradual")
K = 20
PARTS = ("photographs", "fashion", "neighbors")


@dataclass(frozen=True, slots=True)
class Task:
    """A row of the log, and the function that measures it."""

    part: str
    network: str
    strategy: str
    seed: int
    measure: Callable[[], Row]

    def is_of(self, row: Row) -> bool:
        return all(row[name] == getattr(self, name) for name in ("part", "network", "strategy", "seed"))


def trained(recipe: Recipe, data: Data, *, weigh: bool) -> Row:
    """Train in a temporary folder, or return why it cannot be done; `weigh` adds the bytes of a step."""
    try:
        check(recipe, data)
        with tempfile.TemporaryDirectory() as folder:
            run = Run.create(Path(folder) / "run", recipe)
            for _ in start(run, data):
                pass
            metrics = run.metrics
    except (InputError, Diverged) as error:
        return {"reason": str(error)}
    held_out = metrics["test"] or metrics["val"]
    row = {"accuracy": held_out["accuracy"], "n": held_out["n"], "seconds": metrics["seconds"], "epochs": recipe.epochs}
    memory = Step(recipe, data).memory() if weigh else None
    return row | {"parameters": metrics["trained_parameters"], "memory": memory}


def scratch(recipe: Recipe, raw: Data, seed: int, epochs: int, *, weigh: bool) -> Row:
    """`convatlas train`, in batches as small as those of fine-tuning: as many steps per epoch."""
    same = {name: getattr(recipe, name) for name in ("val_share", "crop", "flip")}
    fresh = default(recipe.model, recipe.data, epochs=epochs, batch_size=recipe.batch_size, seed=seed, **same)
    return trained(fresh, with_statistics(fresh, raw), weigh=weigh)


@cache
def photographs_of(network: str, weights: str, folder: str, epochs: int | None) -> tuple[Recipe, Data, Data]:
    """The default recipe, the images prepared for it, and for a network without weights; opened once."""
    recipe, data, _ = plan_tuning(network, weights, folder, {"epochs": epochs} if epochs else {})
    return recipe, data, open_data(default(network, folder))


def photographs(options: argparse.Namespace) -> Iterator[Task]:
    """Ants and bees, or any folder of photographs with a val folder."""
    for seed in range(options.seeds):
        for network in options.networks or PHOTOGRAPHERS:
            weights = str(options.weights_dir / PHOTOGRAPHERS[network])
            opened = partial(photographs_of, network, weights, options.data, options.epochs)

            def tune(strategy: str, seed: int = seed, opened: Any = opened) -> Row:
                recipe, data, _ = opened()
                return trained(replace(recipe, strategy=strategy, seed=seed), data, weigh=seed == 0)

            def learn(longer: int, seed: int = seed, opened: Any = opened) -> Row:
                recipe, _, raw = opened()
                return scratch(recipe, raw, seed, longer or recipe.epochs, weigh=seed == 0)

            task = partial(Task, "photographs", network, seed=seed)
            if seed == 0:
                yield task(REGRESSION, measure=partial(regression, network, weights, Path(options.data)))
            for strategy in options.strategies or STRATEGIES:
                yield task(strategy, measure=partial(tune, strategy))
            for longer in (0, options.scratch_epochs) if options.scratch_epochs else (0,):
                yield task(f"scratch, {longer} epochs" if longer else "scratch", measure=partial(learn, longer))


def regression(network: str, weights: str, root: Path) -> Row:
    """Logistic regression, C = 1, on standardized inputs of the head: nothing in it is chosen or random."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from convatlas.features import FeatureExtractor

    began = time.perf_counter()
    paths, labels = {}, {}
    for split in ("train", "val"):
        paths[split] = sorted(path for path in (root / split).glob("*/*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
        labels[split] = [path.parent.name for path in paths[split]]
    model = make_pipeline(FeatureExtractor(network, weights=weights), StandardScaler(), LogisticRegression(max_iter=1000))
    model.fit(paths["train"], labels["train"])
    accuracy = float(model.score(paths["val"], labels["val"]))
    size = model[-1].coef_.size + model[-1].intercept_.size
    seconds = time.perf_counter() - began
    return {"accuracy": accuracy, "n": len(labels["val"]), "seconds": seconds, "epochs": 0, "parameters": size, "memory": None}


def fashion(options: argparse.Namespace) -> Iterator[Task]:
    """Fifty training images of each class, different for each seed, and all test images."""
    weights = str(options.weights_dir / "resnet20_cifar10.pth")

    @cache
    def opened(seed: int) -> tuple[Recipe, Data, Data]:
        with tempfile.TemporaryDirectory() as folder:
            path = few(options.data_dir, seed, Path(folder) / "fashion.npz", options.test_images)
            settings = {"val_share": 0.0, "crop": 2, "flip": True} | ({"epochs": options.epochs} if options.epochs else {})
            recipe, data, _ = plan_tuning("resnet20", weights, str(path), settings)
            return recipe, data, load(str(path), val_share=0.0)

    def tune(strategy: str, seed: int) -> Row:
        recipe, data, _ = opened(seed)
        return trained(replace(recipe, strategy=strategy, seed=seed), data, weigh=False)

    def learn(times: int, seed: int) -> Row:
        recipe, _, raw = opened(seed)
        return scratch(recipe, raw, seed, epochs=times * recipe.epochs, weigh=False)

    for seed in range(options.seeds):
        task = partial(Task, "fashion", "resnet20", seed=seed)
        for strategy in options.strategies or CLOTHES:
            yield task(strategy, measure=partial(tune, strategy, seed))
        yield task("scratch", measure=partial(learn, 1, seed))
        yield task(f"scratch, {LONGER} times the epochs", measure=partial(learn, LONGER, seed))


def few(data_dir: Path, seed: int, path: Path, test_images: int | None) -> Path:
    """An .npz with equally many training images of each class, drawn with the seed, and the test images."""
    whole = load("fashion_mnist", data_dir=data_dir, val_share=0)
    if whole.test is None:
        raise InputError("Fashion-MNIST has test images")
    labels = whole.train.labels.numpy()
    chance = np.random.default_rng(seed)
    chosen = np.concatenate([chance.choice(np.flatnonzero(labels == c), PER_CLASS, replace=False) for c in range(10)])
    x_train = whole.train.pixels(torch.from_numpy(chosen))[:, 0].numpy()
    x_test = whole.test.pixels(torch.arange(test_images or len(whole.test)))[:, 0].numpy()
    y_test = whole.test.labels.numpy()[: len(x_test)]
    np.savez(path, x_train=x_train, y_train=labels[chosen], x_test=x_test, y_test=y_test, classes=np.array(whole.classes))
    return path


def neighbors(options: argparse.Namespace) -> Iterator[Task]:
    """The input of the head of a network that was trained on the same training images, measured on test images."""

    @cache
    def vectors() -> tuple[Any, ...]:
        from convatlas.features.extract import PENULTIMATE
        from convatlas.runs.images import open_images
        from convatlas.runs.network import NetworkRequest
        from convatlas.studies.embed import BATCH, open_embedder
        from convatlas.studies.probe import vectors_of_layers

        embedder = open_embedder(NetworkRequest("resnet20", str(options.weights_dir / "resnet20_cifar10.pth")), options.cifar10)
        parts = [
            vectors_of_layers(embedder, open_images(options.cifar10, part, embedder.network), (PENULTIMATE,), BATCH)
            for part in ("train", "test")
        ]
        (x, y), (u, v) = ((of[PENULTIMATE], labels) for of, labels in parts)
        some = np.random.default_rng(0).permutation(len(y))[: options.images]
        return embedder.network.model, x[some], y[some], u, v

    def by(way: str) -> Row:
        from convatlas.features.evaluate import knn_accuracy, linear_accuracy

        model, x, y, u, v = vectors()
        began = time.perf_counter()
        extra: Row = {}
        if way.startswith("k-NN"):
            accuracy = knn_accuracy(x, y, u, v, K)
        elif way == "its own head":
            head = model.get_submodule(variant("resnet20").family.heads[0])
            with torch.inference_mode():
                accuracy = float((head(torch.from_numpy(u)).argmax(1).numpy() == v).mean())
        else:
            line = linear_accuracy(x, y, u, v)
            accuracy, extra = line.accuracy, {"strength": line.strength}
        seconds = time.perf_counter() - began
        return {"accuracy": accuracy, "n": len(v), "trained": len(y), "width": x.shape[1], "seconds": seconds, **extra}

    for way in ("its own head", f"k-NN, k = {K}", "linear evaluation"):
        yield Task("neighbors", "resnet20", way, 0, partial(by, way))


def logged(path: Path, settings: Row) -> list[Row]:
    """The rows that were measured with these settings, without an incomplete last line."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        if row["settings"] == settings:
            rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=PARTS, help="what to measure; nothing if not given")
    parser.add_argument("--log", type=Path, default=Path("runs/transfer.jsonl"))
    parser.add_argument("--write", type=Path, help="document whose tables are replaced")
    parser.add_argument("--minutes", type=float, default=math.inf, help="begin no run after so many")
    parser.add_argument("--data", default="hymenoptera", help="photographs: folder with train and val")
    parser.add_argument("--data-dir", type=Path, help="fashion: folder that holds the data sets")
    parser.add_argument("--cifar10", help="neighbors: an .npz with x_train y_train x_test y_test")
    parser.add_argument("--weights-dir", type=Path, default=Path("weights"))
    parser.add_argument("--networks", nargs="+", choices=PHOTOGRAPHERS, help="photographs: which")
    parser.add_argument("--strategies", nargs="+", help="which, beside scratch")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--scratch-epochs", type=int, default=0, help="photographs: scratch once more, with so many epochs")
    parser.add_argument("--epochs", type=int, help="other than the recipe's, for a trial")
    parser.add_argument("--test-images", type=int, help="fashion: fewer, for a trial")
    parser.add_argument("--images", type=int, help="neighbors: training images, all if not given")
    options = parser.parse_args()
    settings = {name: getattr(options, name) for name in ("epochs", "test_images", "images")}
    rows, began = logged(options.log, settings), time.perf_counter()
    options.log.parent.mkdir(parents=True, exist_ok=True)
    tasks = {"photographs": photographs, "fashion": fashion, "neighbors": neighbors}
    for task in tasks[options.part](options) if options.part else ():
        if any(task.is_of(row) for row in rows):
            continue
        if time.perf_counter() - began > 60 * options.minutes:
            break
        start_of_task = time.perf_counter()
        named = {"part": task.part, "network": task.network, "strategy": task.strategy, "seed": task.seed}
        row: Row = named | task.measure() | {"settings": settings, "machine": machine()}
        rows.append(row)
        with options.log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        outcome = row.get("reason") or f"{100 * row['accuracy']:.2f} %"
        print(*named.values(), outcome, f"{time.perf_counter() - start_of_task:.1f} s", sep="  ", flush=True)
    tables = {"photographs": of_photographs, "fashion": of_fashion, "neighbors": of_neighbors}
    for part, table in tables.items():
        if own := [row for row in rows if row["part"] == part]:
            text = "\n".join([*table(own), "", f"Machine: {'; '.join(dict.fromkeys(row['machine'] for row in own))}."])
            print(f"\n{text}")
            if options.write:
                put(options.write, part, text)


if __name__ == "__main__":
    main()
