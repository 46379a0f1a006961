"""Taps show what flows and change nothing."""

import pytest
import torch
from selection import mark_of
from torch import nn

from convatlas.anatomy import inspect
from convatlas.errors import InputError
from convatlas.models import CATALOG, FAMILIES, create_model
from convatlas.ops.tap import tap

SMALL = {  # a network of each family cut to what runs quickly, with all kinds of blocks; the rest are small by themselves
    "alexnet": ("alexnet", {"hidden": 64}),
    "zfnet": ("zfnet", {"hidden": 64}),
    "vgg": ("vgg11_bn", {"width": 16}),
    "googlenet": ("googlenet", {}),
    "inception": ("inception_v3", {"pooled": (16, 32, 32), "waists": (32, 48, 48, 64)}),
    "resnet": ("resnet50", {"width": 16, "depths": (2, 1, 1, 1)}),
    "resnet_cifar": ("resnet20", {"n": 2}),
    "preact_resnet": ("preact_resnet18", {"width": 16, "depths": (2, 1, 1, 1)}),
    "wrn_cifar": ("wrn_40_2", {"depth": 16}),
    "resnext_cifar": ("resnext29_32x4d", {"n": 1}),
    "densenet": ("densenet_bc_100_12", {"depths": (2, 2, 2)}),
    "mobilenet_v1": ("mobilenet_v1_025", {}),
    "shufflenet_v2": ("shufflenet_v2_x0_5", {"depths": (2, 2, 2)}),
    "efficientnet": ("efficientnet_b0", {"depth": 0.5}),
    "efficientnet_v2": ("efficientnet_v2_s", {"depths": (1, 2, 1, 1, 2, 1)}),
    "convnext": ("convnext_tiny", {"depths": (1, 1, 1, 1), "width": 24}),
    "vit": ("vit_b_16", {"depth": 2, "width": 64, "heads": 4}),
    "swin": ("swin_t", {"depths": (2, 2, 2, 2), "width": 32, "head_width": 16}),
    "maxvit": ("maxvit_t", {"depths": (1, 2, 1, 1), "width": 32, "head_width": 16}),
}
QUICK = {"lenet", "vit"}
SLOW = {"resnet", "densenet", "shufflenet_v2"}


def built(family):
    """A small network of a family, images it takes, and the names of all its layers and operations."""
    name, changes = SMALL.get(family.name, (next(iter(family.variants)), {}))
    native = CATALOG[name].native_of(name)
    side = native.fitting_size(64 if native.image_size > 64 else 32)
    model = create_model(name, num_classes=5, image_size=side, **changes)
    x = torch.randn(2, native.in_channels, side, side)
    return model, x, [layer.name for layer in inspect(model, x.shape[1:]).layers]


def hooks(model):
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules())


def outputs(model, x, names):
    """What the network gives in each way of running it."""
    state = {key: value.clone() for key, value in model.state_dict().items()}
    for training in (False, True):
        for images in (x, x.to(memory_format=torch.channels_last)):
            for context in (torch.no_grad(), torch.enable_grad(), torch.autocast("cpu", torch.bfloat16)):
                model.train(training)
                torch.manual_seed(1)
                with context, tap(model, *names) as taps:
                    y = model(images)
                assert all(taps[name] is not None for name in names)
                yield from [y] if isinstance(y, torch.Tensor) else [v for v in y if v is not None]
        yield from model.state_dict().values()
        model.load_state_dict(state)


@pytest.mark.parametrize(
    "family",
    [pytest.param(f, id=f.name, marks=mark_of(f.name, QUICK, SLOW)) for f in FAMILIES],
)
def test_a_network_with_every_layer_tapped_gives_the_same(family):
    model, x, names = built(family)
    untapped = [y.detach().clone() for y in outputs(model, x, [])]
    tapped = [y.detach().clone() for y in outputs(model, x, names)]
    assert len(untapped) == len(tapped)
    assert all(torch.equal(a, b) for a, b in zip(untapped, tapped, strict=True))
    assert hooks(model) == 0


