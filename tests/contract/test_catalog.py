"""What the catalog says of its networks is what they are, and what it is asked wrongly it answers helpfully."""

import importlib.util
import inspect
import json
import re
from dataclasses import asdict, fields
from pathlib import Path

import pytest
from torchvision import models as reference

from convatlas import catalog
from convatlas.errors import InputError
from convatlas.models import (
    CATALOG,
    FAMILIES,
    count_parameters,
    create_model,
    create_on_meta,
    list_models,
    model_info,
    variant,
)

ROOT = Path(__file__).resolve().parents[2]

SIZES = {
    "lenet5": 61_706, "lenet5_1998": 60_000, "alexnet": 61_100_840, "alexnet_2012": 60_965_224, "zfnet": 62_357_608,
    "vgg11": 132_863_336, "vgg16": 138_357_544, "vgg16_bn": 138_365_992, "googlenet": 13_004_888, "resnet18": 11_689_512,
    "resnet50": 25_557_032, "resnet20": 269_722, "resnet32": 464_154, "resnet44": 658_586, "resnet56": 853_018,
    "resnet110": 1_727_962, "preact_resnet18": 11_171_146, "wrn_28_10": 36_479_194, "squeezenet1_0": 1_248_424,
    "squeezenet1_1": 1_235_496, "densenet121": 7_978_856, "densenet_bc_100_12": 769_162, "resnext29_8x64d": 34_426_698,
    "resnext29_16x64d": 68_155_210, "mobilenet_v1_100": 4_231_976, "efficientnet_b0": 5_288_548,
    "efficientnet_lite0": 4_652_008, "tinyvgg": 19_920, "convnext_tiny": 28_589_128,
}  # fmt: skip


@pytest.mark.parametrize(("name", "parameters"), SIZES.items())
def test_published_sizes(name, parameters):
    assert count_parameters(create_on_meta(name)) == model_info(name).parameters == parameters


@pytest.mark.parametrize(
    ("name", "options", "parameters"),
    [
        ("lenet5", {"in_channels": 3}, 62_006),
        ("googlenet:auxiliary=False", {}, 6_624_904),
        ("googlenet_2014:auxiliary=False", {}, 6_998_552),
        ("preact_resnet18:last_norm=True", {}, 11_172_170),
        ("resnet18", {"num_classes": 10, "image_size": 32}, 11_173_962),
        ("vgg11_bn", {"num_classes": 10, "image_size": 32}, 9_493_770),
        ("vgg11", {"num_classes": 10, "image_size": 32}, 9_750_922 - 512 * 513),
        ("vgg19_bn", {"num_classes": 10, "image_size": 32}, 20_565_834 - 512 * 513),
        ("vgg11_bn:small_pools=3", {"num_classes": 10, "image_size": 32}, 9_756_426),
        ("vgg19_bn:small_pools=3", {"num_classes": 10, "image_size": 32}, 20_565_834),
        ("tinyvgg", {"hidden_units": 20}, 45_230),
        ("resnet50", {"groups": 32, "base_width": 4}, 25_028_904),
        ("resnet50:base_width=128", {}, 68_883_240),
        ("lenet5", {"trainable_pool": True, "table": True, "rbf": True, "scaled_tanh": True}, 60_000),
    ],
)
def test_sizes_of_small_forms_and_ablations(name, options, parameters):
    assert count_parameters(create_on_meta(name, **options)) == parameters


@pytest.mark.parametrize(("plain", "residual"), [("plain20", "resnet20"), ("plain56", "resnet56")])
def test_shortcuts_have_no_parameters(plain, residual):
    shapes = [{key: value.shape for key, value in create_on_meta(name).state_dict().items()} for name in (plain, residual)]
    assert shapes[0] == shapes[1]


@pytest.mark.thorough
def test_catalog_csv_is_what_the_networks_are():
    """`make docs` writes the file again."""
    place = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "write" / "generate.py")
    generate = importlib.util.module_from_spec(place)
    place.loader.exec_module(generate)
    assert generate.catalog() == (ROOT / "src/convatlas/catalog.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", CATALOG)
def test_a_variant_is_plain_numbers(name):
    spec = CATALOG[name].variants[name]
    assert variant(name).with_changes(json.loads(json.dumps(asdict(spec)))).spec == spec
    assert len(fields(spec)) <= 8


