"""A network's name is read once, in either spelling, and says what is wrong with it."""

import pytest
import torch

from convatlas.errors import InputError
from convatlas.models import Variant, create_on_meta, model_info, variant
from convatlas.models.variant import parse, write_name


@pytest.mark.parametrize(
    ("name", "changes", "canonical"),
    [
        ("resnet20", {}, "resnet20"),
        ("resnet20:depths=3-3-3,width=32", {"depths": (3, 3, 3), "width": 32}, "resnet20:depths=3-3-3,width=32"),
        ("resnet20:depths=(3, 3, 3), width=32", {"depths": (3, 3, 3), "width": 32}, "resnet20:depths=3-3-3,width=32"),
        ("resnet20:depths=[3, 4, 5]", {"depths": (3, 4, 5)}, "resnet20:depths=3-4-5"),
        ("resnet20:depths=4", {"depths": (4, 4, 4)}, "resnet20:depths=4-4-4"),
        ("resnet20:n=4", {"depths": (4, 4, 4)}, "resnet20:depths=4-4-4"),  # what older run folders call it
        ("densenet121:depths=2", {"depths": (2,)}, "densenet121:depths=(2,)"),
        ("densenet121:depths=2-4", {"depths": (2, 4)}, "densenet121:depths=2-4"),
        ("mobilenet_v2:shortcut=false", {"shortcut": False}, "mobilenet_v2:shortcut=False"),
        ("mobilenet_v2:shortcut=no", {"shortcut": False}, "mobilenet_v2:shortcut=False"),
        ("resnet20:shortcut=False", {"shortcut": "none"}, "resnet20:shortcut=none"),  # as older run folders have it
        ("plain20:shortcut=yes", {"shortcut": "A"}, "plain20:shortcut=A"),
        ("resnet20:norm=group,kernel=5", {"norm": "group", "kernel": 5}, "resnet20:norm=group,kernel=5"),
        ("resnet50:dilated=false-true-true", {"dilated": (False, True, True)}, "resnet50:dilated=False-True-True"),
        ("convnext_tiny:scale=1e-6", {"scale": 1e-6}, "convnext_tiny:scale=1e-06"),
        ("convnext_tiny:drop_path=0", {"drop_path": 0}, "convnext_tiny:drop_path=0"),
    ],
)
def test_a_name_in_either_spelling_is_one_variant(name: str, changes: dict, canonical: str) -> None:
    network = variant(name)
    assert (network.name, network.changes, network.base) == (canonical, changes, name.partition(":")[0])
    assert variant(canonical) == network
    assert variant(network) is network
    assert network.spec == variant(network.base).with_changes(changes).spec
    assert network.native is network.family.native_of(network.base)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("resnet20:depths=3-3", "depths of resnet20 needs 3 positive whole numbers such as 3-3-3, got 3-3"),
        ("resnet20:depths=3-0-3", "depths of resnet20 needs 3 positive whole numbers such as 3-3-3, got 3-0-3"),
        ("resnet20:depths=(3,-3,3)", r"such as 3-3-3, got \(3, -3, 3\)"),
        ("resnet20:depths=((3,3),3)", r"such as 3-3-3, got \(\(3, 3\), 3\)"),
        ("resnet20:width=wide", "width of resnet20 needs a whole number such as 16, got wide"),
        ("resnet20:width='wide'", "width of resnet20 needs a whole number such as 16, got wide"),
        ("resnet20:width=1.5", "width of resnet20 needs a whole number such as 16, got 1.5"),
        ("resnet20:width=3-3", "width of resnet20 needs a whole number such as 16, got 3-3"),
        ("mobilenet_v2:shortcut=1", "shortcut of mobilenet_v2 needs True or False, got 1"),
        ("resnet20:shortcut=C", "shortcut of resnet20 needs A, B or none, got C"),
        ("resnet20:norm=layer", "norm of resnet20 needs batch, group or none, got layer"),
        ("convnext_tiny:drop_path=much", "drop_path of convnext_tiny needs a number such as 0.1, got much"),
        ("resnet50:dilated=1-1-1", "dilated of resnet50 needs 3 switches such as False-False-False, got 1-1-1"),
        ("resnet20:depth=3-3-3", "unknown ablation of resnet20 'depth': did you mean depths"),
        ("resnet20:depths=3--3-3", "cannot read 'depths=3--3-3'"),
        ("resnet20:depths=3-3-x", "cannot read 'depths=3-3-x'"),
        ("resnet20:depths=-3-3-3", "cannot read"),
        ("resnet20:depths=3.0-3-3", "cannot read"),
        ("resnet20:depths=03-3-3", "cannot read"),
        ("resnet20:depths=3+3+3", "cannot read"),
        ("resnet20:", None),
    ],
)
def test_an_error_names_the_field_what_it_needs_and_what_came(name: str, words: str | None) -> None:
    if words is None:
        assert variant(name).changes == {}
        return
    with pytest.raises(InputError, match=words):
        variant(name)


def test_negative_numbers_are_read_and_refused_by_the_network_alone() -> None:
    assert variant("resnet20:width=-16").changes == {"width": -16}
    with pytest.raises(InputError, match=r"resnet20 cannot be built with \{.width.: -16\}"):
        create_on_meta("resnet20:width=-16")


def test_an_even_kernel_is_refused_by_the_network() -> None:
    with pytest.raises(InputError, match="kernel needs to be odd"):
        create_on_meta("resnet20:kernel=4")


def test_texts_are_written_bare_where_they_can_be() -> None:
    changes = {"a": "gelu", "b": "true", "c": "two words", "d": "None", "e": "3-3", "f": -1, "g": ()}
    assert write_name("x", changes) == "x:a=gelu,b='true',c='two words',d='None',e='3-3',f=-1,g=()"
    assert parse(write_name("x", changes)) == ("x", changes)


def test_functions_take_a_variant_in_place_of_its_name() -> None:
    network: Variant = variant("resnet20:width=8")
    assert create_on_meta(network).conv1.weight.shape == (8, 3, 3, 3)
    assert create_on_meta(network, width=4).conv1.weight.shape == (4, 3, 3, 3)
    assert model_info(variant("resnet20")) == model_info("resnet20")


def test_depths_of_a_cifar_resnet_may_differ() -> None:
    model = create_on_meta("resnet20:depths=1-2-3")
    assert [len(model.get_submodule(f"layer{i}")) for i in (1, 2, 3)] == [1, 2, 3]
    with torch.device("meta"):
        assert model(torch.empty(1, 3, 32, 32)).shape == (1, 10)
