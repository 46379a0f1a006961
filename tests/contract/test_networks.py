"""Every variant, on the meta device: what depends on classes, channels and sizes, and what comes out."""

import re
from dataclasses import asdict
from math import prod

import pytest
import torch
from catalogue import IMAGENET, KINDS, QUICK, SMALLEST, belongs, features, layout, logits, meta, shapes, tagged, without
from selection import MODERATE, networks
from torch import nn

from convatlas import catalog
from convatlas.anatomy.macs import macs
from convatlas.models import CATALOG, create_on_meta
from convatlas.models.family import SMALL
from convatlas.weights.load import DERIVED

LIGHT = ("lenet5_1998", "alexnet_2012", "resnet20", "squeezenet1_1", "vgg11", "vit_b_16", "tinyvgg")


@pytest.mark.parametrize("name", CATALOG)
def test_the_catalog_knows_the_parameters(name):
    assert layout(name)[1] == catalog.ROWS[name].parameters


@pytest.mark.parametrize("name", networks(SMALLEST, LIGHT, MODERATE))
def test_the_catalog_knows_the_costs(name):
    native = CATALOG[name].native_of(name)
    assert macs(create_on_meta(name), native.in_channels, native.image_size) == catalog.ROWS[name].macs


@pytest.mark.parametrize("name", networks(CATALOG, KINDS))
def test_only_the_heads_and_the_stem_depend_on_classes_and_channels(name):
    family, usual = CATALOG[name], shapes(name)
    changed = shapes(name, num_classes=3, in_channels=12)
    assert list(changed) == list(usual)
    stem = f"{family.stem}.weight"
    heads = [key for key in usual if belongs(key, *family.heads)]
    differ = [key for key in usual if changed[key] != usual[key] and not belongs(key, *family.auxiliary)]
    assert differ == [stem, *heads]
    assert changed[stem][1] == 12
    assert {changed[key] for key in heads} == {(3, *usual[key][1:]) for key in heads}


@pytest.mark.parametrize("name", networks(KINDS, QUICK, MODERATE))
def test_without_a_head_come_features_of_the_documented_width(name):
    family = CATALOG[name]
    native, whole = family.native_of(name), shapes(name)
    side = native.image_size
    model = create_on_meta(name, num_classes=0).eval()
    assert isinstance(model.get_submodule(family.heads[0]), nn.Identity)
    kept = [key for key in model.state_dict() if not belongs(key, *family.auxiliary)]
    assert kept == [key for key in whole if not belongs(key, *family.heads, *family.auxiliary)]
    assert all(whole[key] == tuple(value.shape) for key, value in model.state_dict().items() if key in kept)
    width = features(name, create_on_meta(name))
    assert model(meta(2, native.in_channels, side)).shape == (2, width)
    assert not documented(family, name) or width in documented(family, name)


def documented(family, name):
    """The widths that the line "num_classes 0 → (n, 512), or (n, 8 · width) …" gives for this variant; empty for mere words."""
    numbers = asdict(family.variants[name])
    line = re.search(r"num_classes 0 → (.*(?:\n +or .*)?)", family.build.__doc__)[1]
    found = set()
    for product in re.findall(r"\(n, ([^)]*)\)", line):
        factors = [numbers.get(word, word) for word in product.split(" · ")]
        if all(str(factor).isdigit() for factor in factors):
            found.add(prod(map(int, factors)))
    return found


@pytest.mark.parametrize("name", networks(IMAGENET, KINDS))
def test_small_form_keeps_every_name_and_the_shapes_of_all_but_the_stem(name):
    family, native, little = CATALOG[name], shapes(name), shapes(name, image_size=32)
    assert [key for key in native if key in little or not belongs(key, *family.sized)] == list(little)  # VGG has a layer less
    differ = [key for key in little if native[key] != little[key] and not key.endswith(DERIVED)]
    others = [key for key in differ if not belongs(key, family.stem, *family.sized)]
    if family.adapt:
        fits = {key: family.adapt(key, torch.zeros(native[key]), torch.zeros(little[key])) for key in others}
        others = [key for key in others if fits[key] is None or fits[key].shape != little[key]]
    assert not others


@pytest.mark.parametrize("name", networks(without("transformer", without("small-to-1x1", IMAGENET)), QUICK, KINDS))
def test_small_images_leave_a_map_of_4x4(name):
    """Seen where the last convolution writes: a pool after it could enlarge a single pixel."""
    model, maps = create_on_meta(name, num_classes=10, image_size=32).eval(), []
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda _, __, y: maps.append(tuple(y.shape[2:])))
    assert model(meta(2, 3, 32)).shape == (2, 10)
    assert min([size for size in maps if min(size) > 1][-1]) >= 4


@pytest.mark.parametrize(
    "sides", [(33, SMALL + 1), pytest.param((0, 34, 47, SMALL, 66, 67, 96, 131), marks=pytest.mark.thorough)]
)
@pytest.mark.parametrize("name", networks(KINDS, LIGHT, MODERATE))
def test_every_size_works_that_can_be_asked_for(name, sides):
    """The size it was built for, in training and evaluation alike; in evaluation an odd and oblong one, too."""
    native = CATALOG[name].native_of(name)
    for side in sorted(set(map(native.fitting_size, sides))):
        model = create_on_meta(name, num_classes=3, image_size=side)
        assert logits(model.train(side % 2 == 0)(meta(2, native.in_channels, side))).shape == (2, 3), side
        if not tagged(name, "fixed-size"):
            h, w = side + side % 2 + 1, side + 20
            assert model.eval()(meta(2, native.in_channels, h, w)).shape == (2, 3), (side, h, w)


@pytest.mark.parametrize("name", [name for name in KINDS if tagged(name, "fixed-size")])
def test_fixed_sizes_are_what_they_were_built_for(name):
    native = CATALOG[name].native_of(name)
    built = native.fitting_size(native.smallest)
    other = native.fitting_size(built + 8)
    assert create_on_meta(name, num_classes=3, image_size=built).eval()(meta(2, native.in_channels, built)).shape == (2, 3)
    with pytest.raises((RuntimeError, ValueError), match=r"\d"):
        create_on_meta(name, num_classes=3, image_size=built).eval()(meta(2, native.in_channels, other))


@pytest.mark.parametrize("name", [name for name in SMALLEST if CATALOG[name].auxiliary])
def test_auxiliary_heads_speak_in_training_alone(name):
    model = create_on_meta(name, num_classes=3)
    side = CATALOG[name].native_of(name).image_size
    output = model(meta(2, 3, side))
    assert isinstance(output, tuple)
    assert [tuple(each.shape) for each in output] == [(2, 3)] * (1 + len(CATALOG[name].auxiliary))
    assert isinstance(model.eval()(meta(2, 3, side)), torch.Tensor)


def test_vgg_for_small_images_has_a_small_classifier():
    layers = create_on_meta("vgg11_bn", num_classes=10, image_size=32).classifier
    linear = [(layer.in_features, layer.out_features) for layer in layers if isinstance(layer, nn.Linear)]
    assert linear == [(512, 512), (512, 10)]
    assert [layer.p for layer in layers if isinstance(layer, nn.Dropout)] == [0.5]
