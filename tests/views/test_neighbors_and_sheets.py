"""Pictures of searches, clusters and probes can be read, whatever they are given."""

import numpy as np
import pytest
from legible import assert_legible, texts
from matplotlib.patches import Rectangle

from convatlas.views import contact_sheet, neighbors, probe, style

LONG = "a-very-long-name-of-a-photograph-that-nobody-would-ever-type-again.jpg"
PIXELS = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)


def query(count, label="bees"):
    labels = ("bees", "ants", None)
    matches = [
        neighbors.Match(None if i == 1 else PIXELS, LONG, labels[i % 3], 0.9 - i / 100 if i < 90 else -1.0)
        for i in range(count)
    ]
    return neighbors.Query(PIXELS, LONG, label, tuple(matches))


@pytest.mark.parametrize(("queries", "count"), [(1, 1), (2, 7), (1, 13), (1, 0)])
def test_neighbors_are_framed_by_their_class(queries, count):
    figure = neighbors.figure([query(count)] * queries, "Cosine similarity of penultimate features")
    assert_legible(figure)
    shown = [text for text, _ in texts(figure)]
    assert shown.count("file missing") == (queries if count > 1 else 0)
    bees = -(-count // 3)
    assert f"{bees} of the {count} nearest images are of its class, bees" in shown
    inks = [p.get_edgecolor() for p in figure.axes[0].patches if isinstance(p, Rectangle)]
    from matplotlib.colors import to_rgba

    assert inks.count(to_rgba(style.RIGHT)) == queries * bees
    assert inks.count(to_rgba(style.INK)) == queries  # the queries themselves


def test_a_query_of_unknown_class_judges_nobody():
    from matplotlib.colors import to_rgba

    figure = neighbors.figure([query(4, None)])
    assert_legible(figure)
    inks = {p.get_edgecolor() for p in figure.axes[0].patches}
    assert not inks & {to_rgba(style.RIGHT), to_rgba(style.WRONG)}
    many = neighbors.figure([query(2)] * (neighbors.MOST + 3), "Caption")
    assert any("the first 12 of 15 queries" in text for text, _ in texts(many))


@pytest.mark.parametrize("count", [1, 5, 24])
def test_sheets(count, tmp_path):
    cards = [
        contact_sheet.Card(None if i == 2 else PIXELS, LONG, None if i == 1 else "ants", i / 10, i != 3) for i in range(count)
    ]
    figure = contact_sheet.figure("Cluster 3", f"{count} images. " + LONG, cards)
    assert_legible(figure)
    from convatlas.views.save import save

    path = save(figure, tmp_path / "cluster-03.png")
    page = contact_sheet.sheets_page("<b>", [("Cluster <3>", "A & B", path)], [("Images", "5")], "convatlas cluster i.npz")
    assert "<b></h1>" not in page
    assert "Cluster &lt;3&gt;" in page
    assert "data:image/webp;base64," in page
    assert "convatlas cluster i.npz" in page


@pytest.mark.parametrize("count", [1, 2, 5, 9])
@pytest.mark.parametrize("near", [0.0, 0.2])
def test_accuracy_over_depth(count, near):
    layers = [probe.Layer(f"features.{i}.with_a_long_name", 1280, 0.5 + 0.05 * i - near, 0.5 + 0.05 * i) for i in range(count)]
    figure = probe.figure(layers, f"What the layers of {LONG} know", f"Accuracy on 153 images of {LONG}; fitted to 244", 0.1, 7)
    assert_legible(figure)
    shown = [text for text, _ in texts(figure)]
    assert f"linear {100 * layers[-1].linear:.1f} %" in shown
    assert f"7-NN {100 * layers[-1].knn:.1f} %" in shown
    low, high = figure.axes[0].get_ylim()
    assert low <= 100 * min(layer.knn for layer in layers)
    assert high > 100 * max(layer.linear for layer in layers)