def test_gradients_are_those_of_autograd():
    model, x, _ = built(CATALOG["resnet18"])
    caught = {}

    def catch(name):
        return lambda _, __, y: caught.__setitem__(name, y)

    names = ["conv1", "layer1.0.bn2", "layer2.0", "layer3", "avgpool"]
    handles = [model.get_submodule(name).register_forward_hook(catch(name)) for name in names]
    loss = model.eval()(x).square().sum()
    expected = dict(zip(names, torch.autograd.grad(loss, [caught[name] for name in names], retain_graph=True), strict=True))
    weights = torch.autograd.grad(loss, list(model.parameters()))
    for handle in handles:
        handle.remove()
    with tap(model, *names) as taps:
        model(x).square().sum().backward()
    for name in names:
        assert torch.equal(taps[name], caught[name])
        torch.testing.assert_close(taps.gradient(name), expected[name], rtol=1e-5, atol=1e-7)
    for p, gradient in zip(model.parameters(), weights, strict=True):
        torch.testing.assert_close(p.grad, gradient, rtol=1e-5, atol=1e-6)


class Toy(nn.Module):
    """What networks do: in place, twice the same, an identity, tuples, a way that depends on the mode."""

    def __init__(self):
        super().__init__()
        self.conv, self.act, self.same = nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(inplace=True), nn.Identity()
        self.split, self.only = Split(), nn.Conv2d(4, 4, 1)

    def forward(self, x):
        y = self.act(self.conv(x))
        z = self.act(y - 1)
        z = z + 3 * self.same(z)
        z += y
        a, b = self.split(z)
        return a - 2 * b + (self.only(a) if self.training else 0)


class Split(nn.Module):
    def forward(self, x):
        return x * 1, x * 2


@pytest.fixture
def toy():
    return Toy().eval()


def test_second_calls_and_operations_are_numbered(toy):
    x = torch.randn(1, 3, 4, 4)
    with tap(toy, "conv", "act", "act_1", "sub", "add", "add_1") as taps:
        toy(x)
    assert torch.equal(taps["act"], taps["conv"].relu())
    assert torch.equal(taps["act_1"], taps["sub"].relu())
    assert torch.equal(taps["add_1"], 4 * taps["act_1"] + taps["act"])
    assert list(taps) == ["conv", "act", "sub", "act_1", "add", "add_1"]
    lenet = create_model("lenet5_1998").eval()
    with tap(lenet, "act", "act_1") as taps:
        lenet(torch.randn(1, 1, 32, 32))
    assert taps["act"].shape == (1, 6, 28, 28)
    assert taps["act_1"].shape == (1, 16, 10, 10)


def test_operations_of_a_block_have_its_name():
    model = create_model("resnet18").eval()
    with tap(model, "layer4.1.bn1", "layer4.1.relu", "layer4.1.relu_1", "layer4.1", "flatten") as taps:
        model(torch.randn(1, 3, 64, 64))
    assert torch.equal(taps["layer4.1.relu"], taps["layer4.1.bn1"].relu())
    assert torch.equal(taps["layer4.1.relu_1"], taps["layer4.1"])
    assert taps["flatten"].shape == (1, 512)


def test_what_an_operation_in_place_overwrites_is_kept():
    """Torchvision's ReLUs overwrite what batch norm gave."""
    from torchvision.models import resnet18

    model, x = resnet18().eval(), torch.randn(1, 3, 64, 64)
    expected = model(x)
    with tap(model, "bn1", "relu", "layer1.0.bn2", "layer1.0.relu", "layer1.0.relu_1") as taps:
        y = model(x)
    assert torch.equal(y, expected)
    assert (taps["bn1"] < 0).any()
    assert torch.equal(taps["bn1"].relu(), taps["relu"])
    assert (taps["layer1.0.bn2"] < 0).any()
    y.sum().backward()
    assert taps.gradient("bn1").shape == taps["bn1"].shape


def test_a_gradient_comes_back_the_tapped_way_alone(toy):
    """An identity gives its input itself, which others use too: z + 3·same(z) has three parts of four through it."""
    with tap(toy, "act_1", "same", "add") as taps:
        toy(torch.randn(1, 3, 4, 4)).sum().backward()
    torch.testing.assert_close(taps.gradient("same"), 3 * taps.gradient("add"))
    torch.testing.assert_close(taps.gradient("act_1"), 4 * taps.gradient("add"))


