"""The page of an embedding is whole in itself, escapes what it is given and stays small; names in the figure never overlap."""

import base64
import io
import json
import re
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from convatlas.views import embedding, landscape

HOSTILE = '</script><b onclick="x">&'


def cloud(n: int, classes: int) -> tuple[Any, Any]:
    chance = np.random.default_rng(0)
    labels = np.arange(n) % classes
    centers = chance.normal(size=(classes, 2)) * 3
    return (centers[labels] + chance.normal(size=(n, 2))).astype(np.float32), labels


def page(n: int = 40, side: int = 8, names: tuple[str, ...] = ("cat", HOSTILE)) -> str:
    points, labels = cloud(n, len(names))
    images = [np.full((side, side, 3), i % 256, np.uint8) for i in range(n)]
    told = {"title": HOSTILE, "caption": HOSTILE, "facts": [("Images", HOSTILE)]}
    return embedding.page(points, labels, names, images, words=[HOSTILE] * n, head=told)


def test_the_page_escapes_all_and_loads_nothing() -> None:
    html = page()
    assert "<b onclick" not in html
    assert html.count("</script>") == 2
    assert not re.search(r"""(?:src|href)=["']?(?!#)|@import|https?://""", html.replace("http://www.w3.org/2000/svg", ""))
    data = json.loads(html.split('id="data">')[1].split("</script>")[0])
    assert data["words"][0] == HOSTILE
    assert len(data["x"]) == len(data["y"]) == len(data["of"]) == 40
    assert max(map(abs, data["x"] + data["y"])) <= 5000
    assert html == page()


def test_thumbnails_lie_on_one_sheet_where_the_page_looks_for_them() -> None:
    images = [np.full((40, 40, 1), 6 * i, np.uint8) for i in range(30)]
    side, across, address = embedding.sheet(images)
    sheet = np.asarray(Image.open(io.BytesIO(base64.b64decode(address.split(",")[1]))).convert("L"), int)
    for i in range(30):
        row, column = divmod(i, across)
        assert abs(sheet[row * side + side // 2, column * side + side // 2] - 6 * i) < 8


def test_many_thumbnails_shrink_until_the_page_is_small() -> None:
    chance = np.random.default_rng(0)
    images = [chance.integers(0, 256, (64, 64, 3), dtype=np.uint8) for _ in range(100)] * 20
    side, _, address = embedding.sheet(images)
    assert 16 <= side <= 46
    assert len(address) < 6_000_000


def boxes(figure: Figure) -> list[Rectangle]:
    return [patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle)]


@pytest.mark.parametrize(("n", "classes"), [(300, 10), (300, 60), (24, 24), (40, 2)])
def test_names_lie_in_the_figure_and_apart(n: int, classes: int) -> None:
    points, labels = cloud(n, classes)
    figure = embedding.figure(points, labels, [f"class number {i}" for i in range(classes)])
    named = boxes(figure)
    assert len(named) == min(classes, embedding.NAMED)
    left, right = figure.axes[0].get_xlim()
    for i, a in enumerate(named):
        assert left - 1e-6 <= a.get_x() <= a.get_x() + a.get_width() <= right + 1e-6
        for b in named[i + 1 :]:
            across = min(a.get_x() + a.get_width(), b.get_x() + b.get_width()) - max(a.get_x(), b.get_x())
            up = min(a.get_y() + a.get_height(), b.get_y() + b.get_height()) - max(a.get_y(), b.get_y())
            assert min(across, up) < 1e-6


def test_no_two_classes_look_alike() -> None:
    groups = embedding.group_by_class(*cloud(300, 60), [str(i) for i in range(60)])
    assert len({(group.color, group.marker) for group in groups}) == 60


def test_every_point_is_within_the_frame_with_the_same_scale_on_both_axes() -> None:
    points, labels = cloud(100, 3)
    points[:, 1] *= 0.1
    axes = embedding.figure(points, labels, "abc").axes[0]
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    assert left < points[:, 0].min() < points[:, 0].max() < right
    assert low < points[:, 1].min() < points[:, 1].max() < high
    box = axes.get_window_extent()
    assert (right - left) / box.width == pytest.approx((high - low) / box.height)


def test_contours_go_through_what_was_measured_and_stand_what_is_not_finite() -> None:
    along = np.linspace(-1, 1, 5)
    loss = np.exp(along[:, None] ** 2 + 2 * along[None] ** 2)
    fine, shown = landscape.interpolate(along, loss)
    assert shown[len(fine) // 2, len(fine) // 2] == pytest.approx(1)
    assert shown[0, -1] == pytest.approx(loss[0, -1])
    assert landscape.describe(along, loss).startswith("the loss is 1 at the network")
    loss[0, 0], loss[0, 1] = np.inf, np.nan
    plane, cut = landscape.figure(along, loss).axes
    assert plane.get_xlabel()
    assert len(cut.lines) >= 2
    assert len(landscape.figure(along, np.full((5, 5), 2.3)).axes) == 2
