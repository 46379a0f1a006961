from itertools import combinations, pairwise

import pytest
from matplotlib.collections import PathCollection

from convatlas.catalog import ROWS
from convatlas.models.lineage import edges, nodes
from convatlas.views import evolution, style
from convatlas.views.lanes import choose_lanes
from convatlas.views.save import save

EDGES = [(edge.child, edge.parent) for edge in edges()]


@pytest.fixture(scope="module")
def figure():
    made = evolution.figure(list(ROWS.values()), nodes(), EDGES)
    made.canvas.draw()
    return made


def words(figure):
    with style.context():
        return [(t.get_text(), t.get_window_extent()) for t in [*figure.texts, *(t for a in figure.axes for t in a.texts)]]


def test_no_two_words_cover_each_other_and_all_are_within(figure):
    shown = words(figure)
    for name, box in shown:
        assert box.x0 >= 0, name
        assert box.x1 <= figure.bbox.width, name
        assert box.y0 >= 0, name
        assert box.y1 <= figure.bbox.height, name
    assert not [(a, b) for (a, p), (b, q) in combinations(shown, 2) if p.overlaps(q)]


def test_every_network_is_named_once_in_the_lineage_and_every_family_on_imagenet_by_its_best(figure):
    chart, tree = ([text.get_text() for text in axes.texts] for axes in figure.axes)
    assert sorted(tree) == sorted(node.title for node in nodes())
    for node in nodes():
        best = max((ROWS[v] for v in node.variants if ROWS[v].top1_on == "ImageNet"), key=lambda row: row.top1, default=None)
        assert [name for name in chart if name in node.variants] == ([best.name] if best else [])


def test_discs_say_what_the_catalog_says(figure):
    (discs,) = (c for c in figure.axes[0].collections if isinstance(c, PathCollection))
    rows = sorted((row for row in ROWS.values() if row.top1_on == "ImageNet"), key=lambda row: -row.parameters)
    areas, places = discs.get_sizes(), discs.get_offsets()
    assert len(areas) == len(rows)
    for row, area, (_, y) in zip(rows, areas, places, strict=True):
        assert area / areas[0] == pytest.approx(row.parameters / rows[0].parameters)
        assert y == pytest.approx(evolution.height_of(row.top1))


def test_years_run_from_left_to_right(figure):
    columns, bands = evolution.laid_out(list(ROWS.values()), nodes())
    ordered = sorted(columns.values(), key=lambda column: column.x)
    assert [column.year for column in ordered] == sorted(column.year for column in ordered)
    assert [year for year, _, _ in bands] == sorted({row.year for row in ROWS.values()} | {node.year for node in nodes()})
    for child, parent in EDGES:
        at = {node.name: columns[node.year, node.name].x for node in nodes()}
        assert at[parent] < at[child]


def test_records_rise():
    best = evolution.records([row for row in ROWS.values() if row.top1_on == "ImageNet"])
    assert [row.name for row in best][:4] == ["alexnet_2012", "zfnet", "vgg19", "resnet152"]
    assert all(a.top1 < b.top1 and a.year < b.year for a, b in pairwise(best))


def test_heights_are_computed_the_same_each_time_with_few_crossings():
    columns, _ = evolution.laid_out(list(ROWS.values()), nodes())
    places = {node.name: columns[node.year, node.name].x for node in nodes()}
    heights = choose_lanes(places, EDGES)
    assert heights == choose_lanes(dict(reversed(places.items())), EDGES)
    assert set(heights) == set(places)
    assert min(heights.values()) == 0
    lines = [((places[p], heights[p]), (places[c], heights[c])) for c, p in EDGES]
    assert sum(cross(a, b) for a, b in combinations(lines, 2)) <= 13  # as many as heights set by hand had


def cross(a, b):
    def side(line, point):
        (x, y), (u, v) = line
        return (u - x) * (point[1] - y) - (v - y) * (point[0] - x)

    if {*a} & {*b}:
        return False
    return side(a, b[0]) * side(a, b[1]) < 0 and side(b, a[0]) * side(b, a[1]) < 0


def test_a_chain_is_level_and_a_newcomer_finds_its_place():
    assert choose_lanes({"a": 0, "b": 200, "c": 400}, [("b", "a"), ("c", "b")]) == {"a": 0, "b": 0, "c": 0}
    heights = choose_lanes({"a": 0, "b": 200, "c": 210, "d": 400}, [("b", "a"), ("c", "a"), ("d", "b")])
    assert abs(heights["b"] - heights["c"]) >= 1  # their titles would touch


def test_it_is_saved_in_every_theme(figure, tmp_path):
    for theme in ("light", "dark"):
        assert save(figure, tmp_path / f"{theme}.svg", theme).stat().st_size > 20_000
