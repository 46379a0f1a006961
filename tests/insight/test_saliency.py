"""Saliency against captum, formulas worked out by hand, and networks that look at a place we know."""

from collections.abc import Callable
from copy import deepcopy
from math import erf
from typing import Any

import numpy as np
import pytest
import torch
from captum.attr import LayerGradCam
from selection import SMALLEST, networks
from torch import Tensor, nn

from convatlas.errors import InputError
from convatlas.insight.cam import cam_layer
from convatlas.insight.saliency import METHODS, saliency
from convatlas.models import create_model, variant

CAMS = ("gradcam", "gradcam++", "layercam")


class Corner(nn.Module):
    """Two classes: how bright the upper left corner is, and nothing."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        bright = self.weight * x[:, :, : self.side, : self.side].mean((1, 2, 3))
        return torch.stack([bright, torch.zeros_like(bright)], 1)


class Absolute(nn.Module):
    """Two classes: the sum of all |x|, and nothing."""

    def forward(self, x: Tensor) -> Tensor:
        y = x.abs().sum((1, 2, 3))
        return torch.stack([y, torch.zeros_like(y)], 1)


class Square(nn.Module):
    """Class 0 adds up what is bright, class 1 what is dark."""

    def __init__(self, functional: bool = False) -> None:
        super().__init__()
        self.functional = functional
        self.conv = nn.Conv2d(1, 2, 3, padding=1, bias=False)
        self.relu = nn.ReLU()
        self.fc = nn.Linear(2, 2, bias=False)
        with torch.no_grad():
            self.conv.weight.copy_(torch.ones(2, 1, 3, 3) * torch.tensor([1.0, -1.0])[:, None, None, None])
            self.fc.weight.copy_(torch.eye(2))

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.conv(x)) if self.functional else self.relu(self.conv(x))
        return self.fc(y.mean((2, 3)))


def small(name: str = "resnet20", **options: Any) -> nn.Module:
    torch.manual_seed(0)
    return create_model(name, num_classes=10, image_size=32, **options).eval()


def tiny() -> nn.Sequential:
    torch.manual_seed(0)
    layers = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8), nn.ReLU()
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10))


def state(model: nn.Module) -> tuple[Any, ...]:
    return (
        {key: value.clone() for key, value in model.state_dict().items()},
        [m.training for m in model.modules()],
        [p.requires_grad for p in model.parameters()],
        [len(m._forward_hooks) + len(m._forward_pre_hooks) + len(m._backward_hooks) for m in model.modules()],
    )


def test_gradcam_is_captums() -> None:
    model, x = small(), torch.randn(3, 3, 32, 32)
    ours = saliency(model, x, "gradcam", target=[1, 5, 9], layer="layer2.2")
    theirs = LayerGradCam(model, model.layer2[2]).attribute(x, target=torch.tensor([1, 5, 9]), relu_attributions=True)
    enlarged = LayerGradCam.interpolate(theirs, (32, 32), interpolate_mode="bilinear")[:, 0]
    assert np.allclose(ours.maps, enlarged.detach().numpy(), atol=1e-6)
    assert ours.layer == "layer2.2"
    assert ours.targets.tolist() == [1, 5, 9]
    scores = model(x).softmax(1)
    assert np.allclose(ours.probabilities, scores[torch.arange(3), [1, 5, 9]].detach().numpy(), atol=1e-6)
    assert ours.predicted.tolist() == scores.argmax(1).tolist()


def test_maps_are_the_papers_formulas_place_by_place() -> None:
    """At a layer as large as the image, so that nothing is enlarged; the sums are written out."""
    torch.manual_seed(1)
    model = nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.Conv2d(3, 2, 3), nn.Tanh(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
    x = torch.randn(1, 1, 5, 6)
    y = model[1](model[0](x)).detach().requires_grad_()
    [g] = torch.autograd.grad(model[2:](y)[0, 1], y)
    a, g = y[0].detach().double().numpy(), g[0].double().numpy()
    plain, plus, layer = np.zeros((5, 6)), np.zeros((5, 6)), np.zeros((5, 6))
    for k in range(3):
        plain += a[k] * g[k].sum() / 30
        weight = 0.0
        for i in range(5):
            for j in range(6):
                if g[k, i, j] > 0:
                    weight += g[k, i, j] * g[k, i, j] ** 2 / (2 * g[k, i, j] ** 2 + a[k].sum() * g[k, i, j] ** 3)
                layer[i, j] += max(g[k, i, j], 0) * a[k, i, j]
        plus += weight * a[k]
    for method, expected in zip(CAMS, (plain, plus, layer), strict=True):
        got = saliency(model, x, method, target=1, layer="1").maps[0]
        assert np.allclose(got, np.maximum(expected, 0), atol=1e-6), method
        assert got.max() > 0


@pytest.mark.parametrize("method", METHODS)
def test_a_planted_square_is_found(method: str) -> None:
    x = torch.zeros(2, 1, 32, 32)
    x[0, :, 4:10, 20:26] = 1
    x[1, :, 20:26, 4:10] = 1
    found = saliency(Square(), x, method, target=0)
    for n, (top, left) in enumerate(((4, 20), (20, 4))):
        inside = np.zeros((32, 32), bool)
        inside[top - 3 : top + 9, left - 3 : left + 9] = True
        if method not in {"gradient", "smoothgrad"}:
            i, j = np.unravel_index(found.maps[n].argmax(), (32, 32))
            assert top - 1 <= i <= top + 6
            assert left - 1 <= j <= left + 6
        assert found.maps[n][inside].mean() > 1.5 * found.maps[n][~inside].mean()


def test_the_sum_of_integrated_gradients_is_what_the_score_gained() -> None:
    model, x = small(), torch.randn(2, 3, 32, 32)
    found = saliency(model, x, "integrated-gradients", target=[3, 4])
    with torch.no_grad():
        gained = (model(x) - model(torch.zeros_like(x)))[[0, 1], [3, 4]].numpy()
    assert np.allclose(found.maps.sum((1, 2)), gained, rtol=0.03, atol=0.03 * np.abs(gained).max())


def test_occlusion_finds_the_corner_that_the_network_looks_at() -> None:
    x = torch.ones(1, 3, 32, 32)
    found = saliency(Corner(8), x, "occlusion", target=0).maps[0]
    assert (found[:8, :8] > 0).all()
    assert (found[10:] == 0).all()
    assert (found[:, 10:] == 0).all()
    assert found[:2, :2].mean() == pytest.approx(16 / 64)  # a patch of 4x4 of the corner's 8x8


def test_the_gradient_is_that_of_the_score() -> None:
    x = torch.rand(1, 3, 16, 16)
    found = saliency(Corner(8), x, "gradient", target=0).maps[0]
    assert np.allclose(found[:8, :8], 1 / (3 * 64))
    assert not found[8:].any()


def test_smoothgrad_repeats_under_its_seed() -> None:
    model, x = small(), torch.randn(1, 3, 32, 32)
    state_before = torch.random.get_rng_state()
    one, again, other = (saliency(model, x, "smoothgrad", target=2, seed=seed).maps for seed in (0, 0, 1))
    assert torch.equal(state_before, torch.random.get_rng_state())
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_smoothgrad_is_the_gradient_of_the_blurred_score() -> None:
    """The gradient of |x| is ±1; blurred by noise of deviation σ it is erf(x / √2σ), and a range of 2 makes σ = 0.3."""
    x = torch.full((1, 1, 40, 40), 0.3)
    x[0, 0, 0, :2] = torch.tensor([-1.0, 1.0])
    maps = saliency(Absolute(), x, "smoothgrad", target=0).maps
    assert maps[0, 1:].mean() == pytest.approx(erf(1 / 2**0.5), abs=0.02)
    assert np.allclose(saliency(Absolute(), x, "gradient", target=0).maps, 1)


@pytest.mark.parametrize("method", METHODS)
def test_the_model_stays_as_it_is_and_a_batch_is_its_images(method: str) -> None:
    model, x = tiny().train(), torch.randn(3, 3, 16, 16)
    model[1].eval()
    for p in model.parameters():  # as in a network whose weights are frozen
        p.requires_grad_(False)
    before = state(model)
    together = saliency(model, x, method)
    for old, new in zip(before, state(model), strict=True):
        same = [torch.equal(old[k], new[k]) for k in old] if isinstance(old, dict) else [old == new]
        assert all(same)
    assert all(p.grad is None for p in model.parameters())
    assert x.grad is None
    assert not x.requires_grad
    assert together.maps.dtype == np.float32
    for n in range(3):
        alone = saliency(model, x[n : n + 1], method)
        assert np.allclose(alone.maps[0], together.maps[n], atol=1e-4 * np.abs(together.maps[n]).max())
        assert alone.targets[0] == together.targets[n]
    free = saliency(deepcopy(model).requires_grad_(True), x, method)
    assert np.allclose(free.maps, together.maps, atol=1e-6 * np.abs(together.maps).max())


def test_gradcam_goes_no_further_back_than_its_layer() -> None:
    """One pass forward; no gradient in the layers before, none for weights."""
    model, passes, reached = small(), [], []
    model.register_forward_hook(lambda *_: passes.append(1))
    model.layer1.register_full_backward_hook(lambda *_: reached.append("layer1"))
    model.layer3[1].register_full_backward_hook(lambda *_: reached.append("layer3.1"))
    layer = cam_layer(model, (3, 32, 32))
    passes.clear()
    saliency(model, torch.randn(1, 3, 32, 32), "gradcam", layer=layer)
    assert len(passes) == 1
    assert reached == []


CHOSEN = {
    "resnet18": "layer4.1", "vgg11": "features.19", "swin_t": "norm", "squeezenet1_1": "classifier.2", "lenet5": "act_1",
    "vit_b_16": "encoder.layers.encoder_layer_11.ln_1", "alexnet": "features.11",
}  # fmt: skip
SEEN = ("lenet5_1998", "resnet20", "squeezenet1_1", "tinyvgg")
LARGE = {
    "densenet121": "relu", "inception_v3": "Mixed_7c", "mobilenet_v2": "features.18.2", "convnext_tiny": "features.7.2",
    "maxvit_t": "blocks.3.layers.1.layers.grid_attention",
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "layer"), [*CHOSEN.items(), *(pytest.param(*item, marks=pytest.mark.slow) for item in LARGE.items())]
)
def test_the_last_map_before_the_classes_is_chosen(name: str, layer: str) -> None:
    native = variant(name).native
    with torch.device("meta"):
        model = create_model(name)
    assert cam_layer(model, (native.in_channels, native.image_size, native.image_size)) == layer


@pytest.mark.parametrize("functional", [False, True])
def test_the_activation_is_chosen_as_a_module_and_as_a_function(functional: bool) -> None:
    assert cam_layer(Square(functional=functional), (1, 8, 8)) == "relu"


@pytest.mark.parametrize("name", networks(SMALLEST, (), SEEN))
def test_every_family_gives_maps(name: str) -> None:
    native = variant(name).native
    side = native.fitting_size(32)
    torch.manual_seed(0)
    model = create_model(name, num_classes=5, image_size=side).eval()
    x = torch.randn(2, native.in_channels, side, side)
    hooks = state(model)[3]
    for method in ("gradient", *CAMS):
        found = saliency(model, x, method)
        assert found.maps.shape == (2, side, side)
        assert np.isfinite(found.maps).all()
    layer = cam_layer(model, x.shape[1:])
    assert any(saliency(model, x, method, target=t).maps.any() for method in CAMS for t in range(5)), layer
    assert state(model)[3] == hooks


WRONG: list[tuple[Callable[[nn.Module, Tensor], Any], str]] = [
    (lambda m, x: saliency(m, x, "grad-cam"), "unknown method 'grad-cam': did you mean gradcam"),
    (lambda m, x: saliency(m, x, "gradcam", layer="layer4"), "unknown layer 'layer4': did you mean layer"),
    (
        lambda m, x: saliency(m, x, "gradcam", layer="fc"),
        r"fc gives \(1, 10\), which has no spatial extent; .* such as layer3.2",
    ),
    (lambda m, x: saliency(m, x, "gradcam", layer="avgpool"), "no spatial extent"),
    (lambda m, x: saliency(m, x, "smoothgrad", layer="layer3"), "smoothgrad explains the pixels and takes no layer"),
    (lambda m, x: saliency(m, x, target=10), "class 10 does not exist: the network has 10, counted from 0"),
    (lambda m, x: saliency(m, x, target=-1), "a target is a class"),
    (lambda m, x: saliency(m, x, target=[1, 2]), "one for each of 1"),
    (lambda m, x: saliency(m, x[0]), r"saliency needs images \(n, c, h, w\)"),
    (
        lambda _, __: cam_layer(nn.Sequential(nn.Flatten(), nn.Linear(3072, 10)), (3, 32, 32)),
        "no layer of the network has spatial extent",
    ),
]


@pytest.mark.parametrize(("call", "words"), WRONG, ids=[words[:24] for _, words in WRONG])
def test_what_cannot_be_explained_is_said(call: Callable[[nn.Module, Tensor], Any], words: str) -> None:
    model = small()
    before = state(model)[3]
    with pytest.raises(InputError, match=words):
        call(model, torch.randn(1, 3, 32, 32))
    assert state(model)[3] == before
    assert not model.training
