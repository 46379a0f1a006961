"""Parts: the stages of a network from the image to the head, as transfer learning freezes and thaws them.

A new stage begins where the maps shrink. Blocks are never cut: one that shrinks the map belongs with the map it hands on.
The stem is what comes before the first block. Where the maps hardly shrink, as in a vision transformer, the blocks are dealt
into four groups instead.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from math import inf

from torch import nn

from ..errors import unknown
from ..ops.paths import ancestors, is_inside
from .layer import Shape
from .layers import inspect

CHAINS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
"""What only lines up other modules: no block of its own."""

SPAN = 2  # strides at most within one block, or one stem
FEW = 3  # strides; with fewer it is the blocks that divide a network
GROUPS = 4
DROPOUT = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)

Label = str | float


def parts(model: nn.Module, size: Shape, head: str, others: tuple[str, ...] = ()) -> dict[str, tuple[str, ...]]:
    """The stages from the image to the head, each with the names of its modules: every module is in exactly one.

    Parameters and buffers go with their module, and a module that reaches over several stages is in the first of them.
    "head" is the module `head`, what runs after it, and the pooling, dropout and norm right before it; `others` join it.

    Shapes   size (channels, height, width) of the image
    Raises   InputError if there is no such head, or the network does not take such images
    """
    names = [name for name, _ in model.named_modules()]
    if not head or head not in names:
        raise unknown("module", head, names[1:])
    run = Run(model, size, head)
    stages = divided(run)
    placed = spread(run, stages, (head, *others))
    order = dict.fromkeys([*stages.values(), "head"])
    return {stage: tuple(name for name in names if placed[name] == stage) for stage in order}


@dataclass(frozen=True, slots=True)
class Unit:
    """A module that is in one stage with all that is in it."""

    name: str
    start: int  # its first row
    stride: float  # inf without an extent
    learns: bool  # has parameters or buffers
    block: bool


class Run:
    """Which modules ran, in what order and at what stride.

    A row is one operation: the module that called it, and pixels of the image from one unit of the map to the next.
    """

    def __init__(self, model: nn.Module, size: Shape, head: str) -> None:
        seen = inspect(model, size)
        self.modules = dict(model.named_modules())
        self.head = head
        strides = {id(layer): stage.stride or inf for stage in seen.stages for layer in stage.layers}
        self.rows = [(self.known(layer.module), strides[id(layer)]) for layer in seen.layers]
        self.within: dict[str, list[int]] = {name: [] for name in self.modules}
        for row, (name, _) in enumerate(self.rows):
            for above in ancestors(name):
                self.within[above].append(row)
        self.end = min(self.within[head], default=len(self.rows))

    def known(self, path: str) -> str:
        """The module of a call, which has a number from the second one on."""
        return path if path in self.modules else path.rpartition("_")[0]

    def strides(self, name: str) -> list[float]:
        """Those of a module's rows in their order; of rows with something to learn alone, if there are any."""
        rows = [self.rows[row] for row in self.within[name]]
        return [stride for module, stride in rows if holds(self.modules[module])] or [stride for _, stride in rows[:1]]

    @cached_property
    def blocks(self) -> dict[str, None]:
        """The outermost modules of a class that comes more than once and has two layers of weights or more in one of them."""
        kinds = Counter(type(module) for module in self.modules.values())
        deep = {type(module) for module in self.modules.values() if sum(map(mixes, module.parameters())) > 1}
        found: dict[str, None] = {}
        for name, module in self.modules.items():
            if not name or is_inside(name, self.head) or is_inside(self.head, name) or isinstance(module, CHAINS):
                continue
            repeated = kinds[type(module)] > 1 and type(module) in deep
            if repeated and 0 < len(set(self.strides(name))) <= SPAN and found.keys().isdisjoint(ancestors(name)):
                found[name] = None
        return found

    def units(self, name: str = "") -> Iterator[Unit]:
        """The units of a module that ran before the head, in the order of the modules."""
        if not self.within[name] or self.within[name][0] >= self.end or name == self.head:
            return
        strides = self.strides(name)
        if self.whole(name, strides):
            learns = any(map(holds, self.modules[name].modules()))
            yield Unit(name, self.within[name][0], strides[-1], learns, name in self.blocks)
        else:
            for child, _ in self.modules[name].named_children():
                path = f"{name}.{child}" if name else child
                if path in self.modules:
                    yield from self.units(path)

    def whole(self, name: str, strides: list[float]) -> bool:
        """Whether a module stays in one piece."""
        module = self.modules[name]
        parted = next(module.children(), None) is not None
        if name in self.blocks or not parted:
            return True
        if not name or any(is_inside(other, name) for other in (self.head, *self.blocks)):
            return False
        if len(set(strides)) == 1:
            return True
        chain = isinstance(module, CHAINS) and any(next(child.children(), None) is not None for child in module.children())
        return len(set(strides)) <= SPAN and not chain and self.within[name][0] > 0


