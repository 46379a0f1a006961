"""What a recipe will do: learning rates over its steps, what learns when, and how many images that takes."""

from dataclasses import dataclass
from itertools import groupby
from typing import Any

from ..average import swa_start
from ..recipe import Recipe
from ..schedule import accumulation, learning_rate
from ..strategy import Learning, Phase

DRAWN = 600  # steps of a phase that a line is drawn through


@dataclass(frozen=True, slots=True)
class Line:
    """One rate over time, and who learns at it, phase by phase.

    Units    points are (epochs, learning rate), in the middle of steps
    """

    share: float  # of the recipe's rate
    phases: tuple[Phase, ...]
    points: tuple[tuple[float, float], ...]
    words: str

    @property
    def top(self) -> tuple[float, float]:
        """Where the rate is highest, and how high."""
        return max(self.points, key=lambda point: point[1])


@dataclass(frozen=True, slots=True)
class Forecast:
    """A recipe with a network under its strategy, of which parameter counts alone matter, and the length of an epoch."""

    recipe: Recipe
    learning: Learning
    steps: int  # batches of an epoch
    images: int  # of an epoch

    @property
    def phases(self) -> tuple[Phase, ...]:
        """Stretches in which the same parts learn."""
        return self.learning.plan

    @property
    def parts(self) -> tuple[str, ...]:
        """What learns or rests as one, from the image to the head."""
        return tuple(part for part, parameters in self.learning.parts.items() if parameters)

    def parameters(self, part: str) -> int:
        """How many a part has."""
        return sum(parameter.numel() for parameter in self.learning.parts[part])

    @property
    def total(self) -> int:
        """Parameters of all parts."""
        return sum(map(self.parameters, self.parts))

    def updates(self, epochs: int) -> int:
        """Steps of the optimizer in so many epochs."""
        return epochs * -(-self.steps // self.recipe.accumulate)

    def rate(self, phase: Phase, batch: int) -> float:
        """The recipe's rate for a batch, counted from 0 over the whole run."""
        return learning_rate(self.recipe, phase.span, self.middle(batch), self.steps)

    def middle(self, batch: int) -> float:
        """The middle of the batches that make one step of the optimizer with this one."""
        before, together = accumulation(batch % self.steps, self.steps, self.recipe.accumulate)
        return batch - before + together / 2

    def course(self, phase: Phase) -> list[tuple[float, float]]:
        """The recipe's rate over a phase, at its first step, its last and at most so many between."""
        batches = range(phase.start * self.steps, phase.end * self.steps)
        stride = max(1, len(batches) // DRAWN)
        chosen = dict.fromkeys([*batches[::stride], batches[-1]])
        return list(dict.fromkeys((self.middle(batch) / self.steps, self.rate(phase, batch)) for batch in chosen))

    def top(self, phase: Phase) -> float:
        """The recipe's highest rate in a phase."""
        return max(rate for _, rate in self.course(phase))

    def at(self, phase: Phase, share: float) -> tuple[str, ...]:
        """The parts that learn at a share of the recipe's rate."""
        return tuple(part for part in self.parts if self.learning.share(part, phase) == share)

    def shares(self, phase: Phase) -> tuple[float, ...]:
        """The different shares of the recipe's rate at which parts learn, highest first."""
        return tuple(sorted({self.learning.share(part, phase) for part in self.parts} - {0.0}, reverse=True))

    def lines(self) -> tuple[Line, ...]:
        """A line for each different rate; it breaks where nobody has the rate, and where the schedule starts again."""
        drawn = []
        for share in sorted({share for phase in self.phases for share in self.shares(phase)}, reverse=True):
            runs = groupby(self.phases, key=lambda phase: (phase.span, share in self.shares(phase)))
            for (_, learns), run in runs:
                if learns:
                    phases = tuple(run)
                    points = tuple((x, share * rate) for phase in phases for x, rate in self.course(phase))
                    first, last = (self.name_parts(self.at(phase, share)) for phase in (phases[0], phases[-1]))
                    drawn.append(Line(share, phases, points, first if first == last else f"{first}, at last {last}"))
        return tuple(drawn)

    def name_parts(self, chosen: tuple[str, ...]) -> str:
        """Parts in few words: neighbors as the first and the last of them."""
        if len(chosen) == len(self.parts):
            return "everything"
        if chosen and all(part.endswith(" norms") for part in chosen):
            return "all norms"
        runs = []
        places = [self.parts.index(part) for part in chosen]
        for _, run in groupby(enumerate(places), key=lambda pair: pair[1] - pair[0]):
            names = [self.parts[place] for _, place in run]
            runs.append(names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}")
        return ", ".join(runs)

    @property
    def averaged(self) -> tuple[int, int] | None:
        """The epochs, counted from 0, whose weights SWA averages."""
        start, end = self.recipe.stretches()[-1]
        return (swa_start(self.recipe.swa, end, start), end) if self.recipe.swa else None

    def to_json(self) -> dict[str, Any]:
        """Plain values by name: totals, stages, phases and lines."""
        recipe = self.recipe
        return {
            "model": recipe.model,
            "data": recipe.data,
            "strategy": recipe.strategy,
            "schedule": recipe.schedule,
            "optimizer": recipe.optimizer,
            "epochs": recipe.epochs,
            "batches_per_epoch": self.steps,
            "steps": self.updates(recipe.epochs),
            "images_seen": self.images * recipe.epochs,
            "parameters": self.total,
            "stages": [{"name": part, "parameters": self.parameters(part)} for part in self.parts],
            "phases": [
                {
                    "first_epoch": phase.start + 1,
                    "last_epoch": phase.end,
                    "steps": self.updates(phase.end - phase.start),
                    "trained_parameters": self.learning.trained(phase),
                    "highest_rates": {
                        part: self.top(phase) * share for part in self.parts if (share := self.learning.share(part, phase))
                    },
                }
                for phase in self.phases
            ],
            "averaged_epochs": [self.averaged[0] + 1, self.averaged[1]] if self.averaged else None,
            "lines": [{"stages": line.words, "points": [list(point) for point in line.points]} for line in self.lines()],
        }  # fmt: skip
