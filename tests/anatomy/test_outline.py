import importlib
import subprocess
import sys

import pytest
import torch
from torch import nn

from convatlas.anatomy import inspect
from convatlas.anatomy.outline import ALL, Line, depth_within, outline, tree, walk
from convatlas.models import FAMILIES, create_model, create_on_meta, model_info
from convatlas.ops.tap import tap
from convatlas.views.anatomy import page
from convatlas.views.layers import csv_text, window

FEW = ("resnet18", "efficientnet_b0", "vit_b_16", "lenet5_1998")


def anatomy_of(name):
    info = model_info(name)
    return inspect(create_on_meta(name), (info.in_channels, info.image_size, info.image_size), name=name)


@pytest.fixture(scope="module")
def few():
    return {name: anatomy_of(name) for name in FEW}


@pytest.fixture(scope="module")
def resnet50():
    return anatomy_of("resnet50")


def test_a_network_on_a_page(resnet50):
    assert depth_within(resnet50) == 2
    told = [(level, line.name, line.title) for level, _, line in walk(outline(resnet50, 2))]
    assert told[:5] == [
        (0, "conv1", "Conv2d + BatchNorm2d + relu"),
        (0, "maxpool", "MaxPool2d"),
        (0, "layer1", "Sequential"),
        (1, "layer1.0", "Bottleneck"),
        (1, "layer1.1 … layer1.2", "Bottleneck ×2"),
    ]
    assert (1, "layer3.1 … layer3.5", "Bottleneck ×5") in told
    five = next(line for _, _, line in walk(outline(resnet50, 2)) if line.count == 5)
    assert five.parameters == 5 * 1_117_184
    assert (five.output_shape, five.receptive_field.size) == ((1, 1024, 14, 14), 267)


def test_every_depth_sums_up_to_the_whole(few):
    for anatomy in few.values():
        for depth in range(1, ALL + 1):
            lines = outline(anatomy, depth)
            assert [layer for line in lines for layer in line.layers] == list(anatomy.layers)
            assert sum(line.macs for line in lines) == anatomy.macs
            assert sum(line.kept for line in lines) == anatomy.kept
            for _, _, line in walk(lines):
                if line.opens and line.inside:
                    assert sum(inner.flops for inner in line.inside) * line.count == line.flops


def test_the_full_depth_has_the_names_that_taps_take():
    model = create_model("resnet20").eval()
    names = [line.name for line in outline(inspect(model, (3, 32, 32)), 9)]
    with torch.no_grad(), tap(model, *names) as taps:
        model(torch.zeros(1, 3, 32, 32))
    assert set(taps) == set(names)
    assert len(names) == len(set(names)) > 60


def test_only_what_is_the_same_is_one_line():
    def conv(**options):
        return nn.Conv2d(8, 8, 3, padding=1, **options)

    net = nn.Sequential(conv(), conv(), conv(groups=2), nn.ReLU(), conv(), conv(bias=False))
    told = [(line.name, line.title) for line in outline(inspect(net, (8, 6, 6)), 1)]
    assert told == [("0 … 1", "Conv2d ×2"), ("2", "Conv2d + ReLU"), ("4", "Conv2d"), ("5", "Conv2d")]


def test_twins_that_differ_inside_are_one_line_until_they_are_opened():
    class Block(nn.Module):
        def __init__(self, shift):
            super().__init__()
            self.shift, self.conv = shift, nn.Conv2d(4, 4, 1)

        def forward(self, x):
            return self.conv(x.roll(1, 3) if self.shift else x) + x

    anatomy = inspect(nn.Sequential(Block(False), Block(True), Block(False), Block(False)), (4, 5, 5))
    assert [line.title for line in outline(anatomy, 1)] == ["Block ×4"]
    opened = [line.title for line in outline(anatomy, 2)]
    assert opened == ["Block", "Block", "Block ×2"]
    assert [inner.kind for inner in outline(anatomy, 2)[1].inside] == ["roll", "Conv2d", "add"]


def test_a_norm_elsewhere_stays_where_it_is(few):
    kinds = {line.kind for line in tree(few["vit_b_16"])[-3].inside[1].inside}
    assert {"LayerNorm", "SelfAttention", "add + LayerNorm"} <= kinds


@pytest.mark.parametrize("names", [FEW, pytest.param([next(iter(f.variants)) for f in FAMILIES], marks=pytest.mark.thorough)])
def test_any_network_fits_on_a_page(few, names):
    for name in names:
        anatomy = few[name] if name in few else anatomy_of(name)
        assert 3 <= sum(1 for _ in walk(outline(anatomy, depth_within(anatomy)))) <= 40
        found = anatomy.stages
        assert sorted(layer.name for stage in found for layer in stage.layers) == sorted(layer.name for layer in anatomy.layers)
        assert [stage.stride for stage in found][-1] is None
        assert [stage.stride for stage in found][:-1] == sorted(stage.stride for stage in found if stage.stride)


