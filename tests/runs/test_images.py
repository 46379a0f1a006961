"""Image sets are divided as the run divides them: what a probe judges on is nothing that the run has learned from."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from convatlas.data import load
from convatlas.engine.recipe import Recipe
from convatlas.engine.record import Run
from convatlas.errors import InputError
from convatlas.runs.build import open_data
from convatlas.runs.images import ImageSet, open_images, read_images
from convatlas.runs.network import NetworkRequest, OpenNetwork, load_run, open_network
from convatlas.runs.training import start
from convatlas.studies.probe import probe

QUICK: dict[str, Any] = {"epochs": 1, "batch_size": 16, "device": "cpu", "precision": "32"}
SPLITS: list[dict[str, Any]] = [
    {"split_seed": 7},
    {"val_share": 0.3},
    {"folds": 3, "fold": 2},
    {"limit": 60, "split_seed": 3},
]


def paths(images: ImageSet) -> set[str]:
    return set(images.paths.tolist())


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    """One tree, of which training sets test and validation images aside."""
    root, rng = tmp_path_factory.mktemp("data") / "photos", np.random.default_rng(0)
    for name in ("blue", "red"):
        (root / name).mkdir(parents=True)
        for i in range(40):
            Image.fromarray(rng.integers(0, 256, (10, 12, 3), np.uint8)).save(root / name / f"{i:02d}.png")
    return root


def of_run(recipe: Recipe) -> OpenNetwork:
    """A network as it is opened from a run of this recipe."""
    network = open_network(NetworkRequest("lenet5", data="digits", seed=0))
    run = Run.__new__(Run)
    run.recipe, run.path = recipe, Path("nowhere")
    return OpenNetwork("lenet5", network.model, network.fresh, network.classes, network.preparation, "", run)


def learned_from(recipe: Recipe) -> tuple[set[bytes], set[bytes]]:
    """The pixels that training with a recipe learns from, and those it validates on."""
    names = ("val_share", "split_seed", "folds", "fold", "limit")
    data = load(recipe.data, **{name: getattr(recipe, name) for name in names})
    return pixels(data.train), pixels(data.val)


def pixels(images: Any) -> set[bytes]:
    import torch

    return {images.pixels(torch.tensor([i])).numpy().tobytes() for i in range(len(images))}


@pytest.mark.parametrize("split", SPLITS)
def test_a_set_is_divided_as_the_run_was(split):
    recipe = Recipe(model="lenet5", data="digits", **split)
    learned, validated = learned_from(recipe)
    train, val = (open_images("digits", part, of_run(recipe)) for part in ("train", "val"))
    assert pixels(train.images) == learned
    assert pixels(val.images) == validated
    assert not paths(train) & paths(val)
    whole = load("digits", val_share=0)
    numbers = [int(path.rpartition("/")[2]) for path in val.paths]
    assert np.array_equal(whole.train.labels.numpy()[numbers], val.labels)  # a path counts in the set's own order


@pytest.mark.parametrize("split", SPLITS)
def test_a_folder_is_divided_as_the_run_was(split, photos):
    recipe = Recipe(model="lenet5", data=str(photos), **split)
    options = {name: getattr(recipe, name) for name in ("val_share", "split_seed", "folds", "fold", "limit")}
    data = load(str(photos), image_size=32, resident_share=0, **options)
    parts = {part: open_images(str(photos), part, of_run(recipe)) for part in ("train", "val", "test")}
    for part, images in parts.items():
        own: Any = getattr(data, part)
        assert paths(images) == {str(own.path(i).relative_to(photos)) for i in range(len(own))}
    assert not paths(parts["train"]) & paths(parts["val"])
    assert not paths(parts["train"]) & paths(parts["test"])
    assert len(open_images(str(photos), "all", of_run(recipe))) == 80


def test_a_probe_of_a_run_judges_on_images_that_the_run_has_not_learned_from(tmp_path, monkeypatch):
    recipe = Recipe(model="lenet5", data="digits", folds=4, fold=1, split_seed=5, limit=160, **QUICK)
    list(start(Run.create(tmp_path / "fold-1", recipe)))
    learned, _ = learned_from(recipe)
    judged: dict[str, ImageSet] = {}

    def remember(data: str, split: str, *rest: Any) -> ImageSet:
        judged[split] = open_images(data, split, *rest)
        return judged[split]

    monkeypatch.setattr("convatlas.studies.probe.open_images", remember)
    result = probe(NetworkRequest(str(tmp_path / "fold-1")), "digits", ("penultimate",), k=3)
    assert (result.trained, result.judged) == (120, 40)
    assert not pixels(judged["val"].images) & learned
    assert pixels(judged["train"].images) == learned
    again = open_network(NetworkRequest("lenet5", str(tmp_path / "fold-1")))  # the run may stand with --weights as well
    assert paths(open_images("digits", "val", again)) == paths(judged["val"])


def test_a_network_of_no_run_takes_the_default_division():
    network = open_network(NetworkRequest("lenet5", data="digits", seed=0))
    default = Recipe(model="lenet5")
    assert pixels(open_images("digits", "val", network).images) == learned_from(default)[1]
    with pytest.raises(InputError, match="no val images"):
        open_images("digits", "val", of_run(Recipe(model="lenet5", val_share=0)))


def test_labels_are_places_until_classes_are_asked_for(photos):
    network = of_run(Recipe(model="lenet5"))
    images = open_images(str(photos), "all", network)
    assert images.images.labels.tolist() == list(range(80))
    assert images.with_classes().labels.tolist() == images.labels.tolist() == [0] * 40 + [1] * 40
    single = read_images([photos / "red" / "00.png"], network.preparation)
    assert (len(single), single.with_classes().labels.tolist()) == (1, [-1])


def test_a_run_opens_with_what_it_knows(tmp_path):
    recipe = Recipe(model="lenet5", limit=60, **QUICK)
    list(start(Run.create(tmp_path / "run", recipe)))
    network = load_run(tmp_path / "run")
    assert (network.recipe, network.name, network.channels) == (recipe, "lenet5", 1)
    assert network.image_size == network.preparation.image_size
    assert (network.mean, network.std) == (network.preparation.mean, network.preparation.std)
    assert set(network.metrics) >= {"test", "val"}
    assert not network.model.training
    learned, fresh = network.model.state_dict(), network.fresh().state_dict()
    assert learned.keys() == fresh.keys()
    assert not all(map(np.array_equal, learned.values(), fresh.values()))


def medmnist(folder: Path) -> Path:
    arrays = {}
    for k, (part, n) in enumerate({"train": 30, "val": 12, "test": 9}.items()):
        arrays[f"{part}_images"] = np.random.default_rng(k).integers(0, 256, (n, 8, 8), dtype=np.uint8)
        arrays[f"{part}_labels"] = np.arange(n)[:, None] % 3
    np.savez(folder / "mine.npz", **arrays)
    return folder / "mine.npz"


@pytest.mark.parametrize("split", [{}, {"limit": 9}, {"folds": 3, "fold": 1}])
def test_a_set_with_validation_images_of_its_own_is_divided_as_the_run_was(split, tmp_path):
    recipe = Recipe(model="lenet5", data=str(medmnist(tmp_path)), **split)
    learned, validated = learned_from(recipe)
    train, val = (open_images(recipe.data, part, of_run(recipe)) for part in ("train", "val"))
    assert pixels(train.images) == learned
    assert pixels(val.images) == validated
    assert len(open_images(recipe.data, "all", of_run(recipe))) == 51


def test_a_table_is_divided_as_the_run_was(tmp_path, photos):
    files = sorted(path.relative_to(photos).as_posix() for path in photos.rglob("*.*"))
    rows = [f"{file},{file.split('/')[0]},{i % 7}" for i, file in enumerate(files)]
    table = tmp_path / "labels.csv"
    table.write_text("\n".join(["where,kind,day", *rows]))
    columns = {"path_column": "where", "label_column": "kind", "group_by": "day"}
    recipe = Recipe(model="lenet5", data=str(table), data_dir=str(photos), image_size=32, **columns)
    data = open_data(recipe)
    train, val, every = (open_images(str(table), part, of_run(recipe), photos) for part in ("train", "val", "all"))
    assert (len(train), len(val), len(every)) == (len(data.train), len(data.val), len(files))
    assert not paths(train) & paths(val)
    days = [{rows[files.index(path)].rsplit(",", 1)[1] for path in part.paths} for part in (train, val)]
    assert not days[0] & days[1]
