import re
from itertools import pairwise
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from convatlas.anatomy.arithmetic import Convolution, Step, count_unread
from convatlas.errors import InputError
from convatlas.views import sliding, style
from convatlas.views.stage import MARGIN, Scene, extent, place_scenes, scenes

STEM = (Convolution((7, 7), (2, 2), (3, 3)), (224, 224))
LAYERS = {
    "stem": [STEM],
    "skips": [(Convolution((2, 2), (3, 3)), (11, 11))],
    "flat, dilated": [(Convolution((1, 3), (1, 2), (0, 2), (1, 2)), (6, 40))],
    "transposed": [(Convolution((3, 3), (2, 2), (1, 1), transposed=True, extra=(1, 1)), (5, 5))],
    "chain": [STEM, (Convolution((3, 3), (2, 2), (1, 1)), (112, 112))],
}


def pairs(low, high):
    return st.tuples(st.integers(low, high), st.integers(low, high))


@settings(max_examples=60, deadline=None)
@given(pairs(1, 7), pairs(1, 4), pairs(0, 3), pairs(1, 2), pairs(13, 300))
def test_a_small_scene_has_the_borders_of_the_real_one(kernel, stride, padding, dilation, real):
    layer = Convolution(kernel, stride, padding, dilation)
    scene = Scene.of(layer, real)
    assert min(scene.windows) >= 1
    assert max(scene.board) <= 64
    for at in (0, 1):
        rest = [(n + 2 * padding[at] - layer.reach[at]) % stride[at] for n in (scene.size[at], real[at])]
        assert rest[0] == rest[1]
        step = Step(layer, scene.size, layer.output(scene.size), (0, 0), (0, 0))
        inner = scene.read(at)[padding[at] : padding[at] + scene.size[at]]
        assert inner.count(False) == count_unread(step, at)


@pytest.mark.parametrize("name", LAYERS)
def test_the_svg_is_sound_and_each_window_has_its_time(name):
    text = sliding.svg(LAYERS[name])
    root = ET.fromstring(text)  # noqa: S314 (our own SVG)
    placed = place_scenes(scenes(LAYERS[name]), MARGIN, 0, 264)
    times = root.findall(".//{*}animate")
    assert len(times) == sum(2 * stage.count for stage in placed)
    for time in times:
        keys = [float(key) for key in time.attrib["keyTimes"].split(";")]
        assert keys == sorted(set(keys))
        assert keys[0] == 0
        assert keys[-1] < 1
        assert len(keys) == len(time.attrib["values"].split(";"))
    assert set(re.findall(r'href="#([\w]+)"', text)) <= {e.attrib["id"] for e in root.iter() if "id" in e.attrib}
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"nan|inf\b", text)
    assert len(text) < 60_000
    assert style.PAPER not in sliding.svg(LAYERS[name], "dark")


@pytest.mark.parametrize("name", LAYERS)
def test_windows_and_cells_stay_within_the_picture(name):
    placed = place_scenes(scenes(LAYERS[name]), MARGIN, 0, 264)
    width, height = extent(placed)
    for stage in placed:
        spans, corners = stage.spans, stage.corners
        for step in range(stage.count):
            for rect, corner, span in zip(stage.outlines(step), corners, spans, strict=True):
                assert corner[0] - 1e-6 <= rect.x
                assert rect.x + rect.width <= corner[0] + span[0] + 1e-6
                assert corner[1] - 1e-6 <= rect.y
                assert rect.y + rect.height <= corner[1] + span[1] + 1e-6
        assert max(c[0] + s[0] for c, s in zip(corners, spans, strict=True)) < width
        assert max(c[1] + s[1] for c, s in zip(corners, spans, strict=True)) < height


@pytest.mark.parametrize("name", LAYERS)
def test_no_words_of_the_still_picture_cover_others(name):
    figure = sliding.figure(LAYERS[name])
    figure.canvas.draw()
    with style.context():
        boxes = [text.get_window_extent() for text in figure.axes[0].texts if text.get_text()]
    width, height = figure.bbox.width, figure.bbox.height
    assert all(box.x0 >= 0 and box.x1 <= width and box.y0 >= 0 and box.y1 <= height for box in boxes)
    assert not [(a, b) for i, a in enumerate(boxes) for b in boxes[:i] if a.overlaps(b)]


def test_the_gif_moves_window_by_window(tmp_path):
    path = sliding.write([(Convolution((3, 3)), (5, 4))], tmp_path / "a.gif")
    with Image.open(path) as image:
        assert image.n_frames == 6
        seen = []
        for i in range(6):
            image.seek(i)
            seen.append(np.asarray(image.convert("RGB")).astype(int))
    for a, b in pairwise(seen):
        assert (a != b).any()
    orange = [np.abs(frame - np.array([217, 126, 0])).sum(-1) < 40 for frame in seen]
    columns = [np.nonzero(mask)[1].min() for mask in orange]
    assert columns[0] == columns[2] == columns[4] < columns[1] == columns[3] == columns[5]


def test_endings_and_what_cannot_be_drawn(tmp_path):
    for name in ("a.svg", "a.png"):
        assert sliding.write(LAYERS["skips"], tmp_path / name).stat().st_size > 1000
    with pytest.raises(InputError, match=r"\.svg, \.gif, \.png, \.pdf"):
        sliding.write([STEM], tmp_path / "a.webm")
    with pytest.raises(InputError, match="did you mean dark"):
        sliding.write([STEM], tmp_path / "a.svg", "drak")
    with pytest.raises(InputError, match="1 to 4 layers, got 5"):
        sliding.svg([STEM] * 5)
    with pytest.raises(InputError, match="too large to draw"):
        sliding.svg([(Convolution((99, 99)), (224, 224))])