def test_tuples_are_kept_as_tuples(toy):
    x = torch.randn(1, 3, 4, 4)
    expected = toy(x)
    with tap(toy, "split") as taps:
        y = toy(x)
        y.sum().backward()
    a, b = taps["split"]
    assert torch.equal(y, expected)
    assert torch.equal(a - 2 * b, y)
    one, two = taps.gradient("split")
    assert torch.equal(one, torch.ones_like(a))
    assert torch.equal(two, torch.full_like(b, -2))


def test_taps_nest_and_forget_nothing(toy):
    x = torch.randn(1, 3, 4, 4)
    expected = toy(x)
    with tap(toy, "act", "act_1", "add_1") as outer:
        with tap(toy, "act", "sub", "add_1") as inner:
            y = toy(x)
        assert torch.equal(y, expected)
        for name in ("act", "add_1"):
            assert torch.equal(inner[name], outer[name])
        held = outer["add_1"]
        toy(x + 1)
        assert not torch.equal(outer["add_1"], held)
        assert torch.equal(inner["add_1"], held)
    assert hooks(toy) == 0


def test_a_part_that_is_called_by_itself_is_tapped_too():
    model = create_model("resnet18").eval()
    x = torch.randn(1, 64, 8, 8)
    with tap(model, "layer1.0.relu", "layer1.1") as taps:
        for scale in (1, 2):
            y = model.layer1(scale * x)
            assert torch.equal(taps["layer1.1"], y)
            assert torch.equal(taps["layer1.0.relu"], model.layer1[0].bn1(model.layer1[0].conv1(scale * x)).relu())


def test_nothing_stays_after_an_error(toy):
    x = torch.randn(1, 3, 4, 4)
    before = {name: value.clone() for name, value in toy.state_dict().items()}
    with pytest.raises(RuntimeError, match="channels"), tap(toy, "conv", "act_1", "add"):
        toy(x[:, :2])
    assert hooks(toy) == 0
    assert all(torch.equal(value, before[name]) for name, value in toy.state_dict().items())
    with tap(toy, "act_1") as taps:
        with pytest.raises(RuntimeError, match="channels"):
            toy(x[:, :2])
        y = toy(x)
        assert taps["act_1"].shape == y.shape


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("layr4", "unknown layer 'layr4': did you mean layer4.* lists them all"),
        ("layer4.1.rellu", "unknown layer 'layer4.1.rellu': did you mean layer4.1.relu.* lists them all"),
        ("layer4.9.relu", "unknown layer 'layer4.9.relu'.* lists them all"),
        ("layer4.1.relu_2", "unknown layer 'layer4.1.relu_2': did you mean layer4.1.relu"),
    ],
)
def test_unknown_names_get_the_nearest(name, message):
    model = create_model("resnet18", width=8).eval()
    with pytest.raises(InputError, match=message), tap(model, name):
        model(torch.randn(1, 3, 64, 64))
    assert hooks(model) == 0


def test_what_has_not_run_says_so(toy):
    with tap(toy, "only", "conv") as taps:
        with pytest.raises(InputError, match="conv has not run: call the network within the block"):
            taps["conv"]
        toy(torch.randn(1, 3, 4, 4))
        with pytest.raises(InputError, match="only has not run"):
            taps["only"]
        with pytest.raises(InputError, match="unknown tap 'act': there are"):
            taps["act"]
        with pytest.raises(InputError, match="conv has no gradient: call backward"):
            taps.gradient("conv")
    assert "only" not in taps
    assert set(taps) == {"conv"}


def test_what_was_overwritten_afterwards_is_not_given():
    class Forgetful(nn.Module):
        def forward(self, x):
            y = x + 1
            y.mul_(2)  # what it returns is y itself
            y.sub_(1)
            return y

    model = Forgetful()
    with tap(model, "add", "mul") as taps:
        y = model(torch.ones(2))
    assert torch.equal(y, torch.full((2,), 3.0))
    assert torch.equal(taps["add"], torch.full((2,), 2.0))
    with pytest.raises(InputError, match="mul was overwritten later on: tap the operation that did it, or one before"):
        taps["mul"]
