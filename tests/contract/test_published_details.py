"""Details that only the papers know, layer by layer."""

import pytest
import torch

from convatlas.models import create_model, create_on_meta
from convatlas.models.lenet import DRAWINGS, ScaledTanh

# LeCun et al. 1998, table I as printed: a row for each map of S2, an X where a map of C3 reads it.
TABLE_I = """
X...XXX..XXXX.XX
XX...XXX..XXXX.X
XXX...XXX..X.XXX
.XXX..XXXX..X.XX
..XXX..XXXX.XX.X
...XXX..XXXX.XXX
""".split()


@pytest.fixture
def lenet():
    torch.manual_seed(0)
    return create_model("lenet5_1998")


@pytest.mark.parametrize(
    ("layer", "parameters"),
    [("conv1", 156), ("pool1", 12), ("conv2", 1516), ("pool2", 32), ("fc1", 48_120), ("fc2", 10_164), ("fc3", 0)],
)
def test_lenet_1998_trains_as_many_parameters_as_the_paper_counts(lenet, layer, parameters):
    assert sum(p.numel() for p in lenet.get_submodule(layer).parameters()) == parameters


def test_lenet_1998_connects_as_table_i(lenet):
    s2 = torch.randn(1, 6, 14, 14, requires_grad=True)
    for number, c3 in enumerate(lenet.conv2(s2)[0]):
        (gradient,) = torch.autograd.grad(c3.sum(), s2, retain_graph=True)
        assert gradient[0].flatten(1).any(1).tolist() == [row[number] == "X" for row in TABLE_I], f"map {number} of C3"


def test_lenet_1998_scores_are_minus_squared_distances(lenet):
    f6 = []
    lenet.fc3.register_forward_pre_hook(lambda _, args: f6.append(args[0]))
    scores = lenet(torch.randn(3, 1, 32, 32))
    codes = torch.tensor([[1.0 if row >> (6 - i) & 1 else -1.0 for row in drawing for i in range(7)] for drawing in DRAWINGS])
    expected = [
        [-sum((u - c) ** 2 for u, c in zip(units, code, strict=True)) for code in codes.tolist()] for units in f6[0].tolist()
    ]
    torch.testing.assert_close(scores, torch.tensor(expected), rtol=1e-4, atol=0)
    assert torch.equal(lenet.fc3(codes).argmax(1), torch.arange(10))
    assert torch.equal(lenet.fc3(codes).diag(), torch.zeros(10))


@pytest.mark.parametrize("num_classes", [2, 10, 47])
def test_lenet_1998_codes_are_fixed_and_differ(num_classes):
    torch.manual_seed(0)
    first = create_model("lenet5_1998", num_classes=num_classes).fc3.codes
    torch.manual_seed(1)
    assert torch.equal(create_model("lenet5_1998", num_classes=num_classes).fc3.codes, first)
    assert first.shape == (num_classes, 84)
    assert first.abs().eq(1).all()
    assert len(first.unique(dim=0)) == num_classes


def test_lenet_1998_squashes_one_to_one():
    x = torch.tensor([-1.0, 0.0, 1.0], requires_grad=True)
    y = ScaledTanh()(x)
    torch.testing.assert_close(y, x, rtol=0, atol=1e-4)
    bend = torch.autograd.functional.hessian(lambda v: ScaledTanh()(v).sum(), x.detach()).diag()  # steepest change at ±1
    assert bend[0] > 0.5
    assert bend[2] < -0.5


def test_lenet_1998_subsampling_is_a_trainable_average(lenet):
    c1 = torch.randn(2, 6, 28, 28)
    lenet.pool1.weight.data[2], lenet.pool1.bias.data[2] = 3.0, -0.5
    mean = c1.view(2, 6, 14, 2, 14, 2).mean((3, 5))
    s2 = lenet.pool1(c1)
    torch.testing.assert_close(s2[:, 2], 1.7159 * torch.tanh(2 / 3 * (3 * mean[:, 2] - 0.5)))
    torch.testing.assert_close(s2[:, 1], 1.7159 * torch.tanh(2 / 3 * mean[:, 1]))


def test_alexnet_2012_normalizes_as_the_paper_writes_it():
    norm = create_model("alexnet_2012:hidden=8", num_classes=2).features[2]
    a = 30 * torch.randn(1, 96, 2, 2)
    b = torch.stack([a[:, i] / (2 + 1e-4 * a[:, max(0, i - 2) : i + 3].square().sum(1)) ** 0.75 for i in range(96)], 1)
    torch.testing.assert_close(norm(a), b)


def test_alexnet_2012_has_two_towers():
    """Convolution 2 reads its own card's half, convolution 3 both, 4 and 5 their own again (figure 2)."""
    model = create_model("alexnet_2012:hidden=8", num_classes=2)
    convolutions = [layer for layer in model.features if isinstance(layer, torch.nn.Conv2d)]
    assert [layer.groups for layer in convolutions] == [1, 2, 1, 2, 2]
    assert model.features(torch.empty(1, 3, 227, 227)).shape == (1, 256, 6, 6)


def test_cifar_resnet_shortcut_pads_with_zeros():
    block = create_model("resnet20").layer2[0]
    x = torch.randn(2, 16, 32, 32)
    y = block.shortcut(x)
    assert torch.equal(y[:, 8:24], x[:, :, ::2, ::2])
    assert not y[:, :8].any()
    assert not y[:, 24:].any()


def test_a_plain_network_forgets_its_input_where_a_residual_one_adds_it():
    for name, adds in (("resnet20", True), ("plain20", False), ("resnet18", True), ("resnet18:shortcut=False", False)):
        block = create_model(name, image_size=32).eval().layer1[1]
        block.bn2.weight.data.zero_()  # the branch is silent: relu(0 + x) or relu(0)
        x = torch.randn(1, block.conv1.in_channels, 4, 4)
        assert torch.equal(block(x), x.relu() if adds else torch.zeros_like(x)), name


def test_densenet_layers_read_everything_before_them():
    model = create_model("densenet_bc_100_12:depths=(4,)").eval()
    x = torch.randn(1, 24, 8, 8)
    y = model.features.denseblock1(x)
    assert torch.equal(y[:, :24], x)
    assert torch.equal(y[:, 60:], model.features.denseblock1.denselayer4(y[:, :60]))


def test_densenet_drops_what_a_layer_writes():
    layer = create_model("densenet_bc_100_12:depths=(1,),dropout=0.25").features.denseblock1.denselayer1
    x = torch.randn(4, 24, 32, 32)
    assert layer(x).eq(0).float().mean().item() == pytest.approx(0.25, abs=0.02)
    assert not layer.eval()(x).eq(0).any()


def test_convnext_stochastic_depth_grows_linearly():
    rates = [block.drop_path.p for i in (1, 3, 5, 7) for block in create_on_meta("convnext_tiny").features[i]]
    torch.testing.assert_close(rates, torch.linspace(0, 0.1, 18, dtype=torch.float64).tolist())
