"""Rows of an anatomy add up to what others count: published figures, PyTorch's counters, closed formulas, real memory."""

import copy
from math import prod

import pytest
import torch
import torchvision
from selection import networks
from torch import nn
from torch.autograd.graph import saved_tensors_hooks
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from convatlas.anatomy import Unfollowed, inspect, peak_memory
from convatlas.anatomy.layers import example
from convatlas.anatomy.layers import without_values as weightless
from convatlas.anatomy.macs import macs
from convatlas.anatomy.saved_activations import kept_bytes
from convatlas.errors import InputError
from convatlas.models import CATALOG, create_model, create_on_meta

SLIM = {  # what real tensors measure in a moment
    "lenet5_1998": {},
    "vgg11_bn": {"width": 16},
    "resnet18": {"width": 16},
    "densenet_bc_100_12": {"depths": (2, 2, 2)},
    "mobilenet_v3_small": {},
    "convnext_tiny": {"depths": (1, 1, 1, 1), "width": 24},
    "vit_b_16": {"depth": 2, "width": 64, "heads": 4},
    "swin_t": {"depths": (1, 1, 2, 1), "width": 32, "head_width": 16},
}
THEIRS = [name for name in CATALOG if name in torchvision.models.list_models(module=torchvision.models)]
QUICK = {"alexnet", "mobilenet_v3_small", "vit_b_32"}


def small(name):
    """A small network and the size of its images."""
    native = CATALOG[name].native_of(name)
    side = native.fitting_size(64 if native.image_size > 64 else 32)
    return create_model(name, num_classes=10, image_size=side, **SLIM[name]), (native.in_channels, side, side)


def test_torchvision_has_eighty_networks_of_ours():
    assert len(THEIRS) == 80


@pytest.mark.parametrize("name", networks(THEIRS, QUICK, ("googlenet", "shufflenet_v2_x0_5")))
def test_macs_are_the_published_ones(name):
    """To the third decimal of a GMAC, at the size each checkpoint was evaluated at, and all parameters have a row."""
    side = CATALOG[name].native_of(name).image_size
    weights = [w for w in torchvision.models.get_model_weights(name) if w.transforms.keywords["crop_size"] == side]
    anatomy = inspect(create_on_meta(name), (3, side, side))
    assert {f"{anatomy.macs / 1e9:.3f}"} == {f"{w.meta['_ops']:.3f}" for w in weights}
    assert {anatomy.parameters} == {
        w.meta["num_params"] for w in weights
    } or anatomy.idle  # theirs leave out heads for training
    assert sum(layer.parameters for layer in anatomy.layers) + anatomy.idle == anatomy.parameters
    assert len({layer.name for layer in anatomy.layers}) == len(anatomy.layers)


@pytest.mark.parametrize("name", networks(SLIM, SLIM.keys() - {"mobilenet_v3_small"}, SLIM))
def test_macs_agree_with_pytorchs_counter_and_with_formulas(name):
    model, size = small(name)
    anatomy = inspect(model, size)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model.eval()(torch.randn(1, *size))
    assert 2 * anatomy.macs == counter.get_total_flops()
    assert macs(model, *size[:2]) == anatomy.macs
    products = 0
    for layer in anatomy.layers:
        module = dict(model.named_modules()).get(layer.name)
        if layer.kernel and layer.groups:
            c_in, c_out = layer.input_shape[1], layer.output_shape[1]
            assert layer.macs == prod(layer.output_shape) * prod(layer.kernel) * c_in // layer.groups
            if layer.kind == "Conv2d":  # LeNet's table leaves weights out
                weights = layer.parameters - c_out * (module.bias is not None)
                assert weights == prod(layer.kernel) * c_in * c_out // layer.groups
        elif isinstance(module, nn.Linear):
            assert layer.macs == prod(layer.output_shape) * layer.input_shape[-1]
        else:
            products += layer.macs
    assert (products > 0) == (name in {"vit_b_16", "swin_t"})  # nothing multiplies but convolutions, linear layers, attention


