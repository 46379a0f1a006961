"""Strategies of transfer learning as plain values: which parts of a network learn, when, and how fast.

full            everything at one learning rate
head            the new head alone, on features as they came: a linear probe
last-N          the last N stages, the head among them
gradual         the head first, then stage by stage towards the image, all by two thirds of the epochs
                (Howard and Ruder 2018, arXiv:1801.06146, §3.3)
discriminative  everything, each stage at `stage_decay` of the learning rate of the next one (the same, §3.2)
bn-only         the norms' weights and biases, and the head (Frankle et al. 2020, arXiv:2003.00152)
lp-ft           the head for a third of the epochs, then everything, with a schedule of its own
                (Kumar et al. 2022, arXiv:2202.10054, §3.4)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..errors import InputError, unknown_name
from .recipe import Recipe

STRATEGIES = ("full", "head", "gradual", "discriminative", "bn-only", "lp-ft")
UNFROZEN_BY = 2 / 3  # of the epochs, with gradual
HEAD_ALONE = 1 / 3  # of the epochs, with lp-ft
NORMS = (_BatchNorm, nn.LayerNorm, nn.GroupNorm)
WHOLE = "network"

Stages = Mapping[str, tuple[str, ...]]
"""Names of a network's modules by stage, from the image to the head; every module is in one."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of a run in which the same parts learn: the epochs from `start`, counted from 0, to before `end`.

    Units   rates are multiples of the recipe's
    """

    start: int
    end: int
    rates: Mapping[str, float]  # by stage; one that is not named is frozen
    norms: float = 0.0  # rate of the norms' weights and biases in the stages that are not named; 0 if they are frozen as well
    span: tuple[int, int] = field(default=(0, 0))  # the epochs over which the schedule runs once


def count_of_last(strategy: str) -> int | None:
    """N of last-N, None for another strategy.

    Raises   InputError for a strategy that does not exist
    """
    if strategy in STRATEGIES:
        return None
    start, _, number = strategy.partition("-")
    if start == "last" and number.isdecimal() and int(number) > 0:
        return int(number)
    raise unknown_name("strategy", strategy, [*STRATEGIES, "last-2"], "last-N takes any number of stages.")


def plan(recipe: Recipe, stages: Sequence[str]) -> tuple[Phase, ...]:
    """The phases of a run over a network's stages, from the image to the head.

    In epochs by which a run was extended the last phase goes on, at the rates that it had if it went to their end.

    Raises   InputError for a strategy that such a network cannot follow
    """
    (_, epochs), *added = recipe.stretches()
    phases = first_plan(recipe, stages, epochs)
    for start, end in added:
        phases = (*phases, replace(phases[-1], start=start, end=end, span=(phases[-1].span[0], end)))
    return phases


def first_plan(recipe: Recipe, stages: Sequence[str], epochs: int) -> tuple[Phase, ...]:
    """The phases of a run that is not extended.

    Raises   InputError as `plan`
    """
    strategy = recipe.strategy
    head = stages[-1]
    everything = dict.fromkeys(stages, 1.0) | ({head: recipe.head_rate} if len(stages) > 1 else {})
    whole = (0, epochs)
    count = count_of_last(strategy)
    if count is not None:
        if count > len(stages):
            raise InputError(f"{strategy} needs {count} stages, and {recipe.model} has {len(stages)}: {', '.join(stages)}")
        return (Phase(0, epochs, rates_of(everything, stages[-count:]), span=whole),)
    if strategy == "gradual":
        return unfreeze_in_turn(stages, everything, epochs)
    if strategy == "lp-ft":
        return head_then_all(stages, everything, epochs)
    if strategy == "discriminative":
        decayed = {stage: recipe.stage_decay**away for away, stage in enumerate(reversed(stages[:-1]))}
        return (Phase(0, epochs, {stage: decayed.get(stage, everything[stage]) for stage in stages}, span=whole),)
    rates = everything if strategy == "full" else rates_of(everything, (head,))
    return (Phase(0, epochs, rates, norms=float(strategy == "bn-only"), span=whole),)


def head_then_all(stages: Sequence[str], rates: Mapping[str, float], epochs: int) -> tuple[Phase, ...]:
    """The head first, then everything at one learning rate.

    Raises   InputError for fewer than two epochs
    """
    if epochs < 2:
        raise InputError(f"lp-ft needs --epochs of at least 2, one for the head and one for all, got {epochs}")
    first = min(ceil(HEAD_ALONE * epochs), epochs - 1)
    return (
        Phase(0, first, rates_of(rates, stages[-1:]), span=(0, first)),
        Phase(first, epochs, dict.fromkeys(stages, 1.0), span=(first, epochs)),
    )


def rates_of(rates: Mapping[str, float], stages: Sequence[str]) -> dict[str, float]:
    """The rates of these stages."""
    return {stage: rates[stage] for stage in stages}


def unfreeze_in_turn(stages: Sequence[str], rates: Mapping[str, float], epochs: int) -> tuple[Phase, ...]:
    """One stage more from time to time; with few epochs several at once."""
    away = len(stages) - 1
    joins = [round(place * UNFROZEN_BY * epochs / max(away, 1)) for place in range(away + 1)]  # from the head to the image
    starts = sorted({0, *(join for join in joins if join < epochs)})
    phases = []
    for start, end in zip(starts, [*starts[1:], epochs], strict=True):
        learning = sum(join <= start for join in joins)
        phases.append(Phase(start, end, rates_of(rates, stages[-learning:]), span=(0, epochs)))
    return tuple(phases)


class Learning:
    """A network's parameters under a plan: which are frozen, which learn, at which share of the learning rate.

    A frozen part gets no gradient and so no state in the optimizer; its batch norms keep their statistics, its dropout is off.
    Raises   InputError for a strategy that the network cannot follow
    """

    def __init__(self, net: nn.Module, recipe: Recipe, stages: Stages | None = None) -> None:
        if stages is None and (recipe.strategy != "full" or recipe.head_rate != 1):
            raise ValueError(f"strategy {recipe.strategy} needs to know the stages of the network")
        self.net, self.recipe = net, recipe
        modules = dict(net.named_modules())
        self.stages: Stages = stages or {WHOLE: tuple(modules)}
        self.plan = plan(recipe, list(self.stages))
        self.parts: dict[str, list[nn.Parameter]] = {}
        counted: set[nn.Parameter] = set()  # a parameter that two modules share learns once
        for stage, names in self.stages.items():
            for name in names:
                of_norm = recipe.strategy == "bn-only" and isinstance(modules[name], NORMS)
                part = norms_of(stage) if of_norm else stage
                own = [p for p in modules[name].parameters(recurse=False) if p.requires_grad and p not in counted]
                counted.update(own)
                self.parts.setdefault(part, []).extend(own)
        if recipe.strategy == "bn-only" and not any(self.parts.get(norms_of(stage)) for stage in self.stages):
            raise InputError(f"bn-only needs norms with weights, and {recipe.model} has none: try --strategy last-2")
        self.phase = self.plan[0]
        for phase in self.plan:
            if not self.trained(phase):
                raise InputError(f"{recipe.strategy} leaves {recipe.model} nothing to learn, whose head is fixed: try last-2")

    def share(self, part: str, phase: Phase | None = None) -> float:
        """The rate of a part as a multiple of the recipe's; 0 if it is frozen."""
        phase = phase or self.phase
        stage = part.removesuffix(" norms")
        return phase.rates.get(stage, phase.norms if part.endswith(" norms") else 0.0)

    @property
    def learners(self) -> dict[str, list[nn.Parameter]]:
        """The parts that learn at some time."""
        return {part: own for part, own in self.parts.items() if own and any(self.share(part, p) for p in self.plan)}

    @property
    def alike(self) -> bool:
        """Whether the same parts learn in all epochs."""
        return all((phase.rates, phase.norms) == (self.plan[0].rates, self.plan[0].norms) for phase in self.plan)

    def enter(self, epoch: int) -> bool:
        """Puts the network into the state of an epoch, counted from 0; whether another phase begins with it."""
        self.phase = next(phase for phase in self.plan if phase.start <= epoch < phase.end)
        for part, parameters in self.parts.items():
            learns = self.share(part) > 0
            for parameter in parameters:
                parameter.requires_grad_(learns)
                if not learns:
                    parameter.grad = None
        self.train()
        return epoch == self.phase.start

    def train(self) -> None:
        """Training mode for what learns, evaluation mode for what is frozen."""
        self.net.train()
        modules = dict(self.net.named_modules())
        for stage, names in self.stages.items():
            for name in names:
                frozen = stage not in self.phase.rates and not (self.phase.norms and isinstance(modules[name], NORMS))
                if frozen and name:  # the network as a whole is training, which its auxiliary heads look at
                    modules[name].training = False
        if self.recipe.freeze_norms:
            for module in modules.values():
                if isinstance(module, _BatchNorm):
                    module.training = False

    def trained(self, phase: Phase | None = None) -> int:
        """How many parameters learn, in a phase or at any time."""
        phases = [phase] if phase else self.plan
        parts = [part for part in self.parts if any(self.share(part, p) for p in phases)]
        return sum(parameter.numel() for part in parts for parameter in self.parts[part])

    def words(self) -> str:
        """What learns now."""
        total = sum(parameter.numel() for parameters in self.parts.values() for parameter in parameters)
        names = list(self.phase.rates)
        what = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
        norms = " and all norms" if self.phase.norms else ""
        times = self.phase.rates.get(list(self.stages)[-1], 1.0)
        faster = f", the head at {times:g} times the learning rate" if times != 1 else ""
        return f"{what}{norms}: {self.trained(self.phase):,} of {total:,} parameters learn{faster}"


def norms_of(stage: str) -> str:
    """The part that holds a stage's norms."""
    return f"{stage} norms"
