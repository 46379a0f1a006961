"""A run has its images as it began: held in memory, or decoded each epoch."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from convatlas.data import Streamed, from_files
from convatlas.engine.events import Started
from convatlas.engine.recipe import Recipe
from convatlas.engine.record import Run
from convatlas.runs.build import open_data
from convatlas.runs.storage import storage_of_run, with_storage_of
from convatlas.runs.training import start

SETTINGS = {"model": "lenet5", "image_size": 32, "epochs": 1, "batch_size": 8, "workers": 0, "precision": "32", "device": "cpu"}


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    for label, tint in (("blue", 2), ("red", 0)):
        folder = tmp_path / "pictures" / label
        folder.mkdir(parents=True)
        for i in range(12):
            x = torch.randint(0, 128, (40, 40, 3), generator=torch.Generator().manual_seed(i), dtype=torch.uint8)
            x[..., tint] += 100
            Image.fromarray(x.numpy()).save(folder / f"{i}.png")
    return Recipe(data=str(tmp_path / "pictures"), **SETTINGS)


def notes_of(run: Run) -> tuple[str, ...]:
    return next(event.notes for event in start(run) if isinstance(event, Started))


def test_f25_a_run_goes_on_with_its_images_as_it_began(recipe, tmp_path, monkeypatch):
    run = Run.create(tmp_path / "run", recipe)
    assert not [note for note in notes_of(run) if "decoded" in note]
    assert storage_of_run(run) == "held in memory"
    monkeypatch.setattr(from_files, "free_memory", lambda: 2e5)  # too little for a quarter, enough for all
    assert isinstance(open_data(recipe).train, Streamed)
    assert not [note for note in notes_of(run) if "images are" in note]
    assert open_data(with_storage_of(recipe, [run.path])).storage == "held in memory"
    monkeypatch.setattr(from_files, "free_memory", lambda: 1)
    assert "the images are decoded each epoch now and were held in memory when the run began" in notes_of(run)[0]


def test_f25_another_machine_says_that_it_decodes_them(recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(from_files, "free_memory", lambda: 1)
    run = Run.create(tmp_path / "run", recipe)
    assert "images are decoded each epoch, for lack of memory or by --resident-share" in notes_of(run)[0]
    assert storage_of_run(run) == "decoded each epoch"
    monkeypatch.setattr(from_files, "free_memory", lambda: 1e12)
    assert open_data(with_storage_of(recipe, [run.path])).storage == "decoded each epoch"
    assert open_data(with_storage_of(recipe, [tmp_path / "none"])).storage == "held in memory"
