"""Receptive fields are what a gradient says they are: for random networks, for the catalog, and for numbers in print."""

import pytest
import torch
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st
from linear import Linear, covered, measured
from selection import networks
from torch import nn
from torch.nn import functional as F

from convatlas.anatomy import inspect
from convatlas.anatomy.receptive import Axis
from convatlas.models import CATALOG, create_on_meta, list_models

PUBLISHED = {  # Araujo et al. 2019, where our variant is theirs; DenseNet's by the same formula from its paper's table
    "alexnet": ("features.12", 195),
    "vgg16": ("features.30", 212),
    "mobilenet_v1_100": ("stages.4.1.pointwise.2", 315),
    "inception_v3": ("Mixed_7c.cat", 1311),
    "densenet121": ("relu", 2071),
}
NAMES = [name for name in list_models() if "transformer" not in CATALOG[name].tags and CATALOG[name].name != "maxvit"]
QUICK = ("lenet5_1998", "resnet18", "squeezenet1_1")
SLOW = ("googlenet", "shufflenet_v2_x0_5", "mobilenet_v3_small", "convnext_tiny", "regnet_y_400mf")
C = 4


class Steps(nn.Module):
    """One after the other."""

    def __init__(self, steps):
        super().__init__()
        self.steps = nn.ModuleList(step for step in steps if isinstance(step, nn.Module))
        self.plan = steps

    def forward(self, x):
        for step in self.plan:
            x = step(x)
        return x


class Branches(nn.Module):
    """Two ways that meet: a sum, channels side by side, or channels shuffled; then a convolution sees all of them."""

    def __init__(self, one, other, how):
        super().__init__()
        self.one, self.other, self.how = one, other, how
        self.fuse = nn.Conv2d(C if how == "add" else 2 * C, C, 1)

    def forward(self, x):
        a, b = self.one(x), self.other(x)
        if self.how == "add":
            return self.fuse(a + b)
        return self.fuse(torch.stack((a, b), 2).flatten(1, 2) if self.how == "shuffle" else torch.cat((a, b), 1))


