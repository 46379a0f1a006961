"""Features are what the head reads, pyramids the last map of each stride, and both leave the network as it was."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from selection import mark_of
from torch import Tensor, nn

from convatlas.errors import InputError
from convatlas.features import features, levels, pyramid
from convatlas.models import FAMILIES, create_model, create_on_meta, model_info

SMALLEST = {family.name: min(family.variants, key=lambda name: model_info(name).parameters) for family in FAMILIES}
LIGHT = ("lenet", "resnet_cifar", "squeezenet", "tinyvgg")
SLOW = ("alexnet", "mobilenet_v1", "swin", "efficientnet")


def smallest(*families: str) -> list[Any]:
    return [pytest.param(name, SMALLEST[name], marks=mark_of(name, LIGHT, SLOW), id=SMALLEST[name]) for name in families]


def built(family: str, name: str, **options: Any) -> tuple[nn.Module, Tensor]:
    found = next(f for f in FAMILIES if f.name == family)
    info, side = model_info(name), found.native_of(name).fitting_size(32)
    torch.manual_seed(0)
    return create_model(name, image_size=side, **options), torch.randn(3, info.in_channels, side, side)


@pytest.mark.parametrize(("family", "name"), smallest(*SMALLEST))
def test_penultimate_is_what_a_network_without_head_gives(family: str, name: str) -> None:
    model, x = built(family, name, num_classes=10)
    bare, _ = built(family, name, num_classes=0)
    bare.load_state_dict({k: v for k, v in model.state_dict().items() if k in bare.state_dict()})
    with torch.no_grad():
        expected = bare.eval()(x).numpy()
    assert np.array_equal(features(model, x), expected)
    if family in LIGHT:
        assert np.array_equal(features(bare, x), expected)


class Foreign(nn.Module):
    """No family's: a layer that runs twice, functional operations, a head with what comes after one."""

    def __init__(self, *, head: str = "linear") -> None:
        super().__init__()
        self.conv1, self.conv2, self.norm = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 8, 3, 1, 1), nn.BatchNorm2d(8)
        self.kind = head
        self.head = {"linear": nn.Linear(8, 5), "conv": nn.Conv2d(8, 5, 1), "none": nn.Identity()}[head]

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.norm(self.conv2(self.conv2(self.conv1(x)))))
        if self.kind == "conv":
            return torch.relu(self.head(x)).mean((2, 3)).softmax(1)
        return self.head(x.mean((2, 3)))


@pytest.mark.parametrize("head", ["linear", "conv", "none"])
def test_the_head_of_a_foreign_network_is_found(head: str) -> None:
    model, x = Foreign(head=head), torch.randn(4, 3, 16, 16)
    model.eval()
    with torch.no_grad():
        y = model.conv2(model.conv2(model.conv1(x)))
        expected = torch.relu(model.norm(y)).mean((2, 3)).numpy()
    assert np.allclose(features(model, x), expected, atol=1e-6)
    assert np.allclose(features(model, x, "conv2"), model.conv2(model.conv1(x)).mean((2, 3)).detach(), atol=1e-6)
    assert np.allclose(features(model, x, "relu"), expected, atol=1e-6)
    assert features(model, x, "conv1", pool=False).shape == (4, 8 * 8 * 8)


