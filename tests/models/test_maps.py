"""Backbones give their maps stage by stage, and ResNet's later stages may dilate instead of striding."""

import pytest
import torch
from torch import nn
from torchvision.models import resnet50

from convatlas import create_model
from convatlas.features import pyramid
from convatlas.ops.tap import tap


def image(side: int) -> torch.Tensor:
    return torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(0))


def network(name: str, **arguments: object) -> nn.Module:
    torch.manual_seed(0)
    return create_model(name, num_classes=10, **arguments).eval()  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "convnext_tiny:depths=(1, 1, 2, 1)"])
@pytest.mark.parametrize("small", [False, True])
def test_maps_are_the_last_ones_of_the_pyramid(name: str, small: bool) -> None:
    model, x = network(name, image_size=32 if small else 224), image(64)
    with torch.no_grad():
        maps, levels = list(model.maps(x)), pyramid(model, x)
    assert len(maps) in (4, 5)
    assert all(torch.equal(y, level) for y, level in zip(maps[-4:], levels[-4:], strict=True))


def test_a_stage_of_vgg_ends_with_its_pool() -> None:
    model, x = network("vgg11_bn", image_size=32), image(64)
    pools = [f"features.{n}" for n, layer in enumerate(model.features) if isinstance(layer, nn.MaxPool2d | nn.Identity)]
    with torch.no_grad(), tap(model, *pools) as taps:
        model(x)
        maps = list(model.maps(x))
    assert [y.shape[-1] for y in maps][:3] == [32, 16, 8]
    assert len(maps) == 5
    assert all(torch.equal(y, taps[pool]) for y, pool in zip(maps, pools, strict=True))


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_large", "convnext_tiny:depths=(1, 1, 2, 1)"])
def test_the_last_map_is_what_the_head_reads(name: str) -> None:
    model, x = network(name), image(64)
    read = []
    model.avgpool.register_forward_pre_hook(lambda _, args: read.append(args[0]))
    with torch.no_grad():
        model(x)
        *_, last = model.maps(x)
    assert torch.equal(last, read[0])


@pytest.mark.parametrize("dilated", [(False, True, True), (True, False, True)])
def test_dilated_stages_are_torchvisions(dilated: tuple[bool, bool, bool]) -> None:
    ours, theirs = network("resnet50", dilated=dilated), resnet50(num_classes=10, replace_stride_with_dilation=list(dilated))
    theirs.load_state_dict(ours.state_dict(), strict=True)
    with torch.no_grad():
        assert torch.equal(ours(image(96)), theirs.eval()(image(96)))
        assert [y.shape[-1] for y in ours.maps(image(96))][-1] == 3 * 2 ** sum(dilated)


def test_basic_blocks_are_not_dilated() -> None:
    with pytest.raises(ValueError, match="add bottleneck=True"):
        create_model("resnet18", dilated=(False, False, True))
    assert create_model("resnet18", dilated=(False, False, True), bottleneck=True) is not None