class Gate(nn.Module):
    """Scales channels by what the whole map says."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Conv2d(C, C, 1)

    def forward(self, x):
        return x * self.fc(x.mean((2, 3), keepdim=True)).sigmoid()


class Last(nn.Module):
    """Channels last and back, as ConvNeXt does for its norm."""

    def forward(self, x):
        return F.layer_norm(x.permute(0, 2, 3, 1), (C,)).permute(0, 3, 1, 2)


@st.composite
def windows(draw):
    """A convolution or pool with any kernel, stride, padding, dilation."""
    kernel = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    stride = draw(st.one_of(st.integers(1, 3), st.tuples(st.integers(1, 3), st.integers(1, 3))))
    if draw(st.booleans()):
        padding = tuple(draw(st.integers(0, 3)) for _ in kernel)
        dilation, groups = draw(st.integers(1, 3)), draw(st.sampled_from([1, 2, C]))
        return nn.Conv2d(C, C, kernel, stride, padding, dilation, groups)
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    pool = draw(st.sampled_from([nn.MaxPool2d, nn.AvgPool2d]))
    return pool(kernel, stride, padding, ceil_mode=draw(st.booleans()))


@st.composite
def branches(draw):
    def way():
        kernels = draw(st.lists(st.tuples(st.sampled_from([1, 3, 5]), st.integers(1, 2)), max_size=2))
        return nn.Sequential(*(nn.Conv2d(C, C, k, padding="same", dilation=d) for k, d in kernels))

    return Branches(way(), way(), draw(st.sampled_from(["add", "cat", "shuffle"])))


def padded(pads):
    return lambda x: F.pad(x, pads)


REST = st.one_of(
    st.sampled_from([nn.BatchNorm2d(C), nn.ReLU(), Last(), lambda x: x[:, :, ::2, 1::2], lambda x: x[..., 1:, :]]),
    st.builds(padded, st.tuples(*[st.integers(-1, 3)] * 4)),
)
NETWORKS = st.lists(st.one_of(windows(), branches(), REST), min_size=1, max_size=5)


def seen(layer, size):
    """First and last pixel that the middle unit of a layer sees, along height and width."""
    axes, units = (layer.receptive_field.height, layer.receptive_field.width), layer.output_shape[2:]
    return [axis.pixel_range(n // 2, side) for axis, n, side in zip(axes, units, size[1:], strict=True)]


def inside(layer, size):
    axes, units = (layer.receptive_field.height, layer.receptive_field.width), layer.output_shape[2:]
    return all(
        axis.start + n // 2 * axis.jump >= 0 and axis.end + n // 2 * axis.jump < side
        for axis, n, side in zip(axes, units, size[1:], strict=True)
    )


@settings(deadline=None, max_examples=40, derandomize=True)
@given(steps=NETWORKS)
def test_a_field_is_the_support_of_the_gradient(steps):
    size = (C, 150, 110)
    model = Steps(steps).to("meta")
    try:
        last = inspect(model, size).layers[-1]
    except ValueError:
        reject()  # nothing was left of the image
    assume(inside(last, size))
    assert measured(model, size, [last.name])[last.name] == seen(last, size)


@settings(deadline=None, max_examples=10, derandomize=True)
@given(before=NETWORKS, after=st.lists(st.one_of(windows(), REST), max_size=2))
def test_whatever_follows_a_gate_sees_the_whole_image(before, after):
    size = (C, 60, 50)
    model = Steps([*before, Gate(), *after]).to("meta")
    try:
        last = inspect(model, size).layers[-1]
    except ValueError:
        reject()
    found = measured(model, size, [last.name])[last.name]
    whole = seen(last, size)
    assert whole == [(0, 59), (0, 49)]
    assert found == covered(model, size, last.name)


def test_the_referee_agrees_with_a_gradient_of_real_weights():
    layers = (nn.Conv2d(3, 4, 3, 2, 1), nn.Conv2d(4, 4, (5, 1), padding=(0, 2), groups=2), nn.Conv2d(4, 2, 3, dilation=2))
    model = nn.Sequential(*layers).double()
    x = torch.ones(1, 3, 64, 48, dtype=torch.double, requires_grad=True)
    for p in model.parameters():
        p.data.abs_()
    y = model(x)
    y[0, :, y.shape[2] // 2, y.shape[3] // 2].sum().backward()
    support = x.grad[0].sum(0)
    found = [(int(at.min()), int(at.max())) for at in support.nonzero(as_tuple=True)]
    assert found == measured(model.to("meta"), (3, 64, 48), ["2"])["2"]


@pytest.mark.parametrize(("n", "m"), [(6, 3), (7, 1), (1, 7), (5, 5), (7, 3), (10, 4), (2, 7)])
def test_adaptive_pools_see_the_larger_of_their_windows(n, m):
    model = nn.Sequential(nn.Conv2d(1, 1, 3, 2), nn.AdaptiveAvgPool2d(m))
    size = (1, 2 * n + 1, 2 * n + 1)
    field = inspect(model, size)["1"].receptive_field
    x = torch.ones(1, *size, requires_grad=True)
    with Linear():
        y = model.to("meta")(x)
    sizes = [torch.autograd.grad(y[0, 0, i, 0], x, retain_graph=True)[0].sum((0, 1, 3)).count_nonzero() for i in range(m)]
    assert field.size == max(sizes)
    assert field.jump == pytest.approx(0 if 1 in (n, m) and n != m else 2 * n / m)


def at_each_scale(anatomy):
    """The last map of each height: the end of each stage; windows of several sizes have no even field."""
    found = {}
    for layer in anatomy.layers:
        field = layer.receptive_field
        if field.dims == (2, 3) and field.height.jump % 1 == field.width.jump % 1 == 0:
            found[layer.output_shape[2]] = layer
    return found.values()


def same(name, model, size):
    """Every scale of a network: what the anatomy says and what the gradient says."""
    layers = at_each_scale(inspect(model, size, name=name))
    found = measured(model, size, [layer.name for layer in layers])
    for layer in layers:
        expected = seen(layer, size)
        if found[layer.name] != expected:  # a stride may leave the image's last pixels to nobody
            ends = covered(model, size, layer.name)
            expected = [(max(a, first), min(b, last)) for (a, b), (first, last) in zip(expected, ends, strict=True)]
        assert found[layer.name] == expected, (name, layer.name)


@pytest.mark.parametrize("name", networks(NAMES, QUICK, SLOW))
def test_the_catalog_sees_what_its_gradients_say(name):
    native = CATALOG[name].native_of(name)
    height, width = min(native.image_size, 160), min(native.image_size, 80)
    if "fixed-size" in CATALOG[name].tags:
        height = width = native.image_size
    same(name, create_on_meta(name), (native.in_channels, height, width))


@pytest.mark.parametrize(
    "name", networks(PUBLISHED, ("alexnet", "vgg16", "mobilenet_v1_100"), set(PUBLISHED) - {"densenet121", "inception_v3"})
)
def test_published_fields(name):
    layer, size = PUBLISHED[name]
    native = CATALOG[name].native_of(name)
    assert inspect(create_on_meta(name), (3, native.image_size, native.image_size))[layer].receptive_field.size == size


@pytest.mark.slow
def test_the_stride_of_a_bottleneck_decides_what_resnet50_sees():
    """The paper strides in the 1x1: 483 pixels, as published; ours, like the published weights, in the 3x3: 427."""
    model = create_on_meta("resnet50")
    assert inspect(model, (3, 224, 224))["layer4.2.relu_2"].receptive_field.size == 427
    for stage in (model.layer2, model.layer3, model.layer4):
        stage[0].conv1.stride, stage[0].conv2.stride = stage[0].conv2.stride, stage[0].conv1.stride
    assert inspect(model, (3, 224, 224))["layer4.2.relu_2"].receptive_field.size == 483


@pytest.mark.slow
def test_a_field_that_fits_in_the_image_is_not_cut():
    """densenet121's last map sees 2071 pixels: all of them, where the image has more."""
    model, size = create_on_meta("densenet121"), (3, 2304, 32)
    layer = inspect(model, size)["relu"]
    (first, last), _ = measured(model, size, ["relu"])["relu"]
    assert last - first + 1 == 2071 == layer.receptive_field.size


def test_units_and_axes_that_part_have_no_common_field():
    with pytest.raises(ValueError, match="views that move by 2 and 4 pixels"):
        Axis(0, 6, 2).union(Axis(0, 2, 4))
    assert Axis(0, 6, 2).union(Axis(-3, 50, 0)) == Axis(float("-inf"), float("inf"), 2)
