"""What a request asks for by mistake, a run where a network stands or a number that is none, ends in a sentence."""

from types import SimpleNamespace

import pytest
import torch

from convatlas import create_encoder, create_model
from convatlas.engine.recipe import Recipe
from convatlas.errors import InputError
from convatlas.features.extractor import FeatureExtractor
from convatlas.models import variant
from convatlas.runs.finetuning import network_and_weights, plan_tuning
from convatlas.runs.network import NetworkRequest, open_network
from convatlas.runs.teacher import teacher_of
from convatlas.studies.rates import plan_run


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"num_classes": "10"}, "num_classes needs to be one whole number, got '10'"),
        ({"num_classes": 2.5}, r"num_classes needs to be one whole number, got 2\.5"),
        ({"num_classes": True}, "num_classes needs to be one whole number, got True"),
        ({"in_channels": "3"}, "in_channels needs to be one whole number"),
        ({"image_size": (32, 64)}, r"image_size needs to be one whole number, the pixels of a side, got \(32, 64\)"),
        ({"weights": True}, 'weights needs a tag such as "default", a file or a run folder, got True'),
        ({"weights": {"fc.weight": torch.ones(1)}}, "weights needs a tag"),
    ],
)
def test_f69_arguments_of_another_type_are_named(options, words):
    with pytest.raises(InputError, match=words):
        create_model("resnet20", **options)
    if "num_classes" not in options:
        with pytest.raises(InputError, match=words):
            create_encoder("resnet20", **options)
    if "weights" in options:
        with pytest.raises(InputError, match=words):
            open_network(NetworkRequest("resnet20", **options))


def test_a_name_that_is_none_is_named():
    with pytest.raises(InputError, match=r"needs the name of a network, .* got 18"):
        create_model(18)


@pytest.fixture
def run(tmp_path):
    (tmp_path / "dg").mkdir()
    (tmp_path / "dg" / "recipe.json").write_text("{}")
    return str(tmp_path / "dg")


def test_f60_a_run_has_weights_of_its_own(run):
    for ask in (
        lambda: network_and_weights(run, "a.pth"),
        lambda: open_network(NetworkRequest(run, "a.pth")),
        lambda: FeatureExtractor(run, weights="a.pth").fit([[0.0] * 64]),
    ):
        with pytest.raises(InputError, match="dg is a run and has weights of its own: leave --weights out"):
            ask()
    with pytest.raises(InputError, match="dg is a run folder, where the name of a network is needed"):
        variant(run)


@pytest.mark.parametrize(
    ("teacher", "words"),
    [
        ("resnet20", "--teacher resnet20 needs weights: write resnet20@default or resnet20@FILE, or name a run"),
        ("resnet20@{}", "names 10 classes, but two has 2: take a run that was trained on these"),
        ("rsnet20", "did you mean resnet20"),
    ],
)
def test_f59_a_teacher_that_cannot_teach_is_named(tmp_path, teacher, words):
    torch.save(create_model("resnet20").state_dict(), tmp_path / "a.pth")
    data = SimpleNamespace(name="two", classes=("a", "b"), channels=3, mean=(0.5,) * 3, std=(0.5,) * 3)
    with pytest.raises(InputError, match=words):
        teacher_of(Recipe(model="resnet20", data="two", teacher=teacher.format(tmp_path / "a.pth")), data)


@pytest.mark.slow
def test_f74_an_encoder_names_the_smallest_images():
    encoder = create_encoder("inception_v3")
    with pytest.raises(InputError, match=r"Inception.* needs images of at least 75x75, got 64x64"):
        encoder(torch.zeros(1, 3, 64, 64))


def test_f24_a_range_test_starts_with_the_head_that_tune_starts_with(tmp_path):
    torch.save(create_model("resnet20").state_dict(), tmp_path / "a.pth")
    recipe, _ = plan_run("resnet20", {"data": "digits", "weights": str(tmp_path / "a.pth")})
    plan, _, _ = plan_tuning("resnet20", str(tmp_path / "a.pth"), "digits", {})
    assert recipe == plan
    assert recipe.fresh_head
