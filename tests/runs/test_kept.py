"""A run remembers which files were for training, validation and test, and notices everywhere that its data has changed."""

import json
import shutil
from collections.abc import Callable
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
from convatlas.runs.images import open_data_of_run, open_images
from convatlas.runs.kept import learned_words
from convatlas.runs.network import load_run
from convatlas.runs.training import start
from convatlas.studies.compare import Comparison
from convatlas.studies.folds import CrossValidation

QUICK: dict[str, Any] = {"model": "lenet5", "epochs": 1, "batch_size": 16, "image_size": 32, "device": "cpu", "precision": "32",
                         "threads": 1}  # fmt: skip
Grow = Callable[..., Path]


@pytest.fixture
def grow(tmp_path: Path) -> Grow:
    """Adds pictures of each class to a folder, with names that come before and behind those that are there."""
    rng, names = np.random.default_rng(0), iter(np.random.default_rng(1).permutation(999).tolist())

    def make(count: int, *classes: str, root: str = "photos") -> Path:
        for name in classes or ("blue", "red"):
            (tmp_path / root / name).mkdir(parents=True, exist_ok=True)
            for _ in range(count):
                pixels = rng.integers(0, 256, (10, 12, 3), np.uint8)
                Image.fromarray(pixels).save(tmp_path / root / name / f"{next(names):03d}.png")
        return tmp_path / root

    return make


def train(folder: Path, recipe: Recipe) -> Run:
    list(start(Run.create(folder, recipe)))
    return Run.open(folder)


def paths(run: Run, *parts: str) -> set[str]:
    assert run.files is not None
    return {file.path for file in run.files.files if file.part in parts}


def names_of(run: Run, split: str = "test", data: Path | None = None) -> set[str]:
    place = str(data or run.recipe.data)
    return {*open_images(place, split, load_run(run.path)).paths.tolist()}


def test_no_training_picture_is_ever_in_the_test(tmp_path: Path, grow: Grow) -> None:
    """F03."""
    root = grow(20)
    run = train(tmp_path / "run", Recipe(data=str(root), **QUICK))
    parts = {part: paths(run, part) for part in ("train", "val", "test")}
    assert [len(names) for names in parts.values()] == [28, 4, 8]
    assert run.environment["data"]["digest"] == run.files.digest  # type: ignore[union-attr]
    network, before = load_run(run.path), json.loads((run.path / "env.json").read_text())["data"]
    grow(10)
    drawn_anew = load(str(root), image_size=16, resident_share=0)
    assert {str(drawn_anew.test.path(i).relative_to(root)) for i in range(12)} & parts[
        "train"
    ]  # what went wrong without a list
    data = open_data_of_run(network)
    assert data.warnings[0] == f"{root} has changed since the run began: 20 new images, not used"
    assert (len(data.train), len(data.val), len(data.test)) == (28, 4, 8)  # type: ignore[arg-type]
    assert [before["mean"], before["std"]] == [list(data.mean), list(data.std)]
    for part, names in parts.items():
        assert names_of(run, part) == names
    gone, changed, *_ = sorted(parts["test"])
    (root / gone).unlink()
    shutil.copy(root / min(parts["train"]), root / changed)
    with (root / changed).open("ab") as file:
        file.write(b"\0")  # another size
    assert names_of(run) == parts["test"] - {gone, changed}
    words = open_data_of_run(network).warnings[0]
    assert words.endswith(f"20 new images, not used; 1 image gone ({gone}); 1 image with other contents, not used ({changed})")


def test_a_new_class_is_told_and_a_folder_may_move(tmp_path: Path, grow: Grow) -> None:
    root = grow(10)
    run = train(tmp_path / "run", Recipe(data=str(root), **QUICK))
    names = paths(run, "test")
    grow(3, "wasps")
    network = load_run(run.path)
    assert "3 classes now, 2 then; 3 new images, not used" in open_data_of_run(network).warnings[0]
    root = root.rename(tmp_path / "moved")
    assert names_of(run, data=root) == names
    assert open_data_of_run(network, str(root)).classes == ("blue", "red")
    other = grow(10, root="other")  # another set of the kind is divided as before
    assert len(open_data_of_run(network, str(other)).test) == 4  # type: ignore[arg-type]
    replaced = grow(10)
    with pytest.raises(InputError, match=r"holds none of the 20 images that the run was trained and tested on, such as blue/"):
        open_data_of_run(network)
    shutil.rmtree(replaced)


def test_runs_without_a_list_are_opened_as_before(tmp_path: Path, grow: Grow) -> None:
    root = grow(10)
    run = train(tmp_path / "run", Recipe(data=str(root), **QUICK))
    (run.path / "files.json").unlink()
    grow(10)
    assert len(open_data_of_run(load_run(run.path)).test) == 8  # type: ignore[arg-type]
    (run.path / "files.json").write_text('{"format": 1, "files": [[1]]}')
    with pytest.raises(InputError, match=r"files\.json is damaged"):
        open_data_of_run(load_run(run.path))


def begun(folder: Path, recipe: Recipe) -> Run:
    """A run that was stopped after its first epoch."""
    run = Run.create(folder, recipe)
    for event in start(run):
        if type(event).__name__ == "Epoch":
            break
    return Run.open(folder)


def test_a_run_goes_on_with_its_own_files(tmp_path: Path, grow: Grow) -> None:
    """F06."""
    root = grow(10)
    recipe = Recipe(data=str(root), **QUICK | {"epochs": 2})
    run, listless = begun(tmp_path / "run", recipe), begun(tmp_path / "old", recipe)
    whole = train(tmp_path / "whole", recipe)
    grow(4, "wasps")
    grow(4)
    first, *_ = events = list(start(run))
    assert any("3 classes now, 2 then; 12 new images, not used" in words for words in first.warnings)  # type: ignore[union-attr]
    assert len(events) > 2
    weights = [(folder.path / "model.safetensors").read_bytes() for folder in (run, whole)]
    assert weights[0] == weights[1]  # to the last bit
    (listless.path / "files.json").unlink()
    with pytest.raises(InputError, match=r"photos has changed since .*old began: 3 classes now, 2 then; bring the data back"):
        list(start(listless))


