"""Laws of operations, names and counts, for whatever numbers come."""

import math
from contextlib import suppress

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from convatlas.anatomy.macs import macs
from convatlas.errors import InputError
from convatlas.models import CATALOG, create_on_meta, list_models
from convatlas.models.variant import parse, write_name
from convatlas.ops.droppath import DropPath
from convatlas.ops.init import he_normal
from convatlas.ops.norm import LayerNorm2d

laws = settings(deadline=None, max_examples=40, derandomize=True)


@laws
@given(p=st.floats(0, 0.9), n=st.integers(1, 32), shape=st.lists(st.integers(1, 4), max_size=3))
def test_drop_path_keeps_or_drops_whole_images(p, n, shape):
    torch.manual_seed(0)
    y = torch.rand(n, *shape) + 1
    drop = DropPath(p)
    kept = drop(y) * (1 - p)
    for image, before in zip(kept, y, strict=True):
        assert not image.any() or torch.allclose(image, before)
    assert torch.equal(drop.eval()(y), y)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_drop_path_keeps_the_mean(p):
    y = DropPath(p)(torch.ones(20_000, 1, 1))
    assert y.mean().item() == pytest.approx(1, abs=5 * math.sqrt(p / (1 - p) / 20_000))  # five standard errors


@laws
@given(n=st.integers(1, 3), c=st.integers(2, 9), h=st.integers(1, 5), w=st.integers(1, 5), scale=st.floats(0.1, 100))
def test_layer_norm_acts_on_the_channels_of_a_pixel(n, c, h, w, scale):
    torch.manual_seed(0)
    x = torch.randn(n, c, h, w)
    norm = LayerNorm2d(c, eps=0.0)
    y = norm(x)
    assert y.shape == x.shape
    torch.testing.assert_close(y.mean(1), torch.zeros(n, h, w), rtol=0, atol=1e-4)
    torch.testing.assert_close(y.var(1, unbiased=False), torch.ones(n, h, w), rtol=1e-3, atol=0)
    torch.testing.assert_close(norm(scale * x + 3), y, rtol=0, atol=1e-2)
    torch.testing.assert_close(norm(x[:, :, :1, :1]), y[:, :, :1, :1])  # no pixel sees another


@pytest.mark.parametrize("mode", ["fan_in", "fan_out"])
def test_he_normal_keeps_the_variance(mode):
    layers = nn.Sequential(nn.Conv2d(64, 256, 3))
    he_normal(layers, mode)
    fan = {"fan_in": 64, "fan_out": 256}[mode] * 9
    assert layers[0].weight.std().item() == pytest.approx(math.sqrt(2 / fan), rel=0.02)
    assert not layers[0].bias.any()


@laws
@given(
    c_in=st.integers(1, 4), c_out=st.integers(1, 4), groups=st.integers(1, 3), k=st.integers(1, 5), stride=st.integers(1, 3),
    padding=st.integers(0, 2), side=st.integers(5, 12), training=st.booleans(),
)  # fmt: skip
def test_macs_of_a_convolution(*, c_in, c_out, groups, k, stride, padding, side, training):
    layer = nn.Conv2d(c_in * groups, c_out * groups, k, stride, padding, groups=groups, device="meta").train(training)
    out = (side + 2 * padding - k) // stride + 1
    assert macs(layer, c_in * groups, side) == out * out * c_out * groups * c_in * k * k
    assert layer.training == training


@settings(laws, max_examples=5)
@given(n=st.integers(1, 4), side=st.integers(16, 40), width=st.integers(1, 12))
def test_costs_grow_with_depth_and_width_as_counted_by_hand(n, side, width):
    """Twice the width: four times the multiplications, but for the stem and the head, which grow twice."""
    one, two = (create_on_meta(f"plain20:n={n},width={w}", image_size=side) for w in (width, 2 * width))
    ends = 27 * width * side * side + 40 * width
    assert macs(two, 3, side) - 2 * ends == 4 * (macs(one, 3, side) - ends)
    assert len([m for m in one.modules() if isinstance(m, nn.Conv2d | nn.Linear)]) == 6 * n + 2


plain = st.one_of(
    st.integers(),
    st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
    st.lists(st.integers(), max_size=4).map(tuple),
)
keys = st.from_regex(r"\A[a-z_]{1,8}_\Z")


@laws
@given(name=st.sampled_from(sorted(CATALOG)), changes=st.dictionaries(keys, plain, max_size=3))
@pytest.mark.slow
def test_ablations_are_read_as_they_are_written(name, changes):
    written = f"{name}:{','.join(f'{key}={value!r}' for key, value in changes.items())}"
    assert parse(written) == (name, changes)
    assert parse(write_name(name, changes)) == (name, changes)
    assert parse(name) == (name, {})


@laws
@given(name=st.sampled_from(sorted(CATALOG)), rest=st.text(max_size=12))
def test_any_other_text_is_read_or_refused(name, rest):
    with suppress(InputError):  # and no other error
        base, changes = parse(f"{name}:{rest}")
        assert base == name
        assert all(key.isidentifier() for key in changes)


@laws
@given(st.text(max_size=12))
def test_unknown_names_are_refused(name):
    assume(name.partition(":")[0] not in CATALOG)
    with pytest.raises(InputError):
        create_on_meta(name)
    assert set(list_models(name)) <= set(CATALOG)
