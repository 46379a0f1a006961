"""The rows of bench/transfer.py as Markdown tables."""

import math
import statistics
from typing import Any

from convatlas.recipes.transfer import chosen_strategy
from convatlas.studies.figures import spread

Row = dict[str, Any]
STRATEGIES = ("lp-ft", "head", "last-2", "discriminative", "full", "gradual", "bn-only")
REGRESSION = "logistic regression on frozen features"
PER_CLASS = 50  # training images of Fashion-MNIST
LONGER = 4  # times the epochs, for a network that learns from scratch
Z = 1.959964  # standard deviations of a 95 % interval


def interval(share: float, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share of n (Wilson 1927)."""
    middle = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2)) / (1 + Z**2 / n)
    return middle - half, middle + half


def group_runs(rows: list[Row]) -> dict[tuple[str, str], list[Row]]:
    """The runs of each network and strategy, in the order in which they came."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["network"], row["strategy"]), []).append(row)
    return groups


def percent(runs: list[Row]) -> str:
    """Mean, standard deviation and number of runs."""
    of = spread([100 * run["accuracy"] for run in runs])
    if runs[0]["strategy"] == REGRESSION:
        return f"{of['mean']:.2f}"
    deviation = f" ± {of['sd']:.2f}" if of["sd"] is not None else ""
    return f"{of['mean']:.2f}{deviation} ({of['n']})"


def mean(runs: list[Row], name: str = "accuracy") -> float:
    return statistics.fmean(run[name] for run in runs)


def of_photographs(rows: list[Row]) -> list[str]:
    """The table, the interval, and whether fine-tuning beats logistic regression."""
    lines = [
        "| network | strategy | epochs | parameters that learn | accuracy, % (seeds) | s, fastest | MB of a step at most |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    usual = chosen_strategy("mobilenet_v2", 1)[0]
    good = {key: [run for run in runs if "reason" not in run] for key, runs in group_runs(rows).items()}
    for (network, strategy), every in group_runs(rows).items():
        name = f"**{strategy}** (default)" if strategy == usual else strategy
        runs = good[network, strategy]
        if not runs:
            lines.append(f"| {network} | {name} | | | {every[0]['reason']} | | |")
            continue
        first = runs[0]
        memory = next((f"{run['memory'] / 1e6:,.0f}" for run in runs if run["memory"]), "–")
        cells = (network, name, first["epochs"] or "–", f"{first['parameters']:,}", percent(runs),
                 f"{min(run['seconds'] for run in runs):,.0f}", memory)  # fmt: skip
        lines.append(f"| {' | '.join(map(str, cells))} |")
    lines.append("")
    for network in dict.fromkeys(row["network"] for row in rows):
        tuned = {s: runs for (of, s), runs in good.items() if of == network and s in STRATEGIES and runs}
        line = good.get((network, REGRESSION))
        if tuned and line:
            lines += [against(network, tuned, line[0]), ""]
    return lines[:-1]


def against(network: str, tuned: dict[str, list[Row]], line: Row) -> str:
    """Whether the best strategy beats logistic regression, in a sentence."""
    n = line["n"]
    best = max(tuned, key=lambda strategy: mean(tuned[strategy]))
    highest, other = mean(tuned[best]), line["accuracy"]
    low, high = interval(other, n)
    difference = n * (highest - other)
    if abs(difference) < 1e-6:
        verdict = f"is as good as logistic regression ({100 * other:.2f} %)"
    else:
        verb = "beats" if difference > 0 else "does not beat"
        where = "more" if difference > 0 else "fewer"
        verdict = f"{verb} logistic regression ({100 * other:.2f} %): {abs(difference):.1f} images of {n} {where} on average"
    tell = "inside" if low <= highest <= high else "outside"
    return (
        f"{network}: the best strategy, {best} ({100 * highest:.2f} %, mean of {len(tuned[best])}), {verdict}. "
        f"The 95 % interval of that one accuracy over {n} images is {100 * low:.1f} to {100 * high:.1f} %, "
        f"and the best strategy lies {tell} it. It is the best of {len(tuned)} on the same images, so its figure is optimistic."
    )


def of_fashion(rows: list[Row]) -> list[str]:
    """The table, with the margin over learning from scratch seed by seed."""
    lines = [
        f"| resnet20 | epochs | parameters that learn | test, % (seeds) | over scratch, points | over {LONGER} times | s |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    usual = chosen_strategy("resnet20", 1)[0]
    good = {key: {run["seed"]: run for run in runs if "reason" not in run} for key, runs in group_runs(rows).items()}
    for (network, strategy), runs in good.items():
        if not runs:
            continue
        margins = []
        for other in ("scratch", f"scratch, {LONGER} times the epochs"):
            seeds = good.get((network, other), {})
            both = [100 * (run["accuracy"] - seeds[seed]["accuracy"]) for seed, run in runs.items() if seed in seeds]
            of = spread(both)
            deviation = f" ± {of['sd']:.2f}" if of["sd"] is not None else ""
            margins.append(f"{of['mean']:+.2f}{deviation}".replace("-", "−") if both and other != strategy else "–")
        listed = list(runs.values())
        name = f"**{strategy}** (default)" if strategy == usual else strategy
        cells = (name, listed[0]["epochs"], f"{listed[0]['parameters']:,}", percent(listed), *margins,
                 f"{mean(listed, 'seconds'):,.1f}")  # fmt: skip
        lines.append(f"| {' | '.join(map(str, cells))} |")
    n = next((run["n"] for runs in good.values() for run in runs.values()), 0)
    words = f"over {LONGER} times: over scratch with {LONGER} times the epochs. Margins are taken seed by seed."
    return [*lines, "", f"{n:,} test images; {10 * PER_CLASS} training images, others for each seed; {words}"]


def of_neighbors(rows: list[Row]) -> list[str]:
    """The table of k-NN and linear evaluation."""
    lines = ["| resnet20 on CIFAR-10 | test accuracy, % | 95 % interval | seconds |", "|---|---:|---:|---:|"]
    for row in rows:
        low, high = interval(row["accuracy"], row["n"])
        name = row["strategy"] + (f", C = {row['strength']:g}" if "strength" in row else "")
        lines.append(f"| {name} | {100 * row['accuracy']:.2f} | {100 * low:.2f} to {100 * high:.2f} | {row['seconds']:.1f} |")
    first = rows[0]
    return [*lines, "", f"{first['trained']:,} training and {first['n']:,} test images, {first['width']} features."]
