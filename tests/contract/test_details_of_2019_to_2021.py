"""What EfficientNet, its lite and second versions and RegNet are made of, beyond what names and values show."""

from math import log

import pytest
import torch
from torch import nn

from convatlas.errors import InputError
from convatlas.models import CATALOG, count_parameters, create_on_meta
from convatlas.models.efficientnet_v2 import FusedMBConv
from convatlas.models.regnet import stages
from convatlas.ops.droppath import DropPath
from convatlas.ops.mbconv import InvertedResidual, MBConv
from convatlas.ops.squeeze import SqueezeExcitation


def kinds(model):
    return {type(module) for module in model.modules()}


def blocks(model):
    return [module for module in model.modules() if isinstance(module, InvertedResidual)]


def test_no_exponent_gives_b7():
    """As the docstring says of depth, resolution and width."""
    b7 = CATALOG["efficientnet_b7"]
    r = b7.natives["efficientnet_b7"].image_size / b7.natives["efficientnet_b0"].image_size
    spec = b7.variants["efficientnet_b7"]
    exponents = log(spec.depth) / log(1.2), log(r) / log(1.15), log(spec.width) / log(1.1)
    assert [round(exponent, 1) for exponent in exponents] == [6.2, 7.0, 7.3]


@pytest.mark.parametrize("name", ["efficientnet_b0", "efficientnet_b2", "efficientnet_v2_s"])
def test_stochastic_depth_grows_linearly_where_a_block_adds_its_input(name):
    rates = [(block.adds, block.drop_path.p) for block in blocks(create_on_meta(name))]
    expected = [0.2 * i / len(rates) for i in range(len(rates))]
    assert [p for adds, p in rates if adds] == [p for (adds, _), p in zip(rates, expected, strict=True) if adds]
    assert not any(p for adds, p in rates if not adds)


def test_a_dropped_branch_leaves_the_input():
    block = MBConv(lambda *_, **__: nn.Identity(), 3, 3, 1, stride=1, expansion=1, squeeze=False, drop_path=0.5)
    torch.manual_seed(0)
    x = torch.ones(200, 3, 1, 1)
    values, counts = block(x).unique(return_counts=True)
    assert values.tolist() == [1, 3]  # x alone, or x + 2 · branch
    assert counts[0] / counts.sum() == pytest.approx(0.5, abs=0.1)
    assert torch.equal(block.eval()(x), 2 * x)


@pytest.mark.parametrize("name", [f"efficientnet_lite{i}" for i in range(5)])
def test_lite_keeps_stem_head_and_outer_stages(name):
    model = create_on_meta(name)
    assert SqueezeExcitation not in kinds(model)
    assert nn.SiLU not in kinds(model)
    assert (model.features[0][0].out_channels, model.features[8][0].out_channels) == (32, 1280)
    assert [len(model.features[1]), len(model.features[7])] == [1, 1]


def test_squeeze_can_be_left_out_under_the_same_names():
    whole, bare = (dict(create_on_meta("efficientnet_b0", squeeze=squeeze).named_parameters()) for squeeze in (True, False))
    assert set(whole) - set(bare) == {name for name in whole if ".fc1." in name or ".fc2." in name}
    assert set(bare) < set(whole)


def test_v2_fuses_the_stages_it_is_told_to():
    for fused, kind in ((0, MBConv), (3, FusedMBConv), (6, FusedMBConv)):
        model = create_on_meta("efficientnet_v2_s", fused=fused)
        assert [{type(block) for block in stage} for stage in model.features[1:7]] == [
            {kind if i < fused or not fused else MBConv} for i in range(6)
        ]
    sizes = [count_parameters(create_on_meta("efficientnet_v2_s", fused=fused)) for fused in range(7)]
    assert sizes == sorted(sizes)


def test_norms_forget_faster_where_data_is_small():
    for side, momentum in ((456, 0.01), (32, 0.1)):
        modules = create_on_meta("efficientnet_b5", image_size=side).modules()
        assert {module.momentum for module in modules if isinstance(module, nn.BatchNorm2d)} == {momentum}


@pytest.mark.parametrize(
    ("name", "depths", "widths"),
    [
        ("regnet_x_400mf", (1, 2, 7, 12), (32, 64, 160, 400)),
        ("regnet_y_1_6gf", (2, 6, 17, 2), (48, 120, 336, 888)),
        ("regnet_y_128gf", (2, 7, 17, 1), (528, 1056, 2904, 7392)),
    ],
)
def test_regnet_widths_follow_from_the_line(name, depths, widths):
    spec = CATALOG[name].variants[name]
    found = stages(spec)
    assert tuple(zip(*found, strict=True))[:2] == (depths, widths)
    assert all(width % groups == 0 and width // groups == min(spec.group_width, width) for _, width, groups in found)
    line = [spec.w_0 + spec.w_a * j for j in range(spec.depth)]
    quantized = [width for depth, width in zip(depths, widths, strict=True) for _ in range(depth)]
    ratios = [w / u for u, w in zip(line, quantized, strict=True)]
    assert all(0.85 * spec.w_m**-0.5 < ratio < 1.15 * spec.w_m**0.5 for ratio in ratios)  # half a step, and rounding to g


@pytest.mark.parametrize(
    ("name", "needed"),
    [
        ("regnet_x_400mf:w_m=1.0", "w_m > 1"),
        ("regnet_x_400mf:w_0=0", "w_0 >= 8"),
        ("efficientnet_b0:depth=0.0", "depth > 0"),
        ("efficientnet_v2_s:depths=(1, 1)", "change both"),
    ],
)
def test_what_cannot_be_built_says_what_can(name, needed):
    with pytest.raises(InputError, match=needed):
        create_on_meta(name)


def test_blocks_that_never_drop_draw_nothing():
    assert all(block.drop_path.p == 0 for block in blocks(create_on_meta("efficientnet_b0", drop_path=0.0)))
    assert DropPath(0.0)(x := torch.ones(2)) is x
