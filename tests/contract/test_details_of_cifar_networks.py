"""What the papers say of the residual networks of 2016, and the names that others gave to their layers."""

import itertools
import re

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.functional import conv2d, relu

from convatlas.models import CATALOG, count_parameters, create_model, create_on_meta
from convatlas.weights import load_into


def convolutions(model):
    return [module for module in model.modules() if isinstance(module, nn.Conv2d)]


@pytest.mark.parametrize("name", CATALOG["wrn_28_10"].variants)
def test_the_depth_of_a_wide_resnet_counts_its_convolutions(name):
    depth, width = map(int, name.split("_")[1:])
    model = create_on_meta(name)
    assert len(convolutions(model)) == depth
    assert [stage[-1].conv2.out_channels for stage in (model.layer1, model.layer2, model.layer3)] == [
        16 * width, 32 * width, 64 * width
    ]  # fmt: skip


def test_a_wide_resnet_drops_between_the_convolutions_of_a_block():
    block = create_model("wrn_16_4:dropout=0.25").layer1[1]
    seen = []
    block.conv2.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    block(torch.randn(8, 64, 32, 32))
    block.eval()(torch.randn(8, 64, 32, 32))
    trained, evaluated = (x.eq(0).float().mean().item() for x in seen)
    assert trained == pytest.approx(0.5 + 0.25 / 2, abs=0.02)  # half is zero after the ReLU
    assert evaluated == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("name", CATALOG["resnext29_8x64d"].variants)
def test_the_depth_of_a_resnext_counts_its_layers_without_projections(name):
    cardinality, width = map(int, re.findall(r"\d+", name)[1:])
    model = create_on_meta(name)
    assert len(convolutions(model)) - 3 + 1 == 29
    grouped = [conv for conv in convolutions(model) if conv.kernel_size == (3, 3)][1:]
    assert {conv.groups for conv in grouped} == {cardinality}
    assert [conv.weight.shape[1] for conv in grouped[::3]] == [width, 2 * width, 4 * width]


def test_a_resnext_block_is_a_sum_of_equal_paths():
    """Figure 3: (a) as many thin bottlenecks as there are groups, (c) one whose 3x3 is grouped."""
    torch.manual_seed(0)
    block = create_model("resnext29_32x4d").eval().layer1[1]
    x = torch.randn(2, 256, 8, 8)
    paths = 0
    for i in range(32):
        four = slice(4 * i, 4 * i + 4)
        y = relu(conv2d(x, block.conv1.weight[four]) / (1 + block.bn1.eps) ** 0.5)
        y = relu(conv2d(y, block.conv2.weight[four], padding=1) / (1 + block.bn2.eps) ** 0.5)
        paths = paths + conv2d(y, block.conv3.weight[:, four])
    torch.testing.assert_close(block(x), relu(x + block.bn3(paths)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["preact_resnet18", "preact_resnet50", "wrn_16_4"])
def test_nothing_stands_on_the_shortcut_of_a_preactivated_block(name):
    block = create_model(name).eval().layer2[1]
    last = block.conv3 if name.endswith("50") else block.conv2
    x = torch.randn(2, block.conv1.in_channels, 8, 8)
    branch = []
    last.register_forward_hook(lambda _, __, y: branch.append(y))
    assert torch.equal(block(x), branch[0] + x)
    nn.init.zeros_(last.weight)
    assert torch.equal(block(x), x)


@pytest.mark.parametrize("name", ["preact_resnet18", "wrn_16_4"])
def test_a_projection_reads_what_the_branch_reads(name):
    block, seen = create_model(name).layer2[0], []
    for module in (block.shortcut, block.conv1):
        module.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    block(torch.randn(2, block.conv1.in_channels, 8, 8))
    assert seen[0] is seen[1]
    assert seen[0].min() == 0


THEIRS = {
    "preact_resnet18": ((r"\.shortcut\.", ".shortcut.0."), (r"^fc\.", "linear.")),
    "wrn_16_4": ((r"^layer(\d)\.", r"block\1.layer."), (r"\.shortcut\.", ".convShortcut."), (r"^bn\.", "bn1.")),
}


@pytest.mark.parametrize("name", THEIRS)
def test_files_with_the_names_of_others_load(name, tmp_path):
    state = create_model(name).state_dict()
    theirs = {}
    for key, value in state.items():
        for pattern, replacement in THEIRS[name]:
            key = re.sub(pattern, replacement, key)  # noqa: PLW2901
        theirs[key] = value
    assert theirs.keys() != state.keys()
    save_file(theirs, tmp_path / "theirs.safetensors")
    model = create_model(name)
    assert load_into(model, tmp_path / "theirs.safetensors", CATALOG[name]).kept == tuple(state)
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())


def test_a_cifar_resnets_parts_are_exchanged_one_by_one():
    """He et al. 2015, §3.3: B projects with a 1x1 where the channels change; the rest is ours to vary."""
    own = count_parameters(create_on_meta("resnet20"))
    projections = 16 * 32 + 32 * 64 + 2 * 32 + 2 * 64  # two 1x1 and their norms
    assert count_parameters(create_on_meta("resnet20:shortcut=B")) == own + projections
    assert count_parameters(create_on_meta("resnet20:norm=group")) == own
    assert count_parameters(create_on_meta("resnet20:kernel=1")) < own < count_parameters(create_on_meta("resnet20:kernel=5"))
    groups = [m.num_groups for m in create_on_meta("resnet20:width=25,norm=group").modules() if isinstance(m, nn.GroupNorm)]
    assert sorted(set(groups)) == [1, 2, 5]  # of 25, 50 and 100 channels, which 16 does not divide
    no_norm = create_on_meta("resnet20:norm=none")
    assert not any(isinstance(module, nn.BatchNorm2d | nn.GroupNorm) for module in no_norm.modules())
    assert all(module.bias is not None for module in no_norm.modules() if isinstance(module, nn.Conv2d))
    x = torch.randn(2, 3, 32, 32)
    outputs = []
    for activation in ("relu", "gelu", "silu", "elu"):
        torch.manual_seed(0)
        outputs.append(create_model(f"resnet20:depths=1,width=4,activation={activation},norm=group,shortcut=B").eval()(x))
    assert all(not torch.allclose(a, b) for a, b in itertools.combinations(outputs, 2))
