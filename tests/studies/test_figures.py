import json
from types import SimpleNamespace

import pytest
import torch

from convatlas.data import Resident
from convatlas.engine.recipe import Recipe
from convatlas.engine.record import Run
from convatlas.studies.figures import fastest_training, held_out_pixels, in_precision_of, machine_of_runs


@pytest.fixture
def run_of(tmp_path):
    """A run folder that was computed so."""

    def create(name, **machine):
        run = Run.create(tmp_path / name, Recipe())
        if machine:
            data = {"classes": [], "channels": 1, "size": [8, 8], "mean": [0.5], "std": [0.5]}
            (run.path / "env.json").write_text(json.dumps(machine | {"image_size": 8, "data": data}))
        return run

    return create


def test_the_machine_of_runs_is_what_they_share_or_all_of_it(run_of):
    a, b = run_of("a", precision="bf16", threads=1), run_of("b", precision="bf16", threads=2)
    assert machine_of_runs([a, b, run_of("c")]) == {"precision": "bf16", "threads": "1 or 2"}
    assert machine_of_runs([a]) == {"precision": "bf16", "threads": 1}
    assert machine_of_runs([]) == {"precision": None, "threads": None}


def test_the_load_is_that_of_the_fastest_run():
    runs = [{"images_per_second": 90.0, "other_load": 0.5}, {"images_per_second": 100.0}]
    assert fastest_training(runs) == {"training_images_per_second": 100.0, "training_other_load": None}
    assert fastest_training(runs[:1])["training_other_load"] == 0.5
    assert fastest_training([]) == {"training_images_per_second": None, "training_other_load": None}


def test_every_seed_of_a_network_takes_the_precision_of_the_first(run_of, tmp_path):
    first = run_of("first", precision="bf16", threads=1).path
    assert in_precision_of(first, Recipe(seed=1)) == Recipe(seed=1, precision="bf16")
    assert in_precision_of(first, Recipe(precision="32")) == Recipe(precision="32")
    assert in_precision_of(run_of("new").path, Recipe()) == Recipe()
    assert in_precision_of(tmp_path / "none", Recipe()) == Recipe()


@pytest.mark.parametrize(("there", "drawn"), [(6, 3), (5, 0)])
def test_answers_are_not_drawn_beside_other_images(there, drawn):
    data = SimpleNamespace(test=Resident(torch.zeros(there, 1, 4, 4, dtype=torch.uint8), torch.zeros(there, dtype=torch.int64)))
    rows = [{"predictions": [{"index": i} for i in (0, 2, 5)]}]
    assert len(held_out_pixels(data, rows)) == drawn
