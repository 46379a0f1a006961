"""The smallest network of each family, run: what it computes does not depend on company, copies, hooks or memory formats."""

import copy
import pickle
from math import log

import pytest
import torch
from catalogue import CLASSES, KINDS, SMALLEST, images, logits, small, tensors, without
from selection import networks
from torch import nn

from convatlas.models import CATALOG, create_model
from convatlas.models.family import SMALL

LIGHT = ("lenet5_1998", "resnet20", "mobilenet_v1_025", "squeezenet1_1", "vit_b_16", "tinyvgg")
MORE = ("alexnet_2012", "densenet_bc_100_12", "shufflenet_v2_x0_5", "efficientnet_lite0", "convnext_tiny", "swin_t")
NETWORKS = networks(KINDS, LIGHT, MORE)


@pytest.fixture(scope="module", params=NETWORKS)
def network(request):
    """Name, network in evaluation and images; shared by the tests, so who changes it takes a copy."""
    model, x = small(request.param)
    return request.param, model.eval(), x


def step(model, x):
    """Logits and gradients of a training step whose dropout is drawn from a seed."""
    torch.manual_seed(2)
    model.zero_grad()
    output = model.train()(x)
    sum(each.square().mean() for each in tensors(output)).backward()
    return {"logits": logits(output).detach()} | {key: p.grad for key, p in model.named_parameters()}


def differ(a, b):
    return [key for key in a if not torch.equal(a[key], b[key])]


def away(found, expected):
    """The error's share of the whole."""
    return ((found - expected).norm() / expected.norm()).item()


def test_every_parameter_learns_and_a_seed_repeats_it(network):
    name = network[0]
    first = step(*small(name))
    assert not [key for key, value in first.items() if not value.isfinite().all()]
    assert not [key for key, value in first.items() if not value.any()]
    assert not differ(first, step(*small(name)))


def test_images_do_not_see_each_other_in_evaluation(network):
    _, model, x = network
    others = torch.cat([x[:1], x[1:] + 1])
    with torch.no_grad():
        before, after, alone = model(x), model(others), model(x[:1])
    assert torch.equal(before[0], after[0])
    assert not torch.equal(before[1:], after[1:])
    assert away(alone, before[:1]) < 1e-5


def test_double_precision(network):
    _, model, x = network
    with torch.no_grad():
        found = copy.deepcopy(model).double()(x.double())
        assert found.dtype == torch.float64
        assert away(model(x), found) < 1e-4


def test_half_precision(network):
    model, x = copy.deepcopy(network[1]), network[2][:2]
    expected = model(x).detach()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = model(x)
    mixed.float().square().mean().backward()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)
    with torch.no_grad():
        half = model.bfloat16()(x.bfloat16())
    assert half.dtype == torch.bfloat16
    for found in (mixed.detach(), half):
        assert 0 < away(found.float(), expected) < 0.1


@pytest.mark.parametrize("twin", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))], ids=["copy", "pickle"])  # noqa: S301
def test_a_copy_is_equal_and_independent(network, twin):
    _, model, x = network
    one = twin(model)
    two = twin(one)
    with torch.no_grad():
        expected = model(x)
        for p in one.parameters():
            p.zero_()
        assert torch.equal(two(x), expected)
        assert not torch.equal(one(x), expected)


def test_channels_last_computes_the_same(network):
    _, model, x = network
    last = copy.deepcopy(model).to(memory_format=torch.channels_last)
    with torch.no_grad():
        assert away(last(x.to(memory_format=torch.channels_last)), model(x)) < 1e-4


def test_what_a_hook_saw_is_never_overwritten(network):
    """On every module at once, then on the modules of one class alone: each way of asking gives other operations in place."""
    model, x = copy.deepcopy(network[1]), network[2][:2]
    kinds = (nn.Module, *dict.fromkeys(type(module) for module in model.modules()))
    for training, asked in (True, kinds[:1]), (False, kinds):
        expected = watched(model.train(training), x, [])[0]
        for kind in asked:
            found, seen = watched(model, x, [module for module in model.modules() if isinstance(module, kind)])
            assert seen or kind is not nn.Module
            assert torch.equal(found, expected), kind
            wrong = [then for value, version, then in seen if value._version != version or not torch.equal(value, then)]
            assert not wrong, (kind, [value.shape for value in wrong])


def watched(model, x, modules):
    """Logits, and what hooks on the modules kept: each tensor with its version and a copy."""
    seen = []

    def keep(_, args, output):
        seen.extend((value, value._version, value.clone()) for value in tensors(args, output))

    handles = [module.register_forward_hook(keep) for module in modules]
    torch.manual_seed(3)
    with torch.no_grad():
        output = logits(model(x))
    for handle in handles:
        handle.remove()
    return output, seen


@pytest.mark.filterwarnings("ignore:Full backward hook is firing")  # on a module that reads a constant table
def test_backward_hooks_may_look_at_every_module(network):
    """A full backward hook hands out views, in which any operation in place is an error."""
    _, model, x = network
    model, x = copy.deepcopy(model), x.clone().requires_grad_()
    expected, seen = step(copy.deepcopy(model), x), []
    for module in model.modules():
        module.register_full_backward_hook(lambda _, __, gradient: seen.append(gradient))
    assert not differ(expected, step(model, x))
    assert seen
    assert all(value.isfinite().all() for value in tensors(seen))


@pytest.mark.parametrize("channels", [1, pytest.param(5, marks=pytest.mark.thorough)])
@pytest.mark.parametrize("name", networks(SMALLEST, LIGHT, MORE))
def test_every_channel_counts(name, channels):
    model, x = small(name, in_channels=channels)
    model.eval()(x.requires_grad_()).square().sum().backward()
    assert x.grad.flatten(2).any(2).all()


@pytest.mark.parametrize("built", ["small", pytest.param("large", marks=pytest.mark.thorough)])
@pytest.mark.parametrize("name", networks(without("fixed-size", SMALLEST), LIGHT, MORE))
def test_odd_and_oblong_images_are_seen_to_their_edges(name, built):
    native = CATALOG[name].native_of(name)
    side = native.smallest if built == "small" else native.fitting_size(SMALL + 1)
    model, _ = small(name, image_size=side)
    x = images(2, native.in_channels, side + 3, side + 31).requires_grad_()
    y = model.eval()(x)
    y.square().sum().backward()
    assert y.shape == (2, CLASSES)
    assert x.grad[..., -native.smallest :, :].any()
    assert x.grad[..., -native.smallest :].any()


@pytest.mark.parametrize("name", networks(KINDS, LIGHT, MORE))
def test_fresh_logits_are_of_sane_scale(name):
    """Before it has learned anything a network thinks all classes about equally likely, whichever is right."""
    native = CATALOG[name].native_of(name)
    torch.manual_seed(0)
    model = create_model(name, image_size=native.smallest)
    for each in tensors(model.train()(images(4, native.in_channels, native.smallest))):
        assert 1e-3 < each.std() < 10
        loss = -each.log_softmax(1).mean().item()
        assert 0 <= loss - log(native.num_classes) < 1