def test_a_run_does_not_go_on_without_a_training_picture(tmp_path: Path, grow: Grow) -> None:
    root = grow(10)
    run = begun(tmp_path / "run", Recipe(data=str(root), **QUICK | {"epochs": 2}))
    name = min(paths(run, "train"))
    (root / name).unlink()
    with pytest.raises(InputError, match=rf"1 image of .* is gone or changed \({name}\): restore them, or start a new run"):
        list(start(run))


def test_all_runs_of_a_study_have_the_same_files(tmp_path: Path, grow: Grow) -> None:
    root = grow(12)
    recipe = Recipe(data=str(root), **QUICK)
    comparison = Comparison.create(tmp_path / "compared", [recipe], 2, "")
    first, second = comparison.trials(recipe)
    train(first.folder, first.recipe)
    grow(6)
    list(Comparison.open(tmp_path / "compared").run())
    one, other = Run.open(first.folder).files, Run.open(second.folder).files
    assert one is not None
    assert other is not None
    assert one.files == other.files
    (root / one.files[0].path).unlink()
    assert len(Comparison.open(tmp_path / "compared").data(recipe).train) in (16, 17)  # finished: what is there will do


def test_every_image_is_held_out_once_though_the_folder_grew_between_folds(tmp_path: Path, grow: Grow) -> None:
    root = grow(9)
    study = CrossValidation.create(tmp_path / "folds", Recipe(data=str(root), folds=3, limit=12, **QUICK))
    recipe, folder = study.runs()[0]
    before = train(folder, recipe)
    grow(9)
    list(study.run())
    runs = [Run.open(folder) for _, folder in study.runs()]
    held_out = [paths(run, "val") for run in runs]
    assert sum(map(len, held_out)) == len(set().union(*held_out)) == 12
    assert set().union(*held_out) == paths(before, "train", "val")
    assert {frozenset(paths(run, "test")) for run in runs} == {frozenset(paths(before, "test"))}
    (root / min(held_out[1])).unlink()  # a fold is not divided anew when a picture is gone
    assert names_of(runs[1], "val") == {*sorted(held_out[1])[1:]}


def test_what_a_run_has_learned_is_told_where_it_is_held_out(tmp_path: Path, grow: Grow) -> None:
    root = grow(20)
    run = train(tmp_path / "run", Recipe(data=str(root), **QUICK))
    recipe = Recipe(data=str(root), weights=str(run.path), **QUICK)
    assert learned_words(recipe, open_data(recipe)) == ()
    grow(10)
    [words] = learned_words(recipe, open_data(recipe))
    assert words.startswith(f"{run.path} has learned from ")
    assert "held out here: the figures on them will be too good" in words


def test_a_table_that_grew_is_tested_as_before(tmp_path: Path, grow: Grow) -> None:
    root = grow(20)
    rows = [f"{path.relative_to(tmp_path)},{path.parent.name},{path.stem[:1]}" for path in sorted(root.rglob("*.png"))]
    table = tmp_path / "labels.csv"
    table.write_text("\n".join(["path,label,day", *rows]))
    run = train(tmp_path / "run", Recipe(data=str(table), group_by="day", **QUICK))
    assert run.files is not None
    assert {file.group for file in run.files.files} >= {"1", "2", "3"}
    before = {part: paths(run, part) for part in ("train", "val", "test")}
    known = {*root.rglob("*.png")}
    grow(10)
    more = [f"{path.relative_to(tmp_path)},{path.parent.name},0" for path in sorted({*root.rglob("*.png")} - known)]
    table.write_text("\n".join(["path,label,day", *more, *rows]))
    for part, names in before.items():
        assert names_of(run, part) == names
    assert len(names_of(run, "all")) == 60
    assert open_data_of_run(load_run(run.path)).warnings[0].endswith("20 new images, not used")


def test_arrays_that_changed_are_not_gone_on_with(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays = {f"{name}_{part}": value for part, n in (("train", 40), ("test", 20)) for name, value in
              (("x", rng.integers(0, 255, (n, 16, 16), np.uint8)), ("y", np.arange(n) % 2))}  # fmt: skip
    place = tmp_path / "mine.npz"
    np.savez(place, **arrays)
    run = begun(tmp_path / "run", Recipe(data=str(place), **QUICK | {"epochs": 2}))
    digests = run.environment["data"]["digests"]
    assert digests.keys() == {"train", "test"}
    np.savez(place, **arrays | {"y_train": arrays["y_train"][::-1]})
    with pytest.raises(InputError, match="its training images or labels are others now"):
        list(start(run))
    np.savez(place, **arrays)
    finished = list(start(run))
    assert finished
    again = load_run(run.path)
    for name, refused, fine in (("test", "test", "val"), ("train", "val", "test")):
        np.savez(place, **arrays | {f"x_{name}": arrays[f"x_{name}"][::-1]})
        with pytest.raises(InputError, match=rf"{refused} images of .*mine\.npz are others than those of the run"):
            open_images(str(place), refused, again)
        assert len(open_images(str(place), fine, again))
    data = open_data_of_run(again)
    assert data.val is None
    assert "training images are others" in data.warnings[-1]
    np.savez(place, **arrays | {"x_test": arrays["x_test"][::-1]})
    with pytest.raises(InputError, match=r"test images of .* are others than those of the run"):
        open_data_of_run(again)
