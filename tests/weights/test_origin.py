"""What weights ask of a network is done for it, and stays with a run."""

import json
from pathlib import Path

import pytest

from convatlas.engine.recipe import Recipe
from convatlas.errors import InputError
from convatlas.models import create_model, create_on_meta, settings_of_weights
from convatlas.runs.build import with_weight_settings
from convatlas.runs.class_names import class_numbers
from convatlas.runs.training import is_recipe_of
from convatlas.weights import classes, find, load
from convatlas.weights.origin import nearest_published, published_as

SWITCH = {"transform_input": True}


def test_a_tag_and_a_files_name_lead_to_the_checkpoint(tmp_path, monkeypatch):
    row = find("mobilenet_v2", "imagenet1k_v2")
    assert published_as("mobilenet_v2", "IMAGENET1K_V2") == published_as("mobilenet_v2", f"somewhere/{row.file}") == row
    assert published_as("mobilenet_v2", Path(row.file).with_suffix(".safetensors")) == row
    assert published_as("mobilenet_v2", "mine.pth") is None
    assert published_as("mobilenet_v2", Path("imagenet1k_v2")) is None
    assert published_as("resnet18", row.file) is None
    monkeypatch.chdir(tmp_path)
    (tmp_path / "default").touch()  # a file goes before a tag, as it does where it is read
    assert published_as("mobilenet_v2", "default") is None
    with pytest.raises(InputError, match="unknown weights of mobilenet_v2"):
        published_as("mobilenet_v2", "imagenet1k_v3")


def test_a_file_of_ones_own_is_like_the_networks_first_published_one():
    assert nearest_published("mobilenet_v2", "imagenet1k_v2") == find("mobilenet_v2", "imagenet1k_v2")
    assert (
        nearest_published("mobilenet_v2", "mine.pth")
        == nearest_published("mobilenet_v2", None)
        == find("mobilenet_v2", "imagenet1k_v1")
    )
    assert nearest_published("resnet20", "mine.pth") is None


def test_published_weights_bring_switches_and_image_size(monkeypatch):
    assert settings_of_weights("googlenet", "default") == (SWITCH, 224)
    assert settings_of_weights("regnet_y_16gf", "imagenet1k_swag_e2e_v1") == ({}, 384)
    assert settings_of_weights("googlenet", None) == settings_of_weights("googlenet", "mine.pth") == ({}, None)
    file = Path(find("googlenet").file)
    monkeypatch.setattr(load, "read", lambda _: create_on_meta("googlenet").state_dict())
    assert create_model("googlenet", weights=file, device="meta").transform_input
    assert not create_model("googlenet", weights=file, device="meta", transform_input=False).transform_input
    assert not create_model("googlenet", weights="mine.pth", device="meta").transform_input


def test_a_run_keeps_what_its_weights_asked_for(tmp_path):
    begun = with_weight_settings(Recipe(model="googlenet", weights="default"))
    assert begun == with_weight_settings(begun)
    assert begun.model == "googlenet:transform_input=True"
    other = Recipe(model="googlenet:transform_input=False", weights="default")
    assert with_weight_settings(other) == other
    assert with_weight_settings(Recipe(model="resnet18", weights="default")).model == "resnet18"
    assert is_recipe_of(begun, "googlenet")
    assert is_recipe_of(begun, begun.model)
    assert not is_recipe_of(begun, "googlenet:transform_input=False")
    (tmp_path / "recipe.json").write_text(json.dumps(begun.to_json()))
    assert settings_of_weights("googlenet", tmp_path) == (SWITCH, None)
    assert settings_of_weights("resnet18", tmp_path) == ({}, None)


def test_folders_are_matched_with_classes_by_wordnet_id(shared):
    names, facts = classes(), json.loads((shared / "imagenet_class_index.json").read_text())
    ids = [facts[str(i)][0] for i in range(1000)]
    assert class_numbers(ids, names, Path()) == list(range(1000))
    assert class_numbers(["n02110185", "n01440764", "n02085620-Chihuahua"], names, Path()) == [250, 0, 151]
    with pytest.raises(InputError, match=r"has n00000001, of 2 folders: no WordNet id of ImageNet's 1000 classes"):
        class_numbers(["n01440764", "n00000001"], names, Path())
    with pytest.raises(InputError, match="unknown class"):  # the network names other classes
        class_numbers(["n01440764", "n01443537"], ("a", "b", "c"), Path())


def test_folders_are_matched_with_classes():
    names = classes()
    assert class_numbers(names, names, Path()) == list(range(1000))
    assert class_numbers(["Cardigan", "cardigan", "HEN", "great_grey owl", "jack-o-lantern"], names, Path()) == [
        264,
        474,
        8,
        24,
        607,
    ]
    others = [f"kind {i}" for i in range(1000)]
    assert class_numbers(others, names, Path()) == list(range(1000))
    assert class_numbers([str(i) for i in (3, 999)], names, Path()) == [3, 999]
