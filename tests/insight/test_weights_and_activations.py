"""Kernels, maps, gradients and silent units, against the weights, taps and gradients they are made from."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from convatlas.anatomy import inspect
from convatlas.data import Resident
from convatlas.errors import InputError
from convatlas.insight import dead, maps
from convatlas.insight.filters import filters
from convatlas.insight.flow import flow, mark_layers, recorded_steps
from convatlas.insight.maps import feature_maps
from convatlas.insight.subject import Subject
from convatlas.models import create_model
from convatlas.ops.tap import tap


def subject(model, *, channels=3, size=16, n=24, stem="conv1", name="resnet20", labels=None):
    chance = torch.Generator().manual_seed(1)
    pixels = torch.randint(0, 256, (n, channels, size, size), dtype=torch.uint8, generator=chance)
    images = Resident(pixels, torch.arange(n) % 3 if labels is None else labels)
    return Subject(
        name, "a test", model.eval(), lambda: deepcopy(model), "fc", stem, ("a", "b", "c"), images, size,
        (0.5,) * channels, (0.25,) * channels,
    )  # fmt: skip


@pytest.fixture(scope="module")
def resnet():
    torch.manual_seed(0)
    return subject(create_model("resnet20", num_classes=3, n=1))


def state(model):
    hooks = [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules()]
    grads = [p.grad for p in model.parameters()]
    return [m.training for m in model.modules()], hooks, grads, {k: v.clone() for k, v in model.state_dict().items()}


def same(a, b):
    return a[:3] == b[:3] and all(torch.equal(a[3][key], b[3][key]) for key in a[3])


def test_colored_kernels_are_the_weights_gray_ones_first(resnet):
    found = filters(resnet)
    weight = resnet.model.conv1.weight.detach()
    assert (found.kind, found.total, len(found.places)) == ("colored", 16, 16)
    for (i,), kernel in zip(found.places, found.kernels, strict=True):
        assert np.array_equal(kernel, weight[i].permute(1, 2, 0).numpy())
    color = [float(np.linalg.norm(k - k.mean(-1, keepdims=True)) / np.linalg.norm(k)) for k in found.kernels]
    assert color == sorted(color)


def test_slices_of_a_deeper_layer_are_the_strongest_and_their_initial_state_stands_at_the_same_place():
    torch.manual_seed(0)
    learned, fresh = (create_model("resnet20", num_classes=3, n=1) for _ in range(2))
    seen = replace(subject(learned), fresh=lambda: fresh)
    found = filters(seen, "layer2.0.conv1", count=7)
    weight, before = (dict(m.named_parameters())["layer2.0.conv1.weight"].detach() for m in (learned, fresh))
    norms = weight.flatten(2).norm(dim=2)
    assert [float(norms[place]) for place in found.places] == norms.flatten().sort(descending=True)[0][:7].tolist()
    for place, kernel, initial in zip(found.places, found.kernels, found.initial, strict=True):
        assert np.array_equal(kernel, weight[place].numpy())
        assert np.array_equal(initial, before[place].numpy())


def test_kernels_of_one_pixel_make_a_matrix():
    torch.manual_seed(0)
    seen = subject(
        create_model("mobilenet_v2", num_classes=3, image_size=32, depths=(1, 1, 1, 1, 1, 1, 1)), size=32, stem="features.0.0"
    )
    name = next(n for n, m in seen.model.named_modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (1, 1))
    found = filters(seen, name, count=5)
    rows, columns = found.places
    weight = dict(seen.model.named_parameters())[f"{name}.weight"][:, :, 0, 0].detach()
    assert np.array_equal(found.kernels, weight[list(rows)][:, list(columns)].numpy())
    assert float(weight[rows[0]].norm()) == float(weight.norm(dim=1).max())


def test_layers_without_kernels_name_some_that_have(resnet):
    with pytest.raises(InputError, match=r"layer1 is a Sequential and has no kernels.*layer1\.0\.conv1"):
        filters(resnet, "layer1")
    with pytest.raises(InputError, match=r"did you mean conv1"):
        filters(resnet, "conv_1")


def test_maps_are_the_taps_strongest_first(resnet):
    before = state(resnet.model)
    found = feature_maps(resnet, 2, ("layer2.0", "layer3.0.relu"), count=5)
    with torch.no_grad(), tap(resnet.model, "layer2.0", "layer3.0.relu") as taps:
        resnet.model(resnet.x([2]))
    for each in found:
        y = taps[each.name][0]
        means = y.abs().mean((1, 2))
        assert list(each.strengths) == means.sort(descending=True)[0][:5].tolist()
        assert np.array_equal(each.maps, y[list(each.channels)].numpy())
        assert (each.shape, each.total) == (tuple(y.shape), len(y))
        assert not each.signed
    assert same(before, state(resnet.model))


def test_a_walk_takes_every_stage_and_layers_without_extent_are_refused(resnet):
    anatomy = inspect(resnet.model, resnet.size)
    walked = maps.spread_layers(resnet.model, anatomy, 8)
    assert walked == ["relu", "layer1.0", "layer2.0", "layer3.0"]
    for count in (1, 2, 3):
        assert len(maps.spread_layers(resnet.model, anatomy, count)) == count
    with pytest.raises(InputError, match=r"fc gives \(1, 3\), which has no height and width.*layer3\.0"):
        feature_maps(resnet, 0, ("fc",))
    with pytest.raises(InputError, match="unknown layer"):
        feature_maps(resnet, 0, ("layer9",))


def test_gradient_norms_and_ratios_are_those_of_one_step_of_the_recipe():
    torch.manual_seed(0)
    seen = subject(create_model("resnet20", num_classes=3, n=1), n=8)
    before = state(seen.model)
    found = flow(seen, steps=1, batch=8, seed=3)
    assert same(before, state(seen.model))
    model = deepcopy(seen.model).train()
    x, labels = next(seen.batches())
    cross_entropy(model(x), labels).backward()
    weights = {name: p for name, p in model.named_parameters() if p.ndim > 1}
    assert [f"{layer}.weight" for layer in found.layers] == list(weights)
    gradients = np.array([p.grad.norm().item() for p in weights.values()])
    assert np.allclose(found.gradients[0], gradients, rtol=1e-4)  # the order of the images alone differs
    rate = 0.2 * 8 / 128
    step = [rate * 1.9 * (p.grad + 5e-4 * p.detach()).norm() / p.detach().norm() for p in weights.values()]  # Nesterov's first
    assert np.allclose(found.ratios[0], step, rtol=1e-4)
    assert found.trained is None  # it is as it begins
    taught = replace(seen, fresh=lambda: create_model("resnet20", num_classes=3, n=1))
    as_given = flow(taught, steps=1, batch=8, seed=3).trained
    assert np.allclose(as_given, np.stack([found.gradients[0], found.ratios[0]]))


def test_flow_is_the_same_again_and_leaves_chance_alone(resnet):
    chance = torch.random.get_rng_state()
    first, second, other = (flow(resnet, steps=6, batch=8, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(chance, torch.random.get_rng_state())
    assert np.array_equal(first.gradients, second.gradients)
    assert first.steps == (0, 5) == tuple(recorded_steps(6))
    assert not np.array_equal(first.gradients, other.gradients)


class Sigmoids(nn.Module):
    """A stack too deep for a function whose slope is a quarter at most."""

    def __init__(self, depth=14):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 4, stride=4)
        self.layers = nn.Sequential(*(nn.Sequential(nn.Linear(8, 8), nn.Sigmoid()) for _ in range(depth)))
        self.fc = nn.Linear(8, 3)

    def forward(self, x):
        return self.fc(self.layers(torch.sigmoid(self.conv1(x)).mean((2, 3))))


def test_a_stack_of_sigmoids_vanishes_towards_the_image_and_nothing_else_is_marked():
    torch.manual_seed(0)
    found = flow(subject(Sigmoids(), size=8), steps=2, batch=8)
    vanishing, exploding = found.first
    assert vanishing[0]
    assert np.array_equal(vanishing, np.sort(vanishing)[::-1])  # from the image up to some depth
    assert not vanishing[-(len(vanishing) // 4) :].any()
    ordinary = np.full(5, 1e-3)
    spoilt = np.array([2e3, 1.0, np.nan, 1e-4, 1.0])
    vanished, exploded = mark_layers(spoilt, ordinary)
    assert vanished.tolist() == [False, False, False, True, False]
    assert exploded.tolist() == [True, False, True, False, False]
    assert mark_layers(np.ones(2), np.array([1e-7, 2.0]))[0].tolist() == [True, False]
    assert mark_layers(np.ones(2), np.array([1e-7, 2.0]))[1].tolist() == [False, True]
    assert not exploding.any()


def test_flow_needs_labels_and_weights(resnet):
    with pytest.raises(InputError, match="classes of the images"):
        flow(subject(resnet.model, labels=torch.full((24,), -1)))
    with pytest.raises(InputError, match="no layer with trainable weights"):
        flow(subject(nn.Flatten()))


def test_plain_networks_spread_their_gradients_and_residual_ones_do_not(resnet):
    shallow = flow(resnet, steps=1, batch=16, name="resnet20:n=6")
    plain = flow(resnet, steps=1, batch=16, name="plain20:n=6")
    spread = [float(f.gradients[0, :-1].max() / f.gradients[0, :-1].min()) for f in (shallow, plain)]
    assert spread[1] > 10 * spread[0]


class Planted(nn.Module):
    """Units 0 and 2 are off on every image, unit 1 where a pixel is dark; then tanh and the sigmoid, far out on both sides."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 1)
        self.squash = nn.Linear(4, 3)
        with torch.no_grad():
            self.conv1.weight[:, 0, 0, 0] = torch.tensor([1.0, 1.0, 0.0, 1.0])
            self.conv1.bias[:] = torch.tensor([-50.0, 0.0, -1.0, 50.0])
            self.squash.weight.zero_()
            self.squash.bias[:] = torch.tensor([9.0, 0.0, -9.0])

    def forward(self, x):
        y = torch.relu(self.conv1(x)).movedim(1, -1)
        return torch.sigmoid(torch.tanh(self.squash(y)) * 9).mean((1, 2))


