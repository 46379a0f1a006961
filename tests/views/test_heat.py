"""Heat over images: what is hot is where the evidence is, on a scale that one pixel cannot spoil."""

import numpy as np
import pytest
from legible import assert_legible

from convatlas.views import saliency as views
from convatlas.views import style

RNG = np.random.default_rng(0)


def test_a_map_is_drawn_as_a_share_of_its_top_and_evidence_against_is_left_out():
    evidence = np.full((20, 20), 2.0, np.float32)
    evidence[:10] = 1
    evidence[0] = -5
    evidence[5, 5] = 1000
    share = views.relative(evidence)
    assert not share[0].any()
    assert np.all(share[10:] == 1)
    assert share[3, 3] == pytest.approx(0.5)
    assert share.max() == 1
    assert not views.relative(np.zeros((4, 4), np.float32)).any()
    assert not views.relative(np.full((4, 4), -1, np.float32)).any()
    one = np.zeros((100, 100), np.float32)
    one[7, 7] = 3
    assert views.relative(one)[7, 7] == 1  # though its percentile is zero


def test_heat_brightens_with_evidence_and_leaves_gray_where_there_is_none():
    ramp = np.linspace(0, 1, 64)[None]
    colors = views.heat(np.full_like(ramp, 0.5), ramp)[0]
    assert np.allclose(colors[0], 0.375)
    assert colors[-1] @ [0.299, 0.587, 0.114] > 0.8
    assert colors.min() >= 0
    assert colors.max() <= 1
    apart = np.abs(colors[:, None] - colors[None]).sum(-1)[np.triu_indices(64, 8)]
    assert apart.min() > 0.05, "two shares look alike"


@pytest.mark.parametrize("shape", [(32, 32, 3), (28, 28, 1), (224, 160, 3)])
def test_a_sheet_has_a_tile_for_each_image_and_method(shape):
    n, titles = 3, list(views.TITLES.values())
    pixels = [RNG.integers(0, 256, shape, dtype=np.uint8) for _ in range(n)]
    columns = [
        views.Column(title, "at a.layer.with.a.rather.long.name", RNG.normal(size=(n, *shape[:2])).astype(np.float32))
        for title in titles
    ]
    columns[2].maps[1] = -1
    words = [
        views.AnswerText("✗ hen-of-the-woods, Polyporus frondosus 100 %", style.WRONG, "is something else of some length"),
        views.AnswerText("✓ cat 50 %", style.RIGHT),
        views.AnswerText("dog < 1 %"),
    ]
    figure = views.figure(pixels, columns, words)
    assert_legible(figure, margin=0)
    [axes] = figure.axes
    assert len(axes.images) == n * (1 + len(titles)) + 1  # and the scale
    assert views.NOTHING in [text.get_text() for text in axes.texts]
    box = axes.images[0].get_extent()
    assert abs(box[1] - box[0]) / abs(box[3] - box[2]) == pytest.approx(shape[1] / shape[0])


@pytest.mark.parametrize("lines", [1, 7])
def test_the_sanity_panels_are_legible_and_a_method_has_one_ink(lines):
    x = np.linspace(0, 1, 9, dtype=np.float32)
    titles = list(views.TITLES.values())[:lines]
    drawn = tuple(views.Line(title, x**2 - 0.3, "+0.31") for title in titles)
    chance = (*drawn, views.Line("random order", 1 - x, "0.50", chance=True))
    panels = [
        views.Panel("Deletion: probability (area, lower is better)", "pixels taken away", x, chance),
        views.Panel("Randomization: correlation (all layers)", "layers shuffled, head first", x, drawn, dots=True),
    ]
    figure = views.checks_figure(panels)
    assert_legible(figure, margin=0)
    first, second = ([line.get_color() for line in axes.lines] for axes in figure.axes)
    assert first[:-1] == second
    assert len(set(first)) == lines + 1
    assert first[-1] == style.FAINT
    assert figure.axes[0].get_ylim()[0] < -0.3
