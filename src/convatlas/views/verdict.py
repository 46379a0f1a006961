"""What a comparison says, in one sentence: who is best, by how much, whether by more than chance, and at what cost."""

from collections.abc import Sequence

from ..engine.task import Measure
from .numbers import figure, finite, percent, significant
from .table import Network, Results, decides, deciding_key, has_failed, held_out, held_out_images, mean, networks, places

CHANCE = 0.05  # a p-value from here on could well be chance


def ranking(results: Results) -> list[Network]:
    """The networks that have the deciding figure, best first; equals in order of their parameters."""
    key, rank = deciding_key(results), decides(results).rank
    able = [n for n in networks(results) if not has_failed(n) and mean(n, key) is not None]
    return sorted(able, key=lambda n: (-rank(mean(n, key) or 0), mean(n, "parameters") or 0, str(n.get("name"))))


def best_name(results: Results) -> str | None:
    """The name of the best network: the one the paired tests were made against, where there are any."""
    order = ranking(results)
    tested = [against["best"] for n in networks(results) if (against := n.get("against_best")) and against.get("best")]
    names = [str(n.get("name")) for n in order]
    return next((str(name) for name in tested if name in names), names[0] if names else None)


def times(ratio: float) -> str:
    """How many times: 1.4, 4.4, 12, 930."""
    return significant(ratio, 2) if ratio < 99.5 else f"{ratio:,.0f}"


def chance(p_value: float | None) -> str:
    """Whether a paired difference is more than chance, in words; empty where it was not tested."""
    if p_value is None:
        return ""
    p = "p < 0.001" if p_value < 0.001 else f"p = {p_value:.2g}"
    return f" ({'more' if p_value < CHANCE else 'no more'} than chance would give, {p})"


def gap_text(measure: Measure, a: float, b: float, digits: int) -> str:
    """How far two figures are apart, in words; empty where they read alike."""
    if measure.kind == "percent":
        points = percent(abs(a - b), digits)
        return f"{points} points" if float(points) else ""
    return figure(abs(a - b)) if a != b else ""


def verdict(results: Results) -> str:
    """The sentence at the head of the report; it starts with the name of the best network where there is one."""
    order, best = ranking(results), best_name(results)
    if best is None:
        return "No network has figures of held-out images, so there is nothing to compare."
    winner = next(n for n in order if str(n.get("name")) == best)
    others = [n for n in order if n is not winner]
    digits, key, measure = places(results), deciding_key(results), decides(results)
    images = f"{held_out_images(results):,} {'validation' if held_out(results) == 'val' else 'test'} images"
    own = mean(winner, key) or 0.0
    sentence = measure.sentence.format(measure.write(own, digits), images)
    if not others:
        return f"{best} {sentence}."
    second = others[0]
    against = second.get("against_best") or {}
    p = finite(against.get("p_value")) if (finite(against.get("difference")) or 0) <= 0 else None  # it has better images
    gap = gap_text(measure, own, mean(second, key) or 0, digits)
    lead = f"{gap} {measure.better} than {second.get('name')}{chance(p)}" if gap else f"level with {second.get('name')}"
    cost = training_price(winner) if results.get("kind") == "strategy" else price(winner, others)
    return f"{best} is best: it {sentence}, {lead}{f'; {cost}' if cost else ''}."


def training_price(winner: Network) -> str:
    """What a strategy costs: how much learns, and how long."""
    trained, total, seconds = (mean(winner, key) for key in ("trained_parameters", "parameters", "seconds"))
    if not (trained and total and seconds):
        return ""
    return f"it trains {100 * trained / total:.3g} % of the parameters and takes {significant(seconds, 2)} s a run"


def price(winner: Network, others: Sequence[Network]) -> str:
    """What the best costs beside the smallest and the fastest; empty where sizes and times are unknown."""
    small, fast = _least([winner, *others], "parameters"), _least([winner, *others], "latency_ms")
    if small is None and fast is None:
        return ""
    if small in (winner, None) and fast in (winner, None):
        known = [word for word, n in (("smallest", small), ("fastest", fast)) if n is not None]
        return f"it is also the {' and the '.join(known)}"
    larger = _clause(winner, small, "parameters", "it is also the smallest", "it has {} times the parameters")
    slower = _clause(winner, fast, "latency_ms", "it is also the fastest", "takes {} times as long for an image")
    if small is fast and small is not None:
        return f"{larger} and {slower} as {small.get('name')}, the smallest and fastest"
    if larger and small is not None and small is not winner:
        larger += f" of {small.get('name')}, the smallest"
    if slower and fast is not None and fast is not winner:
        slower += f" as {fast.get('name')}, the fastest"
    slower = slower if larger else f"it {slower}"
    joint = ", and " if larger.endswith("smallest") and small is not winner else " and "
    return joint.join(part for part in (larger, slower.replace("it is also", "is also", 1)) if part)


def _clause(winner: Network, least: Network | None, key: str, same: str, more: str) -> str:
    mine, floor = mean(winner, key), mean(least, key) if least is not None else None
    if least is winner:
        return same
    return more.format(times(mine / floor)) if mine and floor else ""


def _least(among: Sequence[Network], key: str) -> Network | None:
    known = [n for n in among if mean(n, key) is not None]
    return min(known, key=lambda n: mean(n, key) or 0.0, default=None)
