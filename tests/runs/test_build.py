"""Networks with weights: which head they start with, and that all who ask for the start of a training get the same."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from convatlas import create_model
from convatlas.engine import session
from convatlas.engine.record import Run
from convatlas.runs.build import load_weights, start_model
from convatlas.runs.finetuning import plan_tuning
from convatlas.runs.training import start
from convatlas.studies.rates import plan_run, run_range_test


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A resnet20 for two classes, which are others than those of any test."""
    torch.manual_seed(1)
    save_file(create_model("resnet20", num_classes=2).state_dict(), tmp_path / "theirs.safetensors")
    return tmp_path / "theirs.safetensors"


def test_a_head_that_fits_is_kept_or_drawn_anew(weights: Path) -> None:
    theirs = load_file(weights)
    options = {"num_classes": 2, "in_channels": 3, "image_size": 32}
    for fresh in (False, True):
        model, loaded = load_weights("resnet20", weights, fresh_head=fresh, **options)
        differ = {name for name, value in model.state_dict().items() if not torch.equal(value, theirs[name])}
        assert differ == ({"fc.weight", "fc.bias"} if fresh else set())
        assert set(loaded.fresh) == differ
        assert len(loaded.kept) == len(theirs) - len(loaded.fresh)


class Started(Exception):
    """Training has begun."""


def test_the_range_test_starts_with_the_weights_that_tuning_starts_with(weights, tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    for i in range(12):
        place = tmp_path / "photos" / "ab"[i % 2] / f"{i}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), np.uint8)).save(place)
    options = {"image_size": 32, "batch_size": 4, "device": "cpu", "precision": "32", "epochs": 1, "strategy": "full"}
    states: list[dict[str, torch.Tensor]] = []

    def begin(_: object, model: torch.nn.Module, *__: object, **___: object) -> None:
        states.append({name: value.clone() for name, value in model.state_dict().items()})
        raise Started

    monkeypatch.setattr(session.Session, "__init__", begin)
    recipe, data, _ = plan_tuning("resnet20", str(weights), str(tmp_path / "photos"), options)
    assert recipe.fresh_head
    with pytest.raises(Started):
        list(start(Run.create(tmp_path / "run", recipe), data))
    same, images = plan_run("resnet20", {"weights": str(weights), "data": str(tmp_path / "photos"), **options})
    assert same == recipe
    with pytest.raises(Started):
        run_range_test(same, images, (1e-4, 1.0), 10)
    tuned, tested = states
    theirs = load_file(weights)
    assert all(torch.equal(tested[name], value) for name, value in tuned.items())
    assert not torch.equal(tuned["fc.weight"], theirs["fc.weight"])  # it fits, and names other classes
    assert torch.equal(tuned["conv1.weight"], theirs["conv1.weight"])
    assert torch.equal(start_model(recipe, data)[0].state_dict()["fc.weight"], tuned["fc.weight"])
