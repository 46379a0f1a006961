"""What the papers of ZFNet, GoogLeNet, Inception and SqueezeNet say, and what the published weights expect."""

import pytest
import torch
from torch import nn
from torch.nn.functional import avg_pool2d
from torchvision.transforms.functional import normalize

from convatlas.models import count_parameters, create_model, create_on_meta
from convatlas.ops.norm import recenter

IMAGENET = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def test_recentered_images_lie_between_minus_one_and_one():
    pixels = torch.rand(2, 3, 4, 4)
    pixels[0, :, 0, 0], pixels[0, :, 0, 1] = 0, 1
    x = recenter(normalize(pixels, *IMAGENET))
    torch.testing.assert_close(x, 2 * pixels - 1)
    gray = normalize(pixels, *IMAGENET)[:, :1]
    torch.testing.assert_close(recenter(gray), recenter(gray.expand(-1, 3, -1, -1)).mean(1, keepdim=True))
    assert torch.equal(recenter(torch.cat((x, x), 1))[:, 3:], recenter(x))


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_transform_input_is_the_first_thing_that_happens(name):
    model = create_model(name, num_classes=3, image_size=32, transform_input=True).eval()
    x = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        found = model(x)
        model.transform_input = False
        assert torch.equal(found, model(recenter(x)))
    assert list(model.state_dict()) == list(create_on_meta(name).state_dict())


@pytest.mark.parametrize(
    ("name", "heads", "main"), [("googlenet", 2, 6_624_904), ("googlenet_2014", 2, 6_998_552), ("inception_v3", 1, 23_834_568)]
)
def test_auxiliary_heads_speak_in_training_alone_and_can_be_left_out(name, heads, main):
    model, x = create_on_meta(name, num_classes=4, image_size=32), torch.empty(2, 3, 32, 32, device="meta")
    assert [logits.shape for logits in model(x)] == [(2, 4)] * (1 + heads)
    assert model.eval()(x).shape == (2, 4)
    without = create_on_meta(name, auxiliary=False)
    assert count_parameters(without) == main
    assert without(torch.empty(2, 3, 96, 96, device="meta")).shape == (2, 1000)


def test_googlenet_2014_is_the_papers():
    model = create_on_meta("googlenet_2014")
    layers = [name for name, _ in model.named_children()]
    assert layers[:7] == ["conv1", "maxpool1", "norm1", "conv2", "conv3", "norm2", "maxpool2"]  # figure 3
    assert not [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    assert model.inception3a.branch3[1].conv.kernel_size == (5, 5)
    assert (model.dropout.p, model.aux1.dropout.p) == (0.4, 0.7)
    assert create_on_meta("googlenet").inception3a.branch3[1].conv.kernel_size == (3, 3)


def test_auxiliary_heads_of_2014_average_windows_of_five():
    head = create_model("googlenet_2014", num_classes=2).aux1.eval()
    x = torch.rand(1, 512, 14, 14)
    with torch.no_grad():
        assert torch.equal(head(x), head(avg_pool2d(x, 5, 3)))


def test_squeezenet_bypasses_where_channels_stay():
    model = create_model("squeezenet1_0:bypass=True").eval()
    fires = [(i, layer) for i, layer in enumerate(model.features) if hasattr(layer, "squeeze")]
    assert [number for number, (_, layer) in enumerate(fires, start=2) if layer.bypass] == [3, 5, 7, 9]  # figure 2
    _, fire = fires[1]
    for p in fire.parameters():
        p.data.zero_()
    x = torch.randn(1, 128, 3, 3)
    assert torch.equal(fire(x), x)


def test_zfnet_normalizes_before_or_after_the_pool():
    kinds = [
        [type(layer).__name__ for layer in create_on_meta(f"zfnet:{how}").features[2:4]] for how in ("", "pool_first=True")
    ]
    assert kinds == [["LocalResponseNorm", "MaxPool2d"], ["MaxPool2d", "LocalResponseNorm"]]
    assert "LocalResponseNorm" not in str(create_on_meta("zfnet:normalize=False"))