@pytest.mark.parametrize("name", CATALOG)
def test_model_info_is_complete(name):
    info, family = model_info(name), CATALOG[name]
    native = family.native_of(name)
    assert (info.name, info.family, info.papers) == (name, family.name, family.papers)
    assert (info.num_classes, info.in_channels, info.image_size) == (native.num_classes, native.in_channels, native.image_size)
    assert info.parameters > 0
    assert info.macs > 0
    assert info.spec == asdict(family.variants[name])
    assert 1998 <= info.papers[0].year <= info.year <= 2022
    assert re.fullmatch(r"[A-Z]\w+(-\d)?.*[:—] .+\.", info.idea)
    assert (info.top1 is None) == (info.top1_on == "") == (catalog.ROWS[name].top1_source == "")
    assert info.top1 is None or 50 < info.top1 < 100
    assert all(paper.authors and paper.title and paper.where for paper in info.papers)
    json.dumps(asdict(info))


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_family_files_are_readable(family):
    module = inspect.getmodule(family.build)
    assert module.__name__.endswith(f".{family.name}")
    assert len(inspect.getsource(module).splitlines()) <= 300
    for section in ("Papers", "Differs", "Names", *(["Small"] if family.native.num_classes == 1000 else [])):
        assert re.search(rf"^{section} +\S", module.__doc__, re.MULTILINE), section
    assert "Shapes   x (n, " in family.build.__doc__
    assert list(vars(module)).index("Spec") < list(vars(module)).index("VARIANTS") < list(vars(module)).index("FAMILY")
    assert list(family.variants) == [name for name in CATALOG if CATALOG[name] is family]
    assert {*family.natives, *family.years, *family.published} <= set(family.variants)


def test_every_classifier_of_torchvision_is_there():
    names = reference.list_models(module=reference)
    assert len(names) == 80
    assert not [name for name in names if name not in CATALOG]


def test_list_models():
    assert list_models() == list(CATALOG) == list(catalog.ROWS)
    assert len(list_models()) >= 110
    assert list_models("vgg1?_bn") == ["vgg11_bn", "vgg13_bn", "vgg16_bn", "vgg19_bn"]
    assert list_models("lenet*", task="classify") == ["lenet5", "lenet5_1998"]
    assert list_models("Resnet18") == []


def test_built_for():
    sizes = {"lenet5": 28, "resnet20": 8, "resnet18": 96}
    assert [variant(name).native.fitting_size(side) for name, side in sizes.items()] == [32, 16, 96]


def test_a_string_carries_ablations():
    assert variant("resnet50:groups=32").family.name == "resnet"
    model = create_model("tinyvgg:hidden_units=4", hidden_units=6)  # what is written beside the name wins
    assert model.conv_block_1[0].out_channels == 6
    model = create_model("densenet_bc_100_12:depths=(2, 3),growth=4,dropout=0.1", num_classes=0)
    assert model.features.denseblock2.denselayer3.dropout.p == 0.1
    assert model.features.norm5.num_features == (24 + 2 * 4) // 2 + 3 * 4


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("resnet81", {}, "unknown network 'resnet81': did you mean resnet18"),
        ("vgg16bn", {}, "vgg16_bn"),
        ("Lenet5:rbf=True", {}, "unknown network 'Lenet5': did you mean lenet5"),
        ("transformer", {}, "`convatlas list` shows them all"),
        ("resnet50", {"group": 2}, "unknown ablation of resnet50 'group': did you mean groups?"),
        ("tinyvgg:hiden_units=3", {}, "did you mean hidden_units?"),
        ("resnet50", {"groups": "32"}, "groups of resnet50 needs a whole number such as 1, got '32'"),
        ("resnet50", {"groups": True}, "needs a whole number such as 1, got True"),
        ("lenet5", {"rbf": 1}, "needs True or False, got 1"),
        ("vgg11", {"depths": (1, 1)}, "depths of vgg11 needs 5 positive whole numbers such as 1-1-2-2-2, got 1-1"),
        ("resnet18", {"depths": (2, 2, 2, 0)}, "depths"),
        ("alexnet:groups=5", {}, "alexnet cannot be built with {'groups': 5}: .*divisible by groups"),
        ("resnet18", {"groups": 32}, "bottleneck=True"),
        ("wrn_16_4", {"depth": 17}, "a depth of 6n \\+ 4, such as 16, 22 or 28, got 17"),
        ("convnext_tiny", {"kernel": 4}, "an odd one"),
        ("convnext_tiny", {"drop_path": 1.0}, r"probability in \[0, 1\)"),
        ("vgg11", {"dropout": 2}, "dropout"),
        ("resnet50:groups", {}, "cannot read 'groups' in 'resnet50:groups': write ablations as NAME:key=value"),
        ("resnet50:groups=", {}, "write ablations as"),
        ("resnet50:groups=x", {}, "groups of resnet50 needs a whole number such as 1, got x"),
        ("resnet50:groups=1)+f(", {}, "write ablations as"),
        ("resnet50:**{}", {}, "write ablations as"),
        ("resnet18", {"image_size": 16}, "resnet18 needs images of at least 32x32, got 16x16"),
        ("vit_b_16", {"image_size": 100}, "vit_b_16 needs images whose sides its patches .* such as 112x112, got 100x100"),
        ("resnet18", {"num_classes": -1}, "num_classes >= 0 .* got -1"),
        ("resnet18", {"in_channels": 0}, "in_channels >= 1, got 1000 and 0"),
    ],
)
def test_errors_say_what_to_do(name, options, words):
    with pytest.raises(InputError, match=words):
        create_on_meta(name, **options)


def test_errors_of_lists_and_infos():
    with pytest.raises(InputError, match=r"did you mean .*resnet50"):
        model_info("resnet5O")
    with pytest.raises(InputError, match="published variants"):
        model_info("resnet50:groups=2")
    with pytest.raises(InputError, match="did you mean classify"):
        list_models(task="classification")
