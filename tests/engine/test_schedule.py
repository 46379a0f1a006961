import pytest
from hypothesis import given
from hypothesis import strategies as st

from convatlas.engine.recipe import SCHEDULES
from convatlas.engine.schedule import rate

shares = st.floats(0, 1, exclude_max=True)
warmups = st.floats(0, 0.9)


@given(st.sampled_from(SCHEDULES), st.integers(1, 10_000), st.data(), warmups)
def test_every_step_has_a_rate_above_zero_and_at_most_one(schedule, steps, data, warmup):
    step = data.draw(st.integers(0, steps - 1))
    assert 0 < rate(schedule, (step + 0.5) / steps, warmup) <= 1


@given(st.sampled_from(("onecycle", "cosine", "constant")), shares, st.floats(0.05, 0.9))
def test_rates_never_jump(schedule, progress, warmup):
    steepest = max(1 / warmup, 2 / (1 - warmup))
    near = min(progress + 1e-6, 1)
    assert abs(rate(schedule, near, warmup) - rate(schedule, progress, warmup)) <= 1.1e-6 * steepest


@given(st.sampled_from(SCHEDULES), st.floats(0, 0.45))
def test_the_peak_is_where_the_warmup_ends(schedule, warmup):
    assert rate(schedule, warmup, warmup) == 1
    assert all(rate(schedule, warmup * share, warmup) < 1 for share in (0, 0.5, 0.99) if warmup > 1e-9)


@given(st.sampled_from(("onecycle", "cosine")), warmups)
def test_what_falls_ends_near_zero_and_never_rises_again(schedule, warmup):
    after = [rate(schedule, warmup + (1 - warmup) * k / 50, warmup) for k in range(51)]
    assert after[-1] == pytest.approx(0, abs=1e-9)
    assert after == sorted(after, reverse=True)


def test_shapes_at_the_quarters():
    quarters = (0, 0.25, 0.5, 0.75, 1)
    assert [rate("onecycle", p, 0) for p in quarters] == pytest.approx([1, 0.75, 0.5, 0.25, 0])
    assert [rate("cosine", p, 0) for p in quarters] == pytest.approx([1, (2 + 2**0.5) / 4, 0.5, (2 - 2**0.5) / 4, 0])
    assert [rate("step", p, 0) for p in (0, 0.49, 0.5, 0.74, 0.75, 1)] == [1, 1, 0.1, 0.1, 0.01, 0.01]
    assert {rate("constant", p, 0) for p in quarters} == {1}
