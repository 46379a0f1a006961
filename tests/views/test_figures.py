import re
from itertools import combinations
from xml.etree import ElementTree as ET

import matplotlib as mpl
import numpy as np
import pytest
from fabricated import emptied, pixels, results
from hypothesis import given, settings
from hypothesis import strategies as st
from selection import networks

from convatlas.views import confusion, curves, pareto, predictions, style
from convatlas.views.scales import Accuracy, Cost, Loss

VARIANTS = {
    "five": results(),
    "failed": results(failed=(0, 3)),
    "one": results(1, 1, epochs=1),
    "twelve": results(12, 3, epochs=4),
    "hundred": results(2, 2, 100),
}


def parsed(text):
    return ET.fromstring(text)  # noqa: S314 (our own SVG)


def drawn(value):
    classes = value["data"]["classes"]
    for key in ("val_accuracy", "train_loss"):
        yield curves.figure(value, key), curves.describe(value, key)
    for price in pareto.TITLES:
        yield pareto.figure(value, price), pareto.describe(value, price)
    network = next(n for n in value["networks"] if n["status"] == "done")
    yield confusion.figure(network, classes), confusion.describe(network, classes)
    yield predictions.figure(network, classes, pixels()), predictions.describe(network, classes)


@pytest.mark.parametrize("name", networks(VARIANTS, list(VARIANTS)[:2], VARIANTS))
def test_every_figure_is_a_sound_svg_without_a_background(name):
    before = dict(mpl.rcParams)
    ids = []
    for number, (figure, words) in enumerate(drawn(VARIANTS[name])):
        text = style.svg(figure, f"figure {number}", words)
        root = parsed(text)
        own = {e.attrib["id"] for e in root.iter() if "id" in e.attrib}
        ids += own
        assert set(re.findall(r'(?:href="|url\()#([\w.-]+)', text)) <= own
        assert root.get("role") == "img"
        assert [root[0].tag.rpartition("}")[2], root[0].text] == ["title", f"figure {number}"]
        assert root[1].text == words
        assert "viewBox" in root.attrib
        assert "width" not in root.attrib
        assert "font-family" not in text
        assert not re.search(r"(?:fill|stroke):#", text), "an ink that is no variable"
        assert not re.search(r"(?:nan|None)\b", re.sub(r"(?:fill|stroke):none|data:[^\"]*", "", text))
        assert not re.search(r'(?:src|href)="(?!#|data:)', text)
    assert len(ids) == len(set(ids))
    assert dict(mpl.rcParams) == before


def test_the_same_data_gives_the_same_svg_and_another_title_other_ids():
    first, again = (style.svg(pareto.figure(results(), "macs"), "a") for _ in range(2))
    assert first == again
    other = style.svg(pareto.figure(results(), "macs"), "b")
    assert not set(re.findall(r'id="([^"]+)"', first)) & set(re.findall(r'id="([^"]+)"', other))


def test_hostile_names_are_text():
    value = results(3)
    names = ["<script>alert(1)</script>", "$\\frac{1}", "a\x00b\u202e漢字 & <!--"]
    for network, name in zip(value["networks"], names, strict=True):
        network["name"] = name
    classes = names * 4
    for figure in (curves.figure(value), pareto.figure(value), confusion.figure(value["networks"][0], classes),
                   predictions.figure(value["networks"][0], classes, pixels())):  # fmt: skip
        text = style.svg(figure, names[0], names[2])
        parsed(text)
        assert "<script" not in text
        assert "\x00" not in text


def test_nothing_to_draw_is_an_empty_figure():
    value = emptied(results())
    for figure in (curves.figure(value), pareto.figure(value), predictions.figure(value["networks"][0], [], pixels())):
        parsed(style.svg(figure))
    with pytest.raises(ValueError, match="no confusion matrix"):
        confusion.figure(value["networks"][0], [])


@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(st.floats(0.1, 1.0), st.integers(1_000, 10**9)), min_size=1, max_size=10))
def test_names_in_the_scatter_plot_do_not_cover_each_other(measured):
    value = results(10, 1, epochs=1)
    value["networks"] = value["networks"][: len(measured)]
    for network, (accuracy, parameters) in zip(value["networks"], measured, strict=True):
        network["test_accuracy"] = {"mean": accuracy, "sd": None, "n": 1}
        network["parameters"] = parameters
    figure = pareto.figure(value)
    figure.canvas.draw()
    names = {n["name"] for n in value["networks"]}
    with style.context():
        boxes = [text.get_window_extent() for text in figure.axes[0].texts if text.get_text() in names]
    assert len(boxes) == len(measured)
    assert not [(a, b) for a, b in combinations(boxes, 2) if a.width and _overlap(a, b) > 1]


