"""What becomes of each family's weights when classes, channels, image size or spelling differ: shapes alone, no memory."""

import logging
import re
from functools import cache, reduce

import pytest
import torch
from selection import networks
from torch.nn.functional import linear

from convatlas.models import CATALOG, FAMILIES, create_on_meta, variant
from convatlas.models.family import SMALL
from convatlas.ops.paths import is_in_any
from convatlas.weights import Loaded, load
from convatlas.weights.load import DERIVED, fit_tensor

FIRST = [next(iter(family.variants)) for family in FAMILIES]
LARGE = {"maxvit_t"}
SHRINKS = networks([name for name in FIRST if CATALOG[name].native_of(name).image_size > SMALL], set(FIRST) - LARGE)
ADAPTS = networks([name for name in FIRST if CATALOG[name].adapt], set(FIRST) - LARGE)
AUXILIARY = [name for name in FIRST if CATALOG[name].auxiliary]


@cache
def tensors(name: str) -> dict[str, torch.Tensor]:
    return create_on_meta(name).state_dict()


@pytest.fixture
def loaded(monkeypatch):
    """What becomes of a file of the network, whose tensors may be `changed`, in the network built with other options."""

    def loaded(name: str, changed=dict, **options) -> Loaded:
        state = changed(tensors(name))
        monkeypatch.setattr(load, "read", lambda _: dict(state))
        return load.load_into(create_on_meta(name, **options), "a.pth", variant(name).family)

    return loaded


def keys(name: str, *modules: str) -> set[str]:
    return {key for key in tensors(name) if is_in_any(key, modules)}


@pytest.mark.parametrize("name", FIRST)
def test_a_file_of_the_same_network_is_kept_whole(loaded, name):
    assert loaded(name) == Loaded(tuple(tensors(name)), (), (), ())


@pytest.mark.parametrize("name", FIRST)
def test_other_classes_change_the_heads_alone(loaded, name):
    family = CATALOG[name]
    found = loaded(name, num_classes=7)
    head = keys(name, *family.heads)
    assert head <= {*found.fresh} | {key for key in head if ".codes" in key}
    assert all(is_in_any(key, (*family.heads, *family.auxiliary)) for key in found.fresh)
    assert (found.adapted, found.dropped) == ((), ())
    without = loaded(name, num_classes=0)
    assert {*without.dropped} == keys(name, *family.heads, *family.auxiliary)
    assert (without.adapted, without.fresh) == ((), ())


@pytest.mark.parametrize("channels", [1, 4, *(pytest.param(n, marks=pytest.mark.slow) for n in (2, 3, 12))])
@pytest.mark.parametrize("name", FIRST)
def test_other_channels_adapt_the_stem_alone(loaded, name, channels):
    same = channels == CATALOG[name].native_of(name).in_channels
    found = loaded(name, in_channels=channels)
    assert found.adapted == (() if same else (f"{CATALOG[name].stem}.weight",))
    assert (found.fresh, found.dropped) == ((), ())


@pytest.mark.parametrize("name", SHRINKS)
def test_small_images_keep_all_but_the_stem(loaded, name):
    family = CATALOG[name]
    found = loaded(name, image_size=family.native_of(name).fitting_size(32))
    assert all(is_in_any(key, (family.stem, *family.sized)) for key in found.fresh)
    assert not found.adapted or family.adapt
    assert all(is_in_any(key, family.sized) for key in found.dropped)  # VGG has a hidden layer less
    assert len(found.kept) > 0.8 * len(tensors(name)) or family.sized


def sizes(name: str) -> list[int]:
    native = CATALOG[name].native_of(name)
    return [native.fitting_size(native.image_size + 100), native.fitting_size(32)]


@pytest.mark.parametrize("name", ADAPTS)
def test_tables_of_positions_are_interpolated(loaded, name):
    family, own = CATALOG[name], tensors(name)
    seen = 0
    for size in sizes(name):
        assert not [key for key in loaded(name, image_size=size).fresh if not is_in_any(key, (family.stem, *family.sized))]
        for key, value in create_on_meta(name, image_size=size).state_dict().items():
            if value.shape != own[key].shape and not key.endswith(DERIVED) and not is_in_any(key, (family.stem, *family.sized)):
                level = fit_tensor(key, torch.full(own[key].shape, 3.0), torch.zeros(value.shape), family)
                torch.testing.assert_close(level, torch.full(value.shape, 3.0))
                seen += 1
    assert seen


