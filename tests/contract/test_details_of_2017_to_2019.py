"""What the MobileNets, MnasNet and ShuffleNetV2 are made of, beyond what names and values of the references show."""

import pytest
import torch
from torch import nn
from torch.nn.functional import channel_shuffle
from torchvision import models as reference

from convatlas.anatomy.macs import macs
from convatlas.errors import InputError
from convatlas.models import CATALOG, count_parameters, create_model, create_on_meta
from convatlas.models.shufflenet_v2 import Unit
from convatlas.ops.squeeze import SqueezeExcitation
from convatlas.weights.entries import rename_tensors

# ours → timm's name; behind the colon what timm does otherwise
TIMM = {
    "mobilenet_v1_100:relu6=True": "mobilenetv1_100",
    "mobilenet_v2": "mobilenetv2_100",
    "mobilenet_v2:width=0.5": "mobilenetv2_050",
    "mobilenet_v3_large:eps=1e-5": "mobilenetv3_large_100",
    "mobilenet_v3_small:eps=1e-5": "mobilenetv3_small_100",
    "mnasnet0_5": "mnasnet_050",
    "mnasnet1_0": "mnasnet_100",
}


def kinds(model):
    return {type(module) for module in model.modules()}


@pytest.mark.parametrize("name", TIMM)
def test_timms_weights_compute_the_same(name):
    timm = pytest.importorskip("timm")
    theirs = timm.create_model(TIMM[name], num_classes=7).eval()
    for value in (*theirs.parameters(), *theirs.buffers()):
        if value.is_floating_point() and value.ndim == 1:
            value.data.uniform_(0.5, 1.5)
    ours = create_model(name, num_classes=7).eval()
    base = name.partition(":")[0]
    renames = CATALOG[base].all_renames[base == "mobilenet_v3_small"]
    state, own = rename_tensors(theirs.state_dict(), ours.state_dict(), renames), ours.state_dict()
    assert state.keys() == own.keys()
    ours.load_state_dict({key: value.view(own[key].shape) for key, value in state.items()})
    x = torch.randn(2, 3, 65, 80)
    with torch.no_grad():
        expected = theirs(x)
        torch.testing.assert_close(ours(x), expected, rtol=1e-5, atol=1e-5 * expected.abs().max().item())


@pytest.mark.parametrize("name", ["mobilenet_v1_100", "mobilenet_v1_025"])
def test_pytorchcvs_weights_find_their_names(name):
    models = pytest.importorskip("pytorchcv.model_provider")
    with torch.device("meta"):
        theirs = models.get_model({"mobilenet_v1_100": "mobilenet_w1", "mobilenet_v1_025": "mobilenet_wd4"}[name]).state_dict()
    own = create_on_meta(name).state_dict()
    found = rename_tensors(theirs, own, CATALOG[name].renames)
    assert [(key, value.shape) for key, value in found.items()] == [(key, value.shape) for key, value in own.items()]


@pytest.mark.parametrize(
    ("name", "millions", "mega"),
    [
        ("mobilenet_v1_100", 4.2, 569),
        ("mobilenet_v1_100:separable=False", 29.3, 4867),  # table 4 prints 4866
        ("mobilenet_v1_100:depths=(1,2,2,1,2)", 2.9, 307),
        ("mobilenet_v1_075", 2.6, 325),
        ("mobilenet_v3_large:kernel=3,squeeze=False,swish=False", 3.9, 209),
        ("mobilenet_v3_small:kernel=3,squeeze=False,swish=False", 2.0, 52),
    ],
)
def test_ablations_have_the_printed_sizes(name, millions, mega):
    model = create_on_meta(name)
    assert round(count_parameters(model) / 1e6, 1) == millions
    assert round(macs(model, 3, 224) / 1e6) == mega


@pytest.mark.parametrize(("name", "sums"), [("mobilenet_v2", 10), ("mobilenet_v3_small", 6), ("mobilenet_v3_large", 10)])
def test_only_blocks_that_keep_the_shape_add_their_input(name, sums):
    blocks = [m for m in create_on_meta(name).modules() if getattr(m, "shortcut", False) or getattr(m, "adds", False)]
    assert len(blocks) == sums


def test_minimalistic_networks_have_nothing_costly():
    found = kinds(create_on_meta("mobilenet_v3_small:kernel=3,squeeze=False,swish=False"))
    assert not found & {SqueezeExcitation, nn.Hardswish}
    with pytest.raises(InputError, match="kernel of 4 has no middle"):
        create_on_meta("mobilenet_v3_small:kernel=4")


def test_the_thin_end_is_linear_unless_asked_otherwise():
    def activations(model):
        return sum(isinstance(module, nn.ReLU6) for module in model.modules())

    assert activations(create_on_meta("mobilenet_v2:linear=False")) == activations(create_on_meta("mobilenet_v2")) + 17


@pytest.mark.parametrize("name", ["mnasnet0_5", "mnasnet1_3"])
@pytest.mark.parametrize("fixed_stem", [False, True])
@pytest.mark.filterwarnings("ignore")  # torchvision speaks of its older stem
def test_torchvision_knows_which_stem_a_file_has(name, fixed_stem):
    ours = create_model(name, num_classes=3, fixed_stem=fixed_stem).eval()
    theirs = reference.get_model(name, num_classes=3)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(1, 3, 70, 70)
    with torch.no_grad():
        assert torch.equal(theirs.eval()(x), ours(x))
    ours.load_state_dict(theirs.state_dict(), strict=True)


@pytest.mark.parametrize("stride", [1, 2])
def test_a_unit_shuffles_what_it_joined(stride):
    torch.manual_seed(0)
    unit, x = Unit(8, 8, stride, shuffle=True).eval(), torch.randn(2, 8, 5, 5)
    with torch.no_grad():
        found = unit(x)
        unit.shuffle = False
        joined = unit(x)
    assert torch.equal(found, channel_shuffle(joined, 2))
    if stride == 1:
        assert torch.equal(joined[:, :4], x[:, :4])
    with pytest.raises(ValueError, match="9 channels have no halves"):
        Unit(8, 9, stride, shuffle=True)


@pytest.mark.parametrize(("name", "momentum"), [("mnasnet0_5", 1 - 0.9997), ("mobilenet_v3_small", 0.01)])
def test_statistics_of_small_images_follow_faster(name, momentum):
    for side, expected in ((224, momentum), (32, 0.1)):
        model = create_on_meta(name, image_size=side)
        assert {module.momentum for module in model.modules() if isinstance(module, nn.BatchNorm2d)} == {expected}