def _overlap(a, b):
    return max(0.0, min(a.x1, b.x1) - max(a.x0, b.x0)) * max(0.0, min(a.y1, b.y1) - max(a.y0, b.y0))


def test_the_front_holds_what_nothing_beats():
    found = [
        pareto.Point(i, "", cost, accuracy, 0, accuracy)
        for i, (cost, accuracy) in enumerate([(1, 0.5), (2, 0.4), (3, 0.9), (3, 0.8), (4, 0.9)])
    ]
    assert [p.index for p in pareto.front(found)] == [0, 2]


def test_curves_average_over_the_seeds_that_reached_an_epoch():
    runs = [{"epochs": [{"epoch": 1, "val_accuracy": 0.5}, {"epoch": 2, "val_accuracy": 0.7}]},
            {"epochs": [{"epoch": 1, "val_accuracy": 0.7}, {"epoch": 2, "val_accuracy": None}]}]  # fmt: skip
    points = curves.over_seeds({"runs": runs}, "val_accuracy")
    assert [(e, round(m, 6), low, high) for e, m, low, high in points] == [(1, 0.6, 0.5, 0.7), (2, 0.7, 0.7, 0.7)]


@pytest.mark.parametrize("classes", [2, 3, 20, 21, 250, 1000])
def test_confusion_of_any_number_of_classes(classes):
    counts = np.eye(classes, dtype=int) * 9
    counts[0, classes - 1] = 1
    network = {"name": "n", "confusion": counts.tolist()}
    names = [f"a rather long class {i}" for i in range(classes)]
    text = style.svg(confusion.figure(network, names))
    assert (">9<" in text) == (classes <= confusion.COUNTED)
    assert ("<image" in text) == (classes > confusion.COUNTED)
    assert len(text) < 200_000
    assert confusion.mistakes(network, names) == [(names[0], names[-1], 1)]


@pytest.mark.parametrize("broken", [None, [], [[1]], [[1, 2]], [[1, 2], [3]], [[1, None], [0, 1]]])
def test_confusion_that_is_none(broken):
    network = {"name": "n", "confusion": broken}
    assert (confusion.matrix(network) is None) == (broken != [[1]])


def test_pictures_are_small_pngs():
    photograph = np.random.default_rng(0).integers(0, 256, (400, 300, 3), dtype=np.uint8)
    assert len(predictions.data_uri(photograph)) < 60_000
    assert predictions.rgb(photograph[..., :2]).shape == (400, 300, 3)
    assert predictions.data_uri(pixels()[0]).startswith("data:image/png;base64,")


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.integers(0, 100_000))
def test_accuracy_axes_hold_their_values_and_keep_their_order(values, images):
    scale = Accuracy.of(values, images)
    low, high = scale.limits()
    assert all(low <= scale(v) <= high for v in values)
    assert sorted(map(scale, values)) == [scale(v) for v in sorted(values)]
    assert all(low <= at <= high for at, _ in scale.ticks(200))


@settings(deadline=None)
@given(st.lists(st.floats(1e-3, 1e12), min_size=1, max_size=12))
def test_cost_and_loss_axes_hold_their_values(values):
    for scale in (Cost(min(values), max(values)), Loss.of(values)):
        low, high = scale.limits()
        assert all(low <= scale(v) <= high for v in values)


def test_inks_stand_out_from_the_page():
    def luminance(ink):
        c = np.array([int(ink[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        return float(np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) @ (0.2126, 0.7152, 0.0722))

    for theme in (0, 1):
        page = luminance(style.INKS["paper"][theme])
        for name, pair in style.INKS.items():
            one, other = sorted((page, luminance(pair[theme])))
            least = {"ink": 12, "muted": 4.5, "right": 4.5, "wrong": 4.5}.get(name, 2.95 if name.startswith("series") else 1)
            assert (other + 0.05) / (one + 0.05) >= least, name