def test_stages_are_resolutions(few, resnet50):
    told = {name: [(s.stride, s.output_shape) for s in anatomy.stages] for name, anatomy in few.items()}
    assert told["resnet18"] == [
        (2, (64, 112, 112)), (4, (64, 56, 56)), (8, (128, 28, 28)), (16, (256, 14, 14)), (32, (512, 7, 7)), (None, (1000,)),
    ]  # fmt: skip
    assert told["vit_b_16"] == [(16, (197, 768)), (None, (1000,))]
    assert [stride for stride, _ in told["efficientnet_b0"]] == [2, 4, 8, 16, 32, None]
    assert [shape for _, shape in told["lenet5_1998"]] == [(6, 28, 28), (16, 10, 10), (16, 5, 5), (10,)]
    model = create_on_meta("resnet18")
    layer3 = next(stage for stage in few["resnet18"].stages if stage.stride == 16)
    assert layer3.parameters == sum(p.numel() for p in model.layer3.parameters())
    assert sum(stage.macs for stage in resnet50.stages) == resnet50.macs
    assert resnet50.stages[1].output_shape == (256, 56, 56)  # not the 128 channels of the next block's first convolution


@pytest.mark.slow
def test_maps_of_odd_sides_and_lost_views_have_their_stage():
    assert [stage.stride for stage in anatomy_of("inception_v3").stages] == [2, 4, 8, 16, 32, None]
    swin = anatomy_of("swin_t").stages
    assert [stage.output_shape for stage in swin] == [(96, 56, 56), (192, 28, 28), (384, 14, 14), (768, 7, 7), (1000,)]


def test_windows_in_words():
    def told(*args, **options):
        [layer] = inspect(nn.Sequential(nn.Conv2d(*args, **options)), (8, 16, 16)).layers
        return window(layer)

    assert told(8, 8, 3, padding=1) == "3x3"
    assert told(8, 8, 7, stride=2, padding=3) == "7x7/2"
    assert told(8, 8, 4, stride=4) == "4x4/4"
    assert told(8, 8, 3, groups=8) == "3x3 p0 dw"
    assert told(8, 8, (1, 7), padding=(0, 3), groups=2) == "1x7 g2"
    assert told(8, 8, 3, dilation=2, padding=2, stride=(2, 1)) == "3x3/2x1 d2"
    assert window(Line(("x",), "relu", inspect(nn.Sequential(nn.ReLU()), (8, 4, 4)).layers).window) == ""


def test_the_page_escapes_what_it_shows():
    net = nn.Sequential()
    net.add_module("<i>stem", nn.Conv2d(3, 4, 3))
    anatomy = inspect(net, (3, 8, 8), name="</title><script>x</script>")
    from convatlas.anatomy import peak_memory

    need = peak_memory(net, (3, 8, 8))
    html = page(anatomy, (need, need, 2), "convatlas show '<u>'")
    assert not any(tag in html for tag in ("<script>x", "<i>stem", "<u>"))
    assert "&lt;i&gt;stem" in html
    assert html == page(anatomy, (need, need, 2), "convatlas show '<u>'")
    assert "<i>stem" in csv_text(anatomy)


def test_nobody_loads_the_compiler_to_be_left_alone(monkeypatch):
    module = importlib.import_module("convatlas.anatomy.without_compiler")
    monkeypatch.setattr(module, "COMPILER", "colorsys")
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)

    def kernel():
        return 1

    with module.without_compiler():
        import colorsys

        kernel.__dynamo_disable = colorsys.disable(kernel)
        assert vars(kernel)["__dynamo_disable"] is kernel
        stood_in = sys.modules["colorsys"]
    assert "colorsys" not in sys.modules
    assert not vars(kernel)
    with module.without_compiler():
        import colorsys

        assert colorsys is not stood_in
        assert colorsys.rgb_to_hsv(0, 0, 0) == (0, 0, 0)  # who needs it gets it
    assert sys.modules["colorsys"].__file__


@pytest.mark.slow
def test_counting_leaves_the_compiler_on_disk():
    script = (
        "import sys, torch\nfrom convatlas.studies.network_summary import network_summary\n"
        "network_summary('resnet18', size=(3, 64, 64), batch=2)\n"
        "assert 'torch._dynamo' not in sys.modules\nimport torch._dynamo\nassert torch._dynamo.reset"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=True)
