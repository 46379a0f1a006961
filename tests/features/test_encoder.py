"""Encoders give the pyramid of their network, under the network's own names, and nothing runs behind the last level."""

import copy
import io
from pathlib import Path

import pytest
import torch
from selection import SMALLEST, networks
from torch.utils.flop_counter import FlopCounterMode

from convatlas import create_encoder
from convatlas.errors import InputError
from convatlas.features import Encoder, levels, pyramid
from convatlas.models import CATALOG, create_model, create_on_meta, model_info

SLIM = {  # changes that make the heavy ones quick
    "densenet": {"depths": (2, 2, 2)},
    "efficientnet_v2": {"depths": (1, 2, 1, 1, 2, 1)},
    "convnext": {"depths": (1, 1, 1, 1), "width": 24},
    "swin": {"depths": (2, 2, 2, 2), "width": 32, "head_width": 16},
    "maxvit": {"depths": (1, 2, 1, 1), "width": 32, "head_width": 16},
    "vgg": {"width": 16},
    "wrn_cifar": {"depth": 16},
    "resnext_cifar": {"n": 1},
}
QUICK = ("resnet20", "tinyvgg")
SLOW = ("squeezenet1_1", "densenet_bc_100_12", "convnext_tiny")
NETWORKS = networks([name for name in SMALLEST if name != "vit_b_16"], QUICK, SLOW)


def images(name: str, n: int = 3) -> torch.Tensor:
    side = CATALOG[name].native_of(name).fitting_size(32)
    return torch.randn(n, model_info(name).in_channels, side, side)


def pair(name: str) -> tuple[Encoder, torch.nn.Module, torch.Tensor]:
    x = images(name)
    side = x.shape[2]
    options = {"image_size": side} | SLIM.get(CATALOG[name].name, {})
    encoder, model = create_encoder(name, **options), create_model(name, **options)
    model.load_state_dict(model.state_dict() | encoder.state_dict())
    return encoder, model, x


@pytest.mark.parametrize("name", NETWORKS)
def test_an_encoder_is_the_pyramid_of_its_network_and_leaves_python(name):
    encoder, model, x = pair(name)
    at = levels(model, tuple(x.shape[1:]))
    assert encoder.levels == at
    for training in (False, True):
        encoder.train(training)
        model.train(training)
        torch.manual_seed(1)
        maps = encoder(x)
        torch.manual_seed(1)
        expected = pyramid(model, x, at)
        assert all(torch.equal(a, b) for a, b in zip(maps, expected, strict=True))
        assert tuple(y.shape[1] for y in maps) == encoder.channels
    maps[-1].sum().backward()
    assert not [key for key, p in encoder.named_parameters() if p.grad is None], "behind the last level nothing is left"
    left_out = {key.split(".")[0] for key in set(model.state_dict()) - set(encoder.state_dict())}
    head = CATALOG[name].heads[0].split(".")[0]
    behind = {"fc1", "fc2", "fc3"} if name.startswith("lenet") else {head}
    assert left_out == behind | {path.split(".")[0] for path in CATALOG[name].auxiliary}
    program = torch.export.export(encoder.eval(), (x,), dynamic_shapes=({0: torch.export.Dim("n", min=2, max=64)},))
    with torch.no_grad():
        for found, expected in zip(program.module()(x[:2]), encoder(x[:2]), strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5 * expected.abs().max().item())


