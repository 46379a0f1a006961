import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from convatlas.anatomy.arithmetic import Convolution, chain, count_unread, notes, smallest_image
from convatlas.errors import InputError


def pair(low, high):
    return st.tuples(st.integers(low, high), st.integers(low, high))


@st.composite
def convolutions(draw, transposed=False):
    groups = draw(st.integers(1, 3))
    stride, dilation = draw(pair(1, 3)), draw(pair(1, 2))
    extra = tuple(draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True)) if transposed else (0, 0)
    c_in, c_out = groups * draw(st.integers(1, 2)), groups * draw(st.integers(1, 2))
    return Convolution(draw(pair(1, 4)), stride, draw(pair(0, 2)), dilation, groups, c_in, c_out, transposed, extra)


def module(layer, bias=False):
    kind = nn.ConvTranspose2d if layer.transposed else nn.Conv2d
    more = {"output_padding": layer.extra} if layer.transposed else {}
    return kind(
        layer.c_in, layer.c_out, layer.kernel, layer.stride, layer.padding, dilation=layer.dilation, groups=layer.groups,
        bias=bias, **more,
    )  # fmt: skip


def ones(layer):
    made = module(layer).double()
    nn.init.ones_(made.weight)
    return made


@settings(max_examples=80, deadline=None)
@given(st.booleans().flatmap(convolutions), pair(1, 12))
def test_sizes_parameters_and_macs_are_torchs(layer, size):
    real, biased = module(layer).to("meta"), module(layer, bias=True).to("meta")
    x = torch.empty(1, layer.c_in, *size, device="meta")
    try:
        with FlopCounterMode(display=False) as counter:
            y = real(x)
    except RuntimeError:
        with pytest.raises(InputError):
            chain(size, [layer])
        return
    if 0 in y.shape:
        return
    (step,) = chain(size, [layer])
    assert (layer.c_out, *step.output) == tuple(y.shape[1:])
    assert all(layer.formula(n, at).endswith(f"= {y.shape[2 + at]}") for at, n in enumerate(size))
    assert layer.weights == sum(p.numel() for p in real.parameters())
    assert layer.weights + layer.c_out == sum(p.numel() for p in biased.parameters())
    assert step.macs == counter.get_total_flops() // 2
    depthwise, pointwise = (module(part).to("meta") for part in layer.depthwise_separable())
    with FlopCounterMode(display=False) as counter:
        assert pointwise(depthwise(x)).shape[1:] == y.shape[1:]
    weights, biases, macs = step.separable
    assert (weights, macs) == (depthwise.weight.numel() + pointwise.weight.numel(), counter.get_total_flops() // 2)
    assert biases == layer.c_in + layer.c_out


@settings(max_examples=60, deadline=None)
@given(convolutions(), pair(1, 14))
def test_pixels_that_no_window_reads_have_no_gradient(layer, size):
    assume(all(n + 2 * p >= r for n, p, r in zip(size, layer.padding, layer.reach, strict=True)))
    x = torch.zeros(1, layer.c_in, *size, dtype=torch.double, requires_grad=True)
    ones(layer)(x).sum().backward()
    (step,) = chain(size, [layer])
    for at in (0, 1):
        untouched = int((x.grad[0, 0].sum(1 - at) == 0).sum())
        if x.grad.any():
            assert count_unread(step, at) == untouched
        assert bool(count_unread(step, at)) == any("no window reads" in note for note in notes(step)) or count_unread(
            step, 1 - at
        )


def joined(layers):
    """Layers whose channels meet."""
    return [
        Convolution(x.kernel, x.stride, x.padding, x.dilation, 1, 1, 1, x.transposed, x.extra)
        for x in layers
    ]  # fmt: skip


def on_one_axis(layers, at):
    """The layers along height (0) or width (1), alone."""

    def flat(pair, other):
        return (pair[at], other) if at == 0 else (other, pair[at])

    rows = (
        (flat(x.kernel, 1), flat(x.stride, 1), flat(x.padding, 0), flat(x.dilation, 1), flat(x.extra, 0), x) for x in layers
    )
    return [Convolution(*row[:4], 1, 1, 1, row[5].transposed, row[4]) for row in rows]


CHAINS = st.booleans().flatmap(lambda transposed: st.lists(convolutions(transposed), min_size=1, max_size=3))


@settings(max_examples=60, deadline=None)
@given(CHAINS, st.integers(0, 1))
def test_receptive_fields_are_the_support_of_the_gradient(layers, at):
    layers = on_one_axis(layers, at)
    side = max(*smallest_image(layers), 9) + (40 if layers[0].transposed else 500)  # the middle unit looks past no border
    size = (side, 1) if at == 0 else (1, side)
    field = chain(size, layers)[-1].receptive
    x = torch.zeros(1, 1, *size, dtype=torch.double, requires_grad=True)
    y = nn.Sequential(*map(ones, layers))(x).flatten()
    phases, widest = 27 if layers[0].transposed else 1, 0  # units of a transposed layer differ, by the rest of their place
    for unit in range((len(y) - phases) // 2, (len(y) + phases) // 2):
        (gradient,) = torch.autograd.grad(y[unit], x, retain_graph=True)
        touched = gradient.flatten().nonzero().flatten()
        if len(touched):
            assume(touched[0] > 0 and touched[-1] < side - 1)
            widest = max(widest, int(touched[-1] - touched[0]) + 1)
    assert field[at] == widest
    assert field[1 - at] == 1


@settings(max_examples=100, deadline=None)
@given(st.lists(convolutions(), min_size=1, max_size=4), pair(1, 20))
def test_least_is_the_smallest_image_that_fits(layers, size):
    layers = joined(layers)
    need = smallest_image(layers)
    chain(need, layers)
    for at in (0, 1):
        smaller = tuple(n - (i == at) for i, n in enumerate(need))
        if smaller[at]:
            with pytest.raises(InputError, match=f"at least {need[0]}x{need[1]}|fits with"):
                chain(smaller, layers)
    if all(a >= b for a, b in zip(size, need, strict=True)):
        chain(size, layers)


def test_every_remedy_of_a_refusal_works():
    with pytest.raises(InputError, match="does not fit") as refused:
        chain((20, 20), [Convolution((3, 3), (4, 4), c_out=3), Convolution((4, 4), dilation=(2, 2))])
    first, second = Convolution((3, 3), (4, 4), c_out=3), Convolution((4, 4), dilation=(2, 2))
    said = str(refused.value)
    assert "layer 2" in said
    assert "finds 5 + 2·0 = 5" in said
    chain((27, 27), [first, second])
    assert "at least 27x27" in said
    assert "padding of at least 1" in said
    chain((20, 20), [first, Convolution((4, 4), padding=(1, 1), dilation=(2, 2))])
    assert "kernel of at most 3" in said
    chain((20, 20), [first, Convolution((3, 3), dilation=(2, 2))])
    assert "dilation of at most 1" in said
    chain((20, 20), [first, Convolution((4, 4))])
    assert "stride of 1 instead of 4x4 in layer 1" in said
    chain((20, 20), [Convolution((3, 3), c_out=3), second])


def test_padding_that_keeps_the_size_keeps_it():
    (step,) = chain((31, 40), [Convolution((5, 3), dilation=(2, 1))])
    assert "a padding of 4x1 would keep the size" in notes(step)
    (kept,) = chain((31, 40), [Convolution((5, 3), padding=(4, 1), dilation=(2, 1))])
    assert kept.output == (31, 40)
    assert notes(kept) == []
    (even,) = chain((8, 8), [Convolution((2, 2))])
    assert "even kernel" in notes(even)[0]
    for padding, alone in ((2, False), (3, True)):
        (step,) = chain((8, 8), [Convolution((3, 3), padding=(padding, padding))])
        assert any("zeros alone" in note for note in notes(step)) == alone


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ([], "needs a layer"),
        ([Convolution((0, 3))], "needs a kernel from 1"),
        ([Convolution((3, 3), stride=(0, 1))], "needs a stride from 1"),
        ([Convolution((3, 3), groups=2)], "groups divide both, here 1"),
        ([Convolution((3, 3)), Convolution((3, 3))], "layer 2 reads 3 channels where the one before makes 64"),
        ([Convolution((3, 3), transposed=True, extra=(1, 1))], "output padding below its stride"),
        ([Convolution((2, 2), padding=(20, 20), transposed=True)], "cuts all away"),
        ([Convolution((3, 3), stride=(4000, 4000), transposed=True)], "not followed"),
    ],
)
def test_what_makes_no_layer_is_said(layers, words):
    with pytest.raises(InputError, match=words):
        chain((8, 8), layers)
