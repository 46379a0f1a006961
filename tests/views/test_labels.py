from itertools import combinations, pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from convatlas.views.labels import Box, place, spread

AREA = Box(0, 0, 290, 218)  # a scatter plot of the report
LINE = 14.0
inside = st.tuples(st.floats(0, AREA.width), st.floats(0, AREA.height))
labeled = st.lists(st.tuples(inside, st.floats(20, 125)), min_size=1, max_size=10)


@settings(max_examples=60, deadline=None)
@given(labeled)
def test_labels_of_ten_networks_never_overlap_and_stay_inside(networks):
    points, widths = zip(*networks, strict=True)
    boxes = place(points, [(width, LINE) for width in widths], AREA)
    assert all(box.inside(AREA) for box in boxes)
    assert not [pair for pair in combinations(boxes, 2) if pair[0].overlap(pair[1])]
    assert boxes == place(points, [(width, LINE) for width in widths], AREA)


def test_ten_networks_on_one_spot_are_still_told_apart():
    boxes = place([(140.0, 100.0)] * 10, [(125.0, LINE)] * 10, AREA)
    assert not [pair for pair in combinations(boxes, 2) if pair[0].overlap(pair[1])]


def test_a_lone_label_stands_beside_its_point():
    (box,) = place([(100.0, 100.0)], [(40.0, LINE)], AREA)
    assert (box.x, box.y + box.height / 2) == (107.0, 100.0)


def test_a_label_wider_than_the_area_is_kept_at_its_edge():
    (box,) = place([(100.0, 100.0)], [(400.0, LINE)], AREA)
    assert box.x <= AREA.x


@settings(deadline=None)
@given(st.lists(st.floats(0, 200), max_size=12), st.floats(1, 16))
def test_spread_keeps_order_gap_and_bounds(wanted, gap):
    placed = spread(wanted, gap, 0, 200)
    assert all(-1e-6 <= p <= 200 + 1e-6 for p in placed)
    ranked = [p for _, _, p in sorted((w, i, p) for i, (w, p) in enumerate(zip(wanted, placed, strict=True)))]
    assert all(b - a >= gap - 1e-6 for a, b in pairwise(ranked))


def test_spread_leaves_alone_what_is_apart_and_shares_what_is_not():
    assert spread([10, 50, 90], 14, 0, 200) == [10, 50, 90]
    assert spread([50, 50], 14, 0, 200) == [43, 57]
    assert spread([], 14, 0, 200) == []
    assert spread([1, 2, 3], 150, 0, 200) == [0, 100, 200]
