"""The table of published weights, and images prepared as it says."""

import importlib.util
import inspect
import json
import re
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from torchvision.models import get_model, get_model_builder, get_model_weights, get_weight, list_models
from torchvision.transforms import InterpolationMode

import convatlas.weights
from convatlas.errors import InputError
from convatlas.weights import classes, find, frame, transforms
from convatlas.weights.checkpoints import ROWS, match_checkpoints

ROOT = Path(__file__).resolve().parents[2]
NAMES = list_models(module=torchvision.models)


def generator():
    place = importlib.util.spec_from_file_location("checkpoints", ROOT / "docs" / "write" / "checkpoints.py")
    module = importlib.util.module_from_spec(place)
    place.loader.exec_module(module)
    return module


def test_the_files_are_what_make_docs_writes():
    made = generator()
    assert made.checkpoints() == made.TABLE.read_text(encoding="utf-8")
    assert made.classes() == made.CLASSES.read_text(encoding="utf-8")
    assert made.page() == made.PAGE.read_text(encoding="utf-8")


def reference(row):
    return next(entry for entry in get_model_weights(row.name) if entry.name.lower() == row.tag)


def test_every_published_file_of_every_network_has_its_row():
    assert len(NAMES) == 80
    assert [(row.name, row.tag) for row in ROWS] == [(n, w.name.lower()) for n in NAMES for w in get_model_weights(n)]
    for row in ROWS:
        entry = reference(row)
        assert find(row.name, row.tag) is find(row.name, row.tag.upper()) is row
        assert row.default == (find(row.name) is row) == (entry is get_model_weights(row.name).DEFAULT)
        assert row.url == entry.url
        assert row.file.endswith(f"-{row.sha256}.pth")
        assert re.fullmatch(r"[0-9a-f]{8,10}", row.sha256)
        assert (row.acc1 is None) == (row.acc5 is None) == (row.tag == "imagenet1k_features")
        assert row.acc1 is None or 50 < row.acc1 < row.acc5 < 100
        assert row.image_size == row.crop <= row.resize
        assert row.license == ("CC-BY-NC-4.0" if "swag" in row.tag else "BSD-3-Clause")
        InterpolationMode(row.interpolation)
        json.dumps(asdict(row))


def test_switches_are_those_that_the_reference_knows():
    knowing = {name for name in NAMES if "transform_input" in inspect.getsource(inspect.getmodule(get_model_builder(name)))}
    assert knowing == {row.name for row in ROWS if row.switches} == {"googlenet", "inception_v3"}


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_switches_are_those_that_the_reference_turns_on(name, monkeypatch):
    monkeypatch.setattr("torchvision.models._api.WeightsEnum.get_state_dict", lambda *_, **__: {})
    monkeypatch.setattr(torch.nn.Module, "load_state_dict", lambda *_, **__: None)
    with torch.device("meta"):
        assert get_model(name, weights="DEFAULT").transform_input
        assert not get_model(name, init_weights=False).transform_input
    assert find(name).changes == {"transform_input": True}


def test_classes():
    assert len(classes()) == 1000
    assert (classes()[0], classes()[1], classes()[-1]) == ("tench", "goldfish", "toilet tissue")
    assert classes() == tuple(get_weight("ResNet50_Weights.IMAGENET1K_V2").meta["categories"])


@pytest.mark.parametrize(
    ("name", "tag", "words"),
    [
        (
            "resnet50",
            "imagenet1k_v3",
            r"unknown weights of resnet50 'imagenet1k_v3': .*imagenet1k_v1, imagenet1k_v2 \(default\)",
        ),
        ("resnet20", "default", "resnet20 has no published weights.* 80 networks have some, such as resnet"),
        ("resnet5O", "default", "unknown network 'resnet5O': did you mean .*resnet50"),
    ],
)
def test_what_is_not_there_is_answered_with_what_is(name, tag, words):
    with pytest.raises(InputError, match=words):
        find(name, tag)
    with pytest.raises(InputError):
        transforms(name, tag)


def test_patterns():
    assert [row.tag for row in match_checkpoints(["resnet50", "vit_l_32"])] == [
        "imagenet1k_v1",
        "imagenet1k_v2",
        "imagenet1k_v1",
    ]
    assert match_checkpoints([]) == list(ROWS)
    with pytest.raises(InputError, match="did you mean resnet50"):
        match_checkpoints(["resnet5O"])


def photo(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """Edges, slopes and noise."""
    rng = np.random.default_rng(width * height)
    x, y = np.meshgrid(np.linspace(0, 9, width), np.linspace(0, 7, height))
    waves = np.stack([np.sin(x * y), np.cos(x + y) > 0, x - y], 2) * 60 + 128 + rng.normal(0, 20, (height, width, 3))
    return Image.fromarray(waves.clip(0, 255).astype(np.uint8)).convert(mode)


KINDS = {(row.resize, row.crop, row.interpolation, row.mean): row for row in ROWS}


@pytest.mark.parametrize("row", KINDS.values(), ids=lambda row: f"{row.name}-{row.tag}")
def test_images_are_prepared_as_the_reference_does_it_bit_for_bit(row):
    ours, theirs = transforms(row.name, row.tag), reference(row).transforms()
    for image in (photo(500, 375), photo(*(row.crop // 2 + i for i in (7, 0)))):
        x = ours(image)
        assert torch.equal(x, theirs(image))
        assert (x.shape, x.dtype) == ((3, row.crop, row.crop), torch.float32)
        pixels = frame(row)(image)
        assert (pixels.shape, pixels.dtype) == (x.shape, torch.uint8)
        mean, std = (torch.tensor(values).view(3, 1, 1) for values in (row.mean, row.std))
        assert torch.equal((pixels / 255 - mean) / std, x)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr"])
def test_images_of_every_mode(mode):
    image = photo(300, 260, mode)
    x = transforms("resnet18")(image)
    assert torch.equal(x, reference(find("resnet18")).transforms()(image.convert("RGB")))


def test_the_room_offers_functions_under_the_names_users_type():
    assert inspect.isfunction(convatlas.weights.transforms)
    with pytest.raises(AttributeError, match="no attribute 'transfroms'"):
        _ = convatlas.weights.transfroms