def saved(model, x):
    """Bytes that real tensors keep for the backward pass, beside the weights."""
    held = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept = {}

    def pack(value):
        storage = value.untyped_storage()
        if storage.data_ptr() not in held:
            kept[storage.data_ptr()] = storage.nbytes()
        return value

    with saved_tensors_hooks(pack, lambda value: value):
        y = model.train()(x)
    del y
    return sum(kept.values())


@pytest.mark.parametrize("name", networks(SLIM, SLIM.keys() - {"mobilenet_v3_small"}, SLIM))
def test_kept_bytes_are_those_of_real_tensors(name):
    model, size = small(name)
    anatomy = inspect(model, size)
    with weightless(model):
        counted = kept_bytes(model.train(), example(model, size, batch=2))
    assert counted.total() == saved(model, torch.randn(2, *size))
    assert 2 * anatomy.kept == pytest.approx(counted.total(), rel=1e-3)  # DropPath's dice are nobody's


def allocated(model, x, training):
    """The most that PyTorch's allocator had given out at once, the image included."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record, torch.set_grad_enabled(training):
        y = model(x)
        if training:
            torch.autograd.grad(y, list(model.parameters()), torch.ones_like(y), allow_unused=True)
        del y
    now = most = 0
    events = [event for event in record.profiler.kineto_results.events() if event.name() == "[memory]"]
    for event in sorted(events, key=lambda event: event.start_ns()):
        now += event.nbytes()
        most = max(most, now)
    return most + x.nbytes


@pytest.mark.parametrize("name", ["lenet5_1998", "densenet_bc_100_12", "vgg11_bn", "vit_b_16", "swin_t"])
@pytest.mark.parametrize("training", [False, True])
def test_peak_memory_is_what_the_allocator_gives(name, training):
    """To the byte where no convolution takes room to work in, which comes on top."""
    model, size = small(name)
    x = torch.randn(2, *size)
    model.train(training)(x)  # what is made once
    found = peak_memory(model, size, batch=2, training=training)
    measured = allocated(model, x, training)
    assert found.weights == sum(v.nbytes for v in (*model.parameters(), *model.buffers()))
    assert 0.7 * measured <= found.working <= 1.001 * measured
    if name in {"vit_b_16", "swin_t"}:
        assert found.working == pytest.approx(measured, abs=64)


def test_training_takes_more_and_grows_with_the_batch():
    model = create_on_meta("resnet18")
    one, two = (peak_memory(model, (3, 64, 64), batch=n, training=True) for n in (2, 8))
    assert peak_memory(model, (3, 64, 64), batch=2).total < one.total < two.total
    assert one.weights == two.weights


@pytest.mark.slow
def test_nothing_changes_in_the_network():
    model = create_model("googlenet", num_classes=4)
    model.train()
    model.inception3a.eval()
    model.conv1.conv.weight.requires_grad_(False)
    state = copy.deepcopy(model.state_dict())
    values = {name: (id(p), p.device, p.requires_grad) for name, p in model.named_parameters()}
    modes = [module.training for module in model.modules()]
    dice = torch.get_rng_state()
    anatomy = inspect(model, (3, 96, 96))
    peak_memory(model, (3, 96, 96), training=True, batch=2)
    macs(model, 3, 96)
    with pytest.raises(InputError):
        inspect(model, (5, 96, 96))
    assert [module.training for module in model.modules()] == modes
    assert {name: (id(p), p.device, p.requires_grad) for name, p in model.named_parameters()} == values
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), dice)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert anatomy["conv1.conv"].parameters == 0  # frozen
    assert anatomy.idle == sum(p.numel() for name, p in model.named_parameters() if name.startswith("aux"))


class Undecided(nn.Module):
    """Its way depends on values."""

    def __init__(self):
        super().__init__()
        self.conv, self.act = nn.Conv2d(3, 8, 3), nn.ReLU()

    def forward(self, x):
        x = self.act(self.conv(x))
        return x * 2 if x.sum() > 0 else x


def test_a_way_that_depends_on_values_is_followed_as_far_as_it_goes():
    with pytest.raises(
        Unfollowed, match=r"the way of undecided depends on a value, after gt: layers are counted .*\(4 layers until there"
    ) as caught:
        inspect(Undecided(), (3, 8, 8), name="undecided")
    assert [layer.name for layer in caught.value.anatomy.layers] == ["conv", "act", "sum", "gt"]
    assert caught.value.anatomy["conv"].macs == 8 * 27 * 36


@pytest.mark.parametrize(
    ("size", "message"),
    [
        (
            (4, 32, 32),
            "resnet18 does not take an image of 4x32x32: it takes 3 channels",
        ),
        ((3, 4), "an input has channels, height and width, such as 3x224x224, got 3x4"),
        ((3, 0, 8), "got 3x0x8"),
    ],
)
def test_other_images_are_refused(size, message):
    with pytest.raises(InputError, match=message):
        inspect(create_on_meta("resnet18"), size, name="resnet18")


def test_it_says_where_a_small_image_is_used_up():
    with pytest.raises(
        InputError, match=r"vgg11 does not take an image of 3x16x16: it stopped after features\.19 \(1, 512, 1, 1\)"
    ):
        inspect(create_on_meta("vgg11"), (3, 16, 16), name="vgg11")


def test_rows_say_what_a_layer_is():
    anatomy = inspect(create_on_meta("resnet50"), (3, 224, 224))
    conv = anatomy["conv1"]
    assert (conv.kind, conv.input_shape, conv.output_shape) == ("Conv2d", (1, 3, 224, 224), (1, 64, 112, 112))
    assert (conv.kernel, conv.stride, conv.padding, conv.dilation, conv.groups) == ((7, 7), (2, 2), (3, 3), (1, 1), 1)
    assert conv.inputs == (-1,)
    assert conv.bytes == 4 * 64 * 112 * 112
    assert conv.read == 4 * (3 * 224 * 224 + 64 * 3 * 49)
    assert conv.intensity == conv.flops / (conv.bytes + conv.read)
    names = [layer.name for layer in anatomy.layers]
    joint = anatomy["layer1.0.add"]
    assert {names[i] for i in joint.inputs} == {"layer1.0.bn3", "layer1.0.downsample.1"}
    assert anatomy["flatten"].bytes == 0
    assert anatomy.macs == 4_089_184_256
    assert anatomy.parameters == 25_557_032


class Reader(nn.Module):
    """Reads a map row by row."""

    def __init__(self):
        super().__init__()
        self.conv, self.rnn, self.fc = nn.Conv2d(3, 8, 3, 2, 1), nn.LSTM(8, 16, batch_first=True), nn.Linear(16, 5)

    def forward(self, x):
        y, _ = self.rnn(self.conv(x).flatten(2).transpose(1, 2))
        return self.fc(y[:, -1])


def test_other_peoples_networks_are_followed():
    """PyTorch's own attention and recurrence, torchvision's in-place activations."""
    with torch.device("meta"):
        vit = torchvision.models.VisionTransformer(224, 32, num_layers=2, num_heads=12, hidden_dim=768, mlp_dim=3072)
        squeezenet = torchvision.models.squeezenet1_1()
        encoder = nn.Sequential(nn.Flatten(2), nn.TransformerEncoderLayer(64, 4, 128, batch_first=True))
    for theirs, ours in (vit, create_on_meta("vit_b_32", depth=2)), (squeezenet, create_on_meta("squeezenet1_1")):
        assert inspect(theirs, (3, 224, 224)).macs == inspect(ours, (3, 224, 224)).macs
    tokens, c, inner = 10, 64, 128
    attention = tokens * c * 4 * c + 2 * tokens * tokens * c
    assert inspect(encoder, (tokens, 8, 8)).macs == attention + 2 * tokens * c * inner
    reader = inspect(Reader(), (3, 16, 16))
    assert reader["rnn"].macs == 64 * 4 * 16 * (8 + 16)
    assert sum(layer.parameters for layer in reader.layers) == reader.parameters
