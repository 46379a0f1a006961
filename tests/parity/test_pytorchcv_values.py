"""Networks that pytorchcv has and torchvision lacks: weights move over in the order of their shapes, and logits agree.

Averages are summed in another order in places, so equality holds to 1e-5 instead of the last bit.
"""

from functools import partial

import pytest
import torch
from selection import networks
from test_torchvision_values import lively
from torch import nn

from convatlas.models import CATALOG, count_parameters, create_on_meta

get_model = pytest.importorskip("pytorchcv.model_provider").get_model
get_wrn = pytest.importorskip("pytorchcv.models.wrn_cifar").get_wrn_cifar
get_resnext = pytest.importorskip("pytorchcv.models.resnext_cifar").get_resnext_cifar


def preact(theirs, num_classes, last_norm=False):
    """Their ImageNet network with the stem and the average that suit 32 pixels, and the last norm left out."""
    model = get_model(theirs, num_classes=num_classes)
    model.features.init_block = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    model.features.final_pool = nn.AdaptiveAvgPool2d(1)
    if not last_norm:
        model.features.post_activ = nn.Identity()
    return model


TWINS = {
    "zfnet": partial(get_model, "zfnet"),
    "mobilenet_v1_025": partial(get_model, "mobilenet_wd4"),
    "mobilenet_v1_050": partial(get_model, "mobilenet_wd2"),
    "mobilenet_v1_075": partial(get_model, "mobilenet_w3d4"),
    "mobilenet_v1_100": partial(get_model, "mobilenet_w1"),
    "preact_resnet18": partial(preact, "preresnet18"),
    "preact_resnet18:last_norm=True": partial(preact, "preresnet18", last_norm=True),
    "preact_resnet34": partial(preact, "preresnet34"),
    "preact_resnet50": partial(preact, "preresnet50b"),  # b: the stride in the 3x3
    "wrn_16_4": partial(get_wrn, blocks=16, width_factor=4),
    "wrn_28_10": partial(get_wrn, blocks=28, width_factor=10),
    "wrn_40_2": partial(get_wrn, blocks=40, width_factor=2),
    "densenet_bc_100_12": partial(get_model, "densenet100_k12_bc_cifar10"),
    "resnext29_32x4d": partial(get_model, "resnext29_32x4d_cifar10"),
    "resnext29_8x64d": partial(get_resnext, blocks=29, cardinality=8, bottleneck_width=64),
    "resnext29_16x64d": partial(get_model, "resnext29_16x64d_cifar10"),
}
QUICK = {"mobilenet_v1_025", "wrn_16_4"}
SLOW = {"preact_resnet18", "preact_resnet18:last_norm=True", "densenet_bc_100_12", "resnext29_32x4d", "preact_resnet50"}


def native(name):
    family = CATALOG[name.partition(":")[0]]
    return family.native_of(name.partition(":")[0])


def twin(name):
    with torch.device("meta"):
        return TWINS[name](num_classes=native(name).num_classes)


def shapes(model):
    return [(tuple(value.shape), value.dtype) for value in model.state_dict().values()]


def trained(model, x):
    """Logits and gradients of one training step."""
    torch.manual_seed(1)
    y = model.train()(x)
    y.square().mean().backward()
    return [y.detach(), *(p.grad for p in model.parameters())]


@pytest.mark.parametrize("name", TWINS)
def test_shapes_come_in_the_same_order(name):
    ours, theirs = create_on_meta(name), twin(name)
    assert count_parameters(ours) == count_parameters(theirs)
    assert shapes(ours) == shapes(theirs)


@pytest.mark.parametrize("name", networks(TWINS, QUICK, SLOW))
def test_values_and_gradients_agree(name):
    theirs, ours = lively(twin(name)), create_on_meta(name)
    values = (value.clone() for value in theirs.state_dict().values())
    ours.load_state_dict(dict(zip(ours.state_dict(), values, strict=True)), strict=True, assign=True)
    side = native(name).image_size
    x = torch.randn(2, 3, side, side)
    with torch.no_grad():
        expected = theirs.eval()(x)
        torch.testing.assert_close(ours.eval()(x), expected, rtol=1e-5, atol=1e-5 * expected.abs().max().item())
    assert expected.std() > 1e-3
    for found, expected in zip(trained(ours, x), trained(theirs, x), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4 * expected.abs().max().item())