def test_planted_dead_units_are_found_and_saturation_is_measured():
    seen = subject(Planted(), channels=1, size=8, n=10)
    before = state(seen.model)
    relu, tanh, sigmoid = dead.activity(seen, batch=4)
    assert same(before, state(seen.model))
    bright = float((seen.x(range(10)) > 0).float().mean())
    assert (relu.name, relu.kind, relu.units, relu.dead, relu.saturated) == ("relu", "relu", 4, 2, None)
    assert relu.fired.tolist() == [0, pytest.approx(bright), 0, 1]
    for squashed in (tanh, sigmoid):
        assert squashed.fired.tolist() == [0, 1, 0]  # units are the last axis after a linear layer
        assert squashed.saturated == pytest.approx(2 / 3)
    again = dead.activity(seen, batch=10)
    assert all(np.array_equal(a.fired, b.fired) for a, b in zip(again, (relu, tanh, sigmoid), strict=True))


def test_slopes_at_the_ends_are_a_twentieth_of_the_steepest():
    for kind, function, steepest in (("tanh", torch.tanh, 1.0), ("sigmoid", torch.sigmoid, 0.25)):
        for end in dead.ENDS[kind]:
            x = torch.linspace(-9, 9, 200001, dtype=torch.float64)
            at = x[(function(x) - end).abs().argmin()].requires_grad_()
            (slope,) = torch.autograd.grad(function(at), at)
            assert float(slope) == pytest.approx(dead.FLAT * steepest, rel=1e-2)
    off = {kind: torch.tensor(float(x)) for kind, x in dead.OFF.items()}
    assert all(abs(float(getattr(nn.functional, kind)(x))) < 0.01 for kind, x in off.items())


def test_networks_without_activations_are_refused():
    model = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(2 * 36, 3))
    with pytest.raises(InputError, match="no activation that can be off or saturated"):
        dead.activity(subject(model, size=8))