@pytest.mark.parametrize(
    ("name", "strides", "channels"),
    [
        ("resnet50", (2, 4, 8, 16, 32), (64, 256, 512, 1024, 2048)),
        pytest.param("densenet121", (2, 4, 8, 16, 32), (64, 256, 512, 1024, 1024), marks=pytest.mark.thorough),
        pytest.param("mobilenet_v3_large", (2, 4, 8, 16, 32), (16, 24, 40, 112, 960), marks=pytest.mark.slow),
        pytest.param("swin_t", (4, 8, 16, 32), (96, 192, 384, 768), marks=pytest.mark.slow),
        pytest.param("swin_v2_t", (4, 8, 16, 32), (96, 192, 384, 768), marks=pytest.mark.thorough),
        pytest.param("convnext_tiny", (4, 8, 16, 32), (96, 192, 384, 768), marks=pytest.mark.slow),
        pytest.param("maxvit_t", (2, 4, 8, 16, 32), (64, 64, 128, 256, 512), marks=pytest.mark.thorough),
    ],
)
def test_channels_and_strides_are_known_without_running(name, strides, channels):
    encoder = create_encoder(name, device="meta")
    assert (encoder.strides, encoder.channels) == (strides, channels)
    side = model_info(name).image_size
    maps = encoder.eval()(torch.empty(2, 3, side, side, device="meta"))
    assert [tuple(y.shape) for y in maps] == [
        (2, c, side // stride, side // stride) for stride, c in zip(strides, channels, strict=True)
    ]


def test_chosen_levels_end_the_network_at_the_last_one():
    whole, part = (create_encoder("resnet18", image_size=224, levels=strides, device="meta") for strides in (None, (8, 4)))
    assert part.strides == (4, 8)
    assert {key.split(".")[0] for key in part.state_dict()} == {"conv1", "bn1", "layer1", "layer2"}
    x, macs = torch.empty(1, 3, 224, 224, device="meta"), []
    for encoder in (whole, part, create_on_meta("resnet18")):
        with FlopCounterMode(display=False) as counter:
            encoder.eval()(x)
        macs.append(counter.get_total_flops() // 2)
    assert macs[2] - macs[0] == 512 * 1000, "all but the head"
    stages = {"conv1": 118013952, "layer1": 4 * 115605504, "layer2": 57802752 + 6422528 + 3 * 115605504}
    assert macs[1] == sum(stages.values())


def test_shapes_of_any_size_and_wide_images():
    encoder = create_encoder("resnet20").eval()
    assert [y.shape[2:] for y in encoder(torch.randn(1, 3, 40, 72))] == [(40, 72), (20, 36), (10, 18)]


def test_copies_and_files_are_encoders_of_their_own():
    encoder, x = create_encoder("resnet20", n=1), torch.randn(2, 3, 32, 32)
    copied = copy.deepcopy(encoder).eval()
    with torch.no_grad():
        before = encoder.eval()(x)[-1]
        for p in copied.parameters():
            p.zero_()
        assert copied(x)[-1].abs().max() == 0
        assert torch.equal(encoder(x)[-1], before)
    file = io.BytesIO()
    torch.save(encoder, file)
    file.seek(0)
    again = torch.load(file, weights_only=False)  # written a line above
    with torch.no_grad():
        assert torch.equal(again(x)[-1], before)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in encoder.modules())
    within = torch.nn.ModuleDict({"encoder": encoder}).double()
    assert encoder(x.double())[-1].dtype == torch.float64
    assert {key.split(".")[1] for key in within.state_dict()} == {"conv1", "bn1", "layer1", "layer2", "layer3"}


def test_weights_of_a_file_are_loaded(tmp_path: Path):
    model, x = create_model("resnet20").eval(), torch.randn(2, 1, 32, 32)
    torch.save(model.state_dict(), tmp_path / "mine.pth")
    encoder = create_encoder("resnet20", weights=tmp_path / "mine.pth", in_channels=1).eval()
    with torch.no_grad():
        found = encoder(x)[-1]
        expected = pyramid(model, x.expand(-1, 3, -1, -1))[-1]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_what_is_no_encoder_says_so():
    with pytest.raises(InputError, match="two strides"):
        create_encoder("vit_b_16", device="meta")
    with pytest.raises(InputError, match=r"resnet20 has maps of stride 1, 2, 4: .* got \(8,\)"):
        create_encoder("resnet20", levels=(8,))
    with pytest.raises(InputError, match="resnet18"):
        create_encoder("resnet19")
