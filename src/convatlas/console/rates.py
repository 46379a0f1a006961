"""What `lr-find` and `schedule` print: suggestions with the command to go on, and what a recipe will do."""

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress
from rich.text import Text

from ..errors import count_of
from .terminal import dump, show, table

if TYPE_CHECKING:
    from ..engine.rates.forecast import Forecast
    from ..engine.rates.suggest import RangeTest
    from ..engine.recipe import Recipe

OWN = ("--from", "--to", "--steps", "--out", "--theme", "--lr")  # flags of lr-find with a value, which training lacks or gets
SWITCHES = ("--quiet", "--json")


@contextmanager
def show_steps(steps: int, quiet: bool) -> Iterator[Callable[[int], object] | None]:
    """A bar on a terminal; nothing elsewhere, or if quiet."""
    console = Console(stderr=True, highlight=False)
    if quiet or not console.is_terminal:
        yield None
        return
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("raising the learning rate", total=steps)
        yield lambda done: progress.update(task, completed=done)


def title_of(recipe: "Recipe") -> str:
    """The recipe of a range test in a few words."""
    strategy = "" if recipe.strategy == "full" else f", {recipe.strategy}"
    return f"{recipe.model} on {Path(recipe.data).name}: {recipe.optimizer}, batches of {recipe.batch_size}{strategy}"


def next_command(test: "RangeTest", recipe: "Recipe") -> str | None:
    """The command that trains with the suggested learning rate: what was typed, as `train` or `tune`."""
    if test.valley is None:
        return None
    verb = "tune" if recipe.weights else "train"
    return f"{command_without(sys.argv[2:], verb)} --lr {test.valley:.2g}"


def command_without(words: list[str], verb: str) -> str:
    """The command line of another verb with those of these words that it knows."""
    known: list[str] = []
    left = iter(words)
    for word in left:
        name, equals, _ = word.partition("=")
        if name in OWN:
            if not equals:
                next(left, None)
        elif word not in SWITCHES:
            known.append(word)
    return shlex.join(["convatlas", verb, *known])


def print_suggestions(test: "RangeTest", recipe: "Recipe", picture: Path, as_json: bool) -> None:
    """Both suggestions, or why there is none, and what to type next."""
    command = next_command(test, recipe)
    if as_json:
        dump({"model": recipe.model, "data": recipe.data, **test.to_json(), "next": command, "picture": str(picture)})
        return
    if test.steepest is not None and test.valley is not None:
        print(f"steepest  {test.steepest:.3g}   where the loss falls fastest")
        print(f"valley    {test.valley:.3g}   two thirds of the way down")
    if test.divergence is not None:
        steps = count_of(len(test.losses), "step")
        print(f"diverged  {test.divergence:.3g}   where the loss had grown to four times its best, after {steps}")
    if test.note:
        print(test.note if command else f"no suggestion: {test.note}")
    if command:
        print(f"go on with: {command}")
    print(f"picture {picture}")


def print_forecast(forecast: "Forecast", picture: Path, as_json: bool) -> None:
    """One row per phase, totals below."""
    figures = forecast.to_json()
    if as_json:
        dump({**figures, "picture": str(picture)})
        return
    rows = table("epochs", "trained", "steps", "parameters", "highest learning rate", left=2)
    for phase, row in zip(forecast.phases, figures["phases"], strict=True):
        first, last = row["first_epoch"], row["last_epoch"]
        stages = ", ".join(forecast.name_parts(forecast.at(phase, share)) for share in forecast.shares(phase))
        rates = row["highest_rates"].values()
        low, high = f"{min(rates):.3g}", f"{max(rates):.3g}"
        rows.add_row(f"{first}" if first == last else f"{first}-{last}", Text(stages), f"{row['steps']:,}",
                      f"{row['trained_parameters']:,}", high if low == high else f"{low} to {high}")  # fmt: skip
    show(rows)
    if figures["averaged_epochs"]:
        print("weights averaged over epochs {} to {}".format(*figures["averaged_epochs"]))
    seen = f"{count_of(figures['steps'], 'step')}, {count_of(figures['images_seen'], 'image')} seen"
    print(f"{seen}, {figures['parameters']:,} parameters")
    print(f"picture {picture}")