def test_the_network_stays_as_it_was() -> None:
    model, x = Foreign().train(), torch.randn(2, 3, 16, 16)
    model.norm.eval()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    for at in ("penultimate", "conv1", "relu"):
        features(model, x, at)
    with pytest.raises(InputError, match="conv1"):
        features(model, x, "conv3")
    with pytest.raises(RuntimeError):
        features(model, torch.randn(2, 4, 16, 16))
    assert model.training
    assert not model.norm.training
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_a_file_holds_the_same_and_is_whole_or_not_there(tmp_path: Path) -> None:
    model, x = Foreign(), torch.randn(300, 3, 16, 16)
    expected = features(model, x)

    def batches(*, broken: bool = False) -> Iterator[tuple[Tensor, Tensor]]:
        for part in x.split(77):
            yield part, torch.zeros(len(part))
            if broken:
                raise OSError("the disk went away")

    seen = features(model, batches(), out=tmp_path / "seen.npy")
    assert isinstance(seen, np.memmap)
    assert np.allclose(seen, expected, atol=1e-6)
    assert np.array_equal(np.load(tmp_path / "seen.npy"), seen)
    with pytest.raises(OSError, match="went away"):
        features(model, batches(broken=True), out=tmp_path / "other.npy")
    with pytest.raises(InputError, match="there were none"):
        features(model, iter(()), out=tmp_path / "other.npy")
    assert [path.name for path in tmp_path.iterdir()] == ["seen.npy"]


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="asks Linux how much memory is in use")
def test_memory_is_bounded_by_the_batch(tmp_path: Path) -> None:
    used = []

    def batches() -> Iterator[Tensor]:
        for _ in range(400):
            used.append(int(Path("/proc/self/statm").read_text().split()[1]) * 4096)
            yield torch.ones(16, 4096)

    seen = features(nn.Sequential(nn.Flatten(), nn.Identity()), batches(), "0", out=tmp_path / "seen.npy")
    assert seen.shape == (6400, 4096)
    assert max(used) - used[0] < seen.nbytes / 3


def test_features_of_a_large_file_are_not_read_into_memory(tmp_path: Path) -> None:
    seen = features(Foreign(), torch.randn(3, 3, 16, 16), out=str(tmp_path / "seen.npy"))
    assert not seen.flags.writeable


def test_autocast_gives_float32() -> None:
    model, x = Foreign(), torch.randn(4, 3, 16, 16)
    expected = features(model, x)
    with torch.autocast("cpu", torch.bfloat16):
        found = features(model, x)
    assert found.dtype == np.float32
    assert not np.array_equal(found, expected)
    assert np.allclose(found, expected, atol=0.05)


PYRAMIDS = [name for name in SMALLEST if name != "vit"]


@pytest.mark.parametrize(("family", "name"), smallest(*PYRAMIDS))
def test_levels_are_what_the_pyramid_gives(family: str, name: str) -> None:
    model, x = built(family, name)
    size = tuple(x.shape[1:])
    at = levels(model.eval(), size)
    maps = pyramid(model, x, at)
    assert [y.shape[1] for y in maps] == [level.channels for level in at]
    assert [level.stride for level in at] == sorted({level.stride for level in at})
    for level, y in zip(at, maps, strict=True):
        assert -1 <= x.shape[2] / level.stride - y.shape[2] <= 6  # less where convolutions go without padding
        assert y.shape[2] == y.shape[3]
    maps[-1].sum().backward()
    stem = next(p for p in model.parameters() if p.requires_grad)
    assert stem.grad is not None
    assert stem.grad.isfinite().all()


@pytest.mark.parametrize(
    ("name", "strides", "channels"),
    [
        ("resnet50", (2, 4, 8, 16, 32), (64, 256, 512, 1024, 2048)),
        pytest.param("mobilenet_v2", (2, 4, 8, 16, 32), (16, 24, 32, 96, 1280), marks=pytest.mark.slow),
        pytest.param("swin_t", (4, 8, 16, 32), (96, 192, 384, 768), marks=pytest.mark.slow),
        pytest.param("densenet121", (2, 4, 8, 16, 32), (64, 256, 512, 1024, 1024), marks=pytest.mark.slow),
        ("vgg16", (1, 2, 4, 8, 16, 32), (64, 128, 256, 512, 512, 512)),
        ("resnet20", (1, 2, 4), (16, 32, 64)),
    ],
)
def test_levels_are_those_of_the_papers(name: str, strides: tuple[int, ...], channels: tuple[int, ...]) -> None:
    side = model_info(name).image_size
    found = levels(create_on_meta(name), (3, side, side))
    assert tuple(level.stride for level in found) == strides
    assert tuple(level.channels for level in found) == channels


def test_maps_of_one_stride_are_no_pyramid() -> None:
    with pytest.raises(InputError, match="two strides"):
        levels(create_on_meta("vit_b_16"), (3, 224, 224))
