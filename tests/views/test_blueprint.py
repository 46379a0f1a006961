"""Blueprints: every network of the catalog on one page, all text apart and inside, all that matters there."""

from functools import cache
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image
from selection import networks
from torch import Tensor, nn

from convatlas.anatomy import Anatomy, inspect
from convatlas.models import CATALOG, FAMILIES, create_on_meta, variant
from convatlas.views.blueprint import figure
from convatlas.views.blueprint.blocks import kinds_of, plan_of, stages_of
from convatlas.views.blueprint.nodes import graph_of
from convatlas.views.save import save

LIGHT = {"efficientnet_v2": "efficientnet_v2_s", "lenet": "lenet5", "densenet": "densenet_bc_100_12", "vit": "vit_b_32"}


@cache
def anatomy_of(name: str) -> Anatomy:
    native = variant(name).native
    return inspect(create_on_meta(name), (native.in_channels, native.image_size, native.image_size), name=name)


def texts(drawn: Figure) -> list[str]:
    return [text.get_text() for text in drawn.findobj(Text) if text.get_text()]


def assert_legible(drawn: Figure) -> None:
    """No text touches another one or leaves the page."""
    renderer = FigureCanvasAgg(drawn).get_renderer()
    boxes = [(t.get_text(), t.get_window_extent(renderer)) for t in drawn.findobj(Text) if t.get_text().strip()]
    width, height = drawn.get_size_inches() * drawn.dpi
    outside = [text for text, box in boxes if box.x0 < 0 or box.y0 < 0 or box.x1 > width or box.y1 > height]
    assert not outside
    over = [(a, b) for (a, p), (b, q) in combinations(boxes, 2)
            if min(p.x1, q.x1) - max(p.x0, q.x0) > 0.5 and min(p.y1, q.y1) - max(p.y0, q.y0) > 1.5]  # fmt: skip
    assert not over


FIRST = [LIGHT.get(family.name, next(iter(family.variants))) for family in FAMILIES]
QUICK = ("lenet5", "vgg11", "resnet18", "squeezenet1_0", "vit_b_32", "tinyvgg")


def checked(name: str) -> None:
    anatomy = anatomy_of(name)
    drawn = figure(anatomy, year=2000)
    assert_legible(drawn)
    assert drawn.get_size_inches().max() * 72 < 1500
    plan = plan_of(graph_of(anatomy), anatomy.modules)
    assert sum(stage.parameters for stage in stages_of(plan.main)) <= anatomy.parameters
    said = texts(drawn)
    assert name in said
    assert all(any(title in text for text in said) for title in plan.titles.values())


@pytest.mark.parametrize("name", networks(FIRST, QUICK))
def test_one_of_each_family_is_legible(name: str) -> None:
    checked(name)


@pytest.mark.thorough
@pytest.mark.parametrize("name", [name for name in CATALOG if name not in FIRST])
def test_every_network_is_legible(name: str) -> None:
    checked(name)


def test_a_residual_network_says_what_its_table_says() -> None:
    anatomy = anatomy_of("resnet50")
    plan = plan_of(graph_of(anatomy), anatomy.modules)
    stages = stages_of(plan.main)
    assert [(s.nodes[0].kind, s.count, s.shape) for s in stages[2:6]] == [
        ("Bottleneck", 3, (256, 56, 56)), ("Bottleneck", 4, (512, 28, 28)),
        ("Bottleneck", 6, (1024, 14, 14)), ("Bottleneck", 3, (2048, 7, 7)),
    ]  # fmt: skip
    [block] = kinds_of(plan)
    assert [node.kind for node in block.graph.values()] == ["conv", "conv", "conv", "conv", "add", "act"]
    assert block.optional == {3}  # the projection
    said = texts(figure(anatomy))
    assert {"conv 1×1, c", "conv 3×3, c (/2)", "conv 1×1, 4c", "Bottleneck ×6", "64", "512"} <= set(said)


def slow(*values):
    return pytest.param(*values, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        slow("mobilenet_v2", {"depthwise 3×3, c (/2)", "BN · ReLU6"}),
        slow("densenet121", {"DenseBlock", "DenseLayer ×24", "transition", "concat"}),
        slow("shufflenet_v2_x1_0", {"split", "concat", "shuffle", "Unit ×8", "Unit · stride 2"}),
        slow("swin_t", {"concat 2×2 neighbors", "attention, h heads", "7×7 windows · alternately shifted", "768×7×7"}),
        ("vit_b_32", {"EncoderBlock ×12", "position embedding", "class token", "attention, 12 heads"}),
        ("resnext50_32x4d", {"32 groups · BN · ReLU"}),
        ("regnet_y_400mf", {"squeeze–excite, s", "g groups · BN · ReLU"}),
        ("resnet20", {"pad"}),
    ],
)
def test_what_matters_is_named(name: str, words: set[str]) -> None:
    assert words <= set(texts(figure(anatomy_of(name))))


class Foreign(nn.Module):
    """Two scales that meet again, as in a U-Net, written without blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.deep, self.up = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, 2, 1), nn.ConvTranspose2d(8, 8, 2, 2)
        self.out = nn.Conv2d(16, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.down(x).relu()
        y = self.up(self.deep(x).relu())
        return self.out(torch.cat([x, y], 1))


@pytest.mark.slow
def test_any_module_is_drawn_and_every_format_is_whole(tmp_path: Path) -> None:
    drawn = figure(inspect(Foreign(), (3, 32, 32), name="foreign <&>"))
    assert_legible(drawn)
    assert {"concat", "foreign <&>"} <= set(texts(drawn))
    for theme in ("light", "dark", "transparent"):
        root = ET.parse(save(drawn, tmp_path / f"{theme}.svg", theme)).getroot()  # noqa: S314
        assert sum(element.tag.endswith("text") for element in root.iter()) == len(texts(drawn))
    pixels = np.asarray(Image.open(save(drawn, tmp_path / "dark.png", "dark")).convert("RGB"))
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 20
    assert pixels.mean() < 80
    assert save(drawn, tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")


def test_a_single_layer_and_a_narrow_page_are_drawn() -> None:
    assert_legible(figure(inspect(nn.Conv2d(3, 4, 3), (3, 8, 8))))
    assert_legible(figure(inspect(create_on_meta("vgg11"), (3, 224, 224), name="vgg11"), width=600))
