"""VGG for small images is the course's network; runs of its older form stay readable."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from convatlas import load_run
from convatlas.engine.recipe import Recipe
from convatlas.engine.record import Run
from convatlas.models import CATALOG, count_parameters, create_model, create_on_meta, settings_of_weights
from convatlas.runs.training import start
from convatlas.weights import load_into

QUICK = {"data": "digits", "limit": 40, "epochs": 1, "batch_size": 8, "image_size": 32, "lr": 0.01}


@pytest.mark.parametrize(("depth", "convolutions"), [(11, 9_220_480), (13, 9_404_992), (16, 14_714_688), (19, 20_024_384)])
@pytest.mark.parametrize("norm", [False, True])
def test_small_images_have_five_pools_and_one_hidden_layer(depth: int, convolutions: int, norm: bool) -> None:
    model = create_on_meta(f"vgg{depth}{'_bn' * norm}", num_classes=10, image_size=32)
    assert sum(isinstance(layer, nn.MaxPool2d) for layer in model.features) == 5
    assert model.features(torch.empty(1, 3, 32, 32, device="meta")).shape == (1, 512, 1, 1)
    norms = sum(p.numel() for m in model.features if isinstance(m, nn.BatchNorm2d) for p in m.parameters())
    assert count_parameters(model) - norms == convolutions + 512 * 513 + 10 * 513
    assert [layer.p for layer in model.classifier if isinstance(layer, nn.Dropout)] == [0.5]


def test_the_course_s_small_vgg_11() -> None:
    assert count_parameters(create_on_meta("vgg11_bn", num_classes=10, image_size=32)) == 9_493_770


def test_the_older_form_is_a_keyword_away() -> None:
    model = create_on_meta("vgg11_bn:small_pools=3", num_classes=10, image_size=32)
    assert model.features(torch.empty(1, 3, 32, 32, device="meta")).shape == (1, 512, 4, 4)
    assert count_parameters(model) == 9_756_426
    with pytest.raises(ValueError, match="3 or 5 pools, got 4"):
        create_on_meta("vgg11:small_pools=4")


@pytest.fixture(scope="module")
def older_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder as it was written before the form was changed: its name has no keyword."""
    folder = tmp_path_factory.mktemp("older") / "run"
    list(start(Run.create(folder, Recipe(model="vgg11:small_pools=3,width=4", **QUICK))))
    recipe = json.loads((folder / "recipe.json").read_text(encoding="utf-8"))
    (folder / "recipe.json").write_text(json.dumps(recipe | {"model": "vgg11:width=4"}), encoding="utf-8")
    return folder


def test_a_run_of_the_older_form_loads_as_it_was(older_run: Path) -> None:
    assert settings_of_weights("vgg11", older_run)[0] == {"small_pools": 3, "width": 4}
    model = load_run(older_run).model
    assert sum(isinstance(layer, nn.MaxPool2d) for layer in model.features) == 3
    loaded = load_into(model, older_run, CATALOG["vgg11"])
    assert (loaded.fresh, loaded.dropped, loaded.adapted) == ((), (), ())


def test_its_file_of_weights_alone_is_recognized_as_well(older_run: Path) -> None:
    model = create_model("vgg11:width=4", num_classes=10, in_channels=1, image_size=32, weights=older_run / "model.safetensors")
    assert sum(isinstance(layer, nn.Linear) for layer in model.classifier) == 3


def test_it_goes_on_where_it_was_interrupted(older_run: Path) -> None:
    expected = (older_run / "model.safetensors").read_bytes()
    (older_run / "metrics.json").unlink()
    (older_run / "model.safetensors").unlink()
    list(start(Run.open(older_run)))
    assert (older_run / "model.safetensors").read_bytes() == expected
