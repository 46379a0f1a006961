"""What an ablation says, in sentences: which factors mattered, by how much, and which pairs of them go together."""

from collections.abc import Mapping
from typing import Any

from .effects import signed_points

SHOWN = 3  # interactions that are named


def effect_verdict(effects: Mapping[str, Any]) -> str:
    """The main effects whose interval excludes zero, largest first; then the others, and the clear interactions."""
    main = sorted(effects["main"], key=lambda effect: -abs(effect["difference"]))
    clear = [effect for effect in main if effect["excludes_zero"]]
    unclear = [effect for effect in main if not effect["excludes_zero"]]
    sentences = []
    if clear:
        sentences.append("; ".join(map(main_words, clear)) + ".")
    if unclear:
        names = ", ".join(f"{effect['factor']}={effect['level']}" for effect in unclear)
        sentences.append(f"{'For' if clear else 'No difference is more than chance: for'} {names} the interval includes zero.")
    joint = [effect for effect in effects["interactions"] if effect["excludes_zero"]]
    for effect in sorted(joint, key=lambda effect: -abs(effect["difference"]))[:SHOWN]:
        more = "more" if effect["difference"] > 0 else "less"
        pair = f"{effect['factor_a']}={effect['level_a']} and {effect['factor_b']}={effect['level_b']}"
        amount = signed_points(abs(effect["difference"])).removeprefix("+")
        sentences.append(f"Together, {pair} give {amount} points {more} than the sum of what each gives alone.")
    return " ".join(sentences) or "Too few networks have figures to tell any effect."


def main_words(effect: Mapping[str, Any]) -> str:
    """`kernel=5 gains 1.2 points on kernel=3 (0.4 to 2.0)`."""
    verb, on = ("gains", "on") if effect["difference"] > 0 else ("loses", "against")
    low, high = sorted(100 * abs(end) for end in effect["interval"])
    amount = signed_points(abs(effect["difference"])).removeprefix("+")
    level, base = (f"{effect['factor']}={effect[key]}" for key in ("level", "base"))
    return f"{level} {verb} {amount} points {on} {base} ({low:.1f} to {high:.1f})"


def base_words(results: Mapping[str, Any]) -> str:
    """What the row called base has; empty where the rows are called by all of their levels."""
    levels = results["levels"].get("base")
    return f"The base has {', '.join(f'{name}={level}' for name, level in levels.items())}." if levels else ""


def match_words(results: Mapping[str, Any]) -> str:
    """How near the matched networks came to the base; empty where nothing was matched."""
    match = results.get("match")
    if not match or match["off"] is None:
        return ""
    what = "parameters" if match["by"] == "parameters" else "multiply-accumulates"
    return f"Widths were adjusted to equal {what}; the farthest is off by {100 * match['off']:.1f} %."