@pytest.mark.parametrize("name", AUXILIARY)
def test_auxiliary_heads_may_be_missing_or_left_over(loaded, name):
    family = CATALOG[name]
    auxiliary = keys(name, *family.auxiliary)
    bare = loaded(name, lambda state: {key: value for key, value in state.items() if key not in auxiliary})
    assert ({*bare.fresh}, bare.adapted, bare.dropped) == (auxiliary, (), ())
    full = loaded(name, auxiliary=False)
    assert ({*full.dropped}, full.adapted, full.fresh) == (auxiliary, (), ())


def test_densenets_first_spelling_is_nothing_to_speak_of(loaded, caplog):
    def old(state):
        return {re.sub(r"(denselayer\d+\.\w+?)(\d)\.", r"\1.\2.", key): value for key, value in state.items()}

    assert any("denselayer1.norm.1.weight" in key for key in old(tensors("densenet121")))
    with caplog.at_level(logging.WARNING):
        assert loaded("densenet121", old) == loaded("densenet121")
    assert not caplog.records


# ours → timm's name of the same network
TIMM = {
    "vgg11": "vgg11", "resnet18": "resnet18", "inception_v3": "inception_v3", "densenet121": "densenet121",
    "mobilenet_v1_100": "mobilenetv1_100", "mobilenet_v2": "mobilenetv2_100", "mobilenet_v3_large": "mobilenetv3_large_100",
    "mobilenet_v3_small": "mobilenetv3_small_100", "swin_v2_t": "swinv2_tiny_window8_256", "wide_resnet50_2": "wide_resnet50_2",
    "resnext50_32x4d": "resnext50_32x4d", "vgg16_bn": "vgg16_bn", "regnet_x_400mf": "regnetx_004_tv",
    "mnasnet1_0": "mnasnet_100", "efficientnet_b0": "efficientnet_b0", "efficientnet_lite0": "efficientnet_lite0",
    "regnet_y_400mf": "regnety_004", "convnext_tiny": "convnext_tiny", "vit_b_16": "vit_base_patch16_224",
    "swin_t": "swin_tiny_patch4_window7_224",
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [name for name in TIMM if name in CATALOG])
def test_files_of_timm_are_kept_whole(monkeypatch, name):
    timm = pytest.importorskip("timm")
    with torch.device("meta"):
        theirs = timm.create_model(TIMM[name])
    monkeypatch.setattr(load, "read", lambda _: theirs.state_dict())
    found = load.load_into(create_on_meta(name), "a.pth", variant(name).family)
    assert (found.adapted, found.dropped) == ((), ())
    assert all(is_in_any(key, variant(name).family.auxiliary) for key in found.fresh)


def half(words):
    return lambda match: words.format(int(match[1]) // 2)


# Our names → those of the papers' own code.
RELEASED = {
    "convnext_tiny": (
        (r"^features\.([0246])\.", half("downsample_layers.{}.")), (r"^features\.([1357])\.", half("stages.{}.")),
        (r"\.layer_scale$", ".gamma"), (r"\.block\.0", ".dwconv"), (r"\.block\.2", ".norm"), (r"\.block\.3", ".pwconv1"),
        (r"\.block\.5", ".pwconv2"), (r"^classifier\.0", "norm"), (r"^classifier\.2", "head"),
    ),
    "swin_t": (
        (r"^features\.0\.0", "patch_embed.proj"), (r"^features\.0\.2", "patch_embed.norm"),
        *((rf"^features\.{2 * n + 2}\.", f"layers.{n}.downsample.") for n in range(3)),
        (r"^features\.([1357])\.", half("layers.{}.blocks.")), (r"\.mlp\.0", ".mlp.fc1"), (r"\.mlp\.3", ".mlp.fc2"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RELEASED)
def test_files_of_the_first_releases_are_kept_whole(loaded, name):
    def as_released(state):
        return {reduce(lambda key, pair: re.sub(*pair, key), RELEASED[name], key): value for key, value in state.items()}

    assert not any(key.startswith("features") for key in as_released(tensors(name)))
    assert loaded(name, as_released) == loaded(name)


def test_a_convolution_over_the_whole_map_is_a_linear_layer():
    kernel, maps = torch.randn(5, 3, 2, 2), torch.randn(4, 3, 2, 2)
    fitted = fit_tensor("a", kernel, torch.zeros(5, 12), variant("vgg11").family)
    torch.testing.assert_close(linear(maps.flatten(1), fitted), torch.conv2d(maps, kernel).flatten(1))


def test_what_happened_is_said_in_a_line():
    found = Loaded(("a", "b"), ("stem",), tuple(f"head.{i}" for i in range(8)), ("aux",))
    assert str(found) == (
        "2 tensors kept; adapted to other channels or sizes: stem; "
        "re-initialized: head.0, head.1, head.2, head.3, head.4, head.5 and 2 more; dropped: aux"
    )