def divided(run: Run) -> dict[str, str]:
    """The stage of each unit, in the order of execution."""
    units = sorted(run.units(), key=lambda unit: unit.start)
    tail: list[Unit] = []
    while units and not units[-1].learns and (units[-1].stride == inf or isinstance(run.modules[units[-1].name], DROPOUT)):
        tail.append(units.pop())
    labels = labeled(units)
    names = named(run, units, labels)
    stages = {unit.name: "head" for unit in tail}
    after = "head"
    for unit, label in zip(reversed(units), reversed(labels), strict=True):
        after = names.get(label, after)  # what has nothing to learn goes with what follows
        stages[unit.name] = after
    return dict(reversed(stages.items()))


def labeled(units: list[Unit]) -> list[Label]:
    """What units of one stage have in common: "stem", a stride, or the blocks they stand among."""
    strides = list(accumulate((unit.stride for unit in units), max))
    blocks = [place for place, unit in enumerate(units) if unit.block]
    learns = [stride if unit.learns else None for stride, unit in zip(strides, units, strict=True)]
    stem = blocks[0] if blocks else 0
    if len({*learns[:stem]} - {None}) > SPAN:
        stem = 0
    labels: list[Label] = ["stem"] * stem + strides[stem:]
    if len({*learns[stem:]} - {None, inf}) < min(FEW, len(blocks)):
        for group in dealt(blocks):
            name = f"block {group[0] + 1}" if len(group) == 1 else f"blocks {group[0] + 1}-{group[-1] + 1}"
            start = blocks[group[0]]
            labels[start:] = [
                label if label == inf and at > blocks[-1] else name for at, label in enumerate(labels[start:], start)
            ]
    return labels


def dealt(blocks: list[int]) -> list[range]:
    """The blocks in groups that follow each other, as even as can be, the larger ones first."""
    groups = min(GROUPS, len(blocks))
    sizes = [len(blocks) // groups + (group < len(blocks) % groups) for group in range(groups)]
    ends = list(accumulate(sizes))
    return [range(end - size, end) for end, size in zip(ends, sizes, strict=True)]


def named(run: Run, units: list[Unit], labels: list[Label]) -> dict[Label, str]:
    """The name of each stage that has something to learn."""
    names: dict[Label, str] = {}
    for label in dict.fromkeys(label for label, unit in zip(labels, units, strict=True) if unit.learns):
        own = [run.modules[unit.name] for unit, other in zip(units, labels, strict=True) if other == label]
        if isinstance(label, str):
            names[label] = label
        elif label == inf and not any(mixes(p) for module in own for p in module.parameters()):
            names[label] = "head"  # the norm before it
        elif label == inf and not any(isinstance(part, nn.Conv2d) for module in own for part in module.modules()):
            names[label] = "fully connected"
        else:
            names[label] = f"stage {sum(name.startswith('stage') for name in names.values()) + 1}"
    return names


def spread(run: Run, stages: dict[str, str], heads: tuple[str, ...]) -> dict[str, str]:
    """The stage of every module."""
    placed: dict[str, str] = {}
    for name in run.modules:
        unit = next((above for above in ancestors(name) if above in stages), None)
        late = run.within[name] and run.within[name][0] >= run.end
        if late or any(is_inside(name, head) for head in heads):
            placed[name] = "head"
        elif unit is not None:
            placed[name] = stages[unit]
    sure = dict(placed)
    for name in run.modules:
        if name not in sure:
            placed[name] = around(run, name, stages, sure)
    return placed


def around(run: Run, name: str, stages: dict[str, str], sure: dict[str, str]) -> str:
    """The stage of a module that reaches over units, or never ran: that of its parts, or of its nearest neighbor."""
    own = dict.fromkeys(stage for other, stage in sure.items() if is_inside(other, name))
    if len(own) == 1:
        return next(iter(own))
    if own:
        rows = run.within[name]
        start = next((row for row in rows if run.rows[row][0] == name), rows[0]) if holds(run.modules[name]) else rows[0]
        return [stage for unit, stage in stages.items() if run.within[unit][0] <= start or unit == next(iter(stages))][-1]
    order = list(run.modules)
    near = next(near for above in ancestors(name) if (near := [other for other in sure if is_inside(other, above)]))
    return sure[min(near, key=lambda other: abs(order.index(other) - order.index(name)))]


def holds(module: nn.Module) -> bool:
    """Whether a module has parameters or buffers of its own."""
    return any(True for _ in module.parameters(recurse=False)) or any(True for _ in module.buffers(recurse=False))


def mixes(parameter: nn.Parameter) -> bool:
    """Whether it is a kernel or a matrix: scales of norms and layers are vectors, also where they are stored as (c, 1, 1)."""
    return parameter.numel() > max(parameter.shape, default=1)
