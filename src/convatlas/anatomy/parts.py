"""Parts: the stages of a network from the image to the head, as transfer learning freezes and unfreezes them.

A new stage begins where the maps shrink. Blocks are never divided: one that shrinks the map belongs to the stage of its output.
The stem is what comes before the first block. Where the maps hardly shrink, as in a vision transformer, the blocks are divided
into four groups instead. Where maps grow again, as in a U-Net, the backbone alone is divided, and the rest is the decoder.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from math import inf

from torch import nn

from ..errors import unknown_name
from ..ops.paths import ancestors, is_in_any, is_inside
from .layer import Shape
from .layers import inspect

CHAINS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
"""Containers, which are no blocks themselves."""

SPAN = 2  # strides at most within one block, or one stem
FEW = 3  # strides; with fewer it is the blocks that divide a network
GROUPS = 4
DROPOUT = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)

Label = str | float


def parts(
    model: nn.Module, size: Shape, heads: tuple[str, ...], others: tuple[str, ...] = (), backbone: str = ""
) -> dict[str, tuple[str, ...]]:
    """The stages from the image to the head, each with the names of its modules: every module is in exactly one.

    Parameters and buffers go with their module, and a module that reaches over several stages is in the first of them.
    "head" is the modules `heads`, what runs after them, and the pooling, dropout and norm right before them; `others` join it.
    With a `backbone` the stages are those of this module; what is neither in it nor in the head is the "decoder".

    Shapes   size (channels, height, width) of the image
    Raises   InputError if there is no such head or backbone, or the network does not take such images
    """
    names = [name for name, _ in model.named_modules()]
    for name in (*heads, *([backbone] if backbone else [])):
        if not name or name not in names:
            raise unknown_name("module", name, names[1:])
    run = Run(model, size, heads, backbone)
    stages = divide(run)
    stage_of = place(run, stages, (*heads, *others))
    order = [stage for stage in dict.fromkeys((*stages.values(), "decoder")) if stage in stage_of.values() and stage != "head"]
    return {stage: tuple(name for name in names if stage_of[name] == stage) for stage in (*order, "head")}


@dataclass(frozen=True, slots=True)
class Unit:
    """A module that is in one stage with all that is in it: what is divided into stages."""

    name: str
    start: int  # its first row
    stride: float  # inf without an extent
    learns: bool  # has parameters or buffers
    block: bool


class Run:
    """Which modules ran, in what order and at what stride.

    A row is one operation: the module that called it, and pixels of the image from one unit of the map to the next.
    """

    def __init__(self, model: nn.Module, size: Shape, heads: tuple[str, ...], backbone: str) -> None:
        anatomy = inspect(model, size)
        self.modules = dict(model.named_modules())
        self.heads, self.backbone = heads, backbone
        strides = {id(layer): stage.stride or inf for stage in anatomy.stages for layer in stage.layers}
        self.rows = [(self.module_of(layer.module), strides[id(layer)]) for layer in anatomy.layers]
        self.within: dict[str, list[int]] = {name: [] for name in self.modules}
        for row, (name, _) in enumerate(self.rows):
            for above in ancestors(name):
                self.within[above].append(row)
        self.end = max((min(self.within[head]) for head in heads if self.within[head]), default=len(self.rows))

    def module_of(self, path: str) -> str:
        """The module of a call; from the second call on its path ends with a number."""
        return path if path in self.modules else path.rpartition("_")[0]

    def strides(self, name: str) -> list[float]:
        """The strides of a module's rows in their order; of rows with parameters or buffers alone, if there are any."""
        rows = [self.rows[row] for row in self.within[name]]
        return [stride for module, stride in rows if has_tensors(self.modules[module])] or [stride for _, stride in rows[:1]]

    @cached_property
    def blocks(self) -> dict[str, None]:
        """The outermost modules of a class that comes more than once and has two layers of weights or more in one of them."""
        modules = {name: module for name, module in self.modules.items() if is_inside(name, self.backbone)}
        kinds = Counter(type(module) for module in modules.values())
        deep = {type(module) for module in modules.values() if sum(map(is_matrix, module.parameters())) > 1}
        blocks: dict[str, None] = {}
        for name, module in modules.items():
            of_head = any(is_inside(name, head) or is_inside(head, name) for head in self.heads)
            if name == self.backbone or of_head or isinstance(module, CHAINS):
                continue
            repeated = kinds[type(module)] > 1 and type(module) in deep
            if repeated and 0 < len(set(self.strides(name))) <= SPAN and blocks.keys().isdisjoint(ancestors(name)):
                blocks[name] = None
        return blocks

    def units(self, name: str) -> Iterator[Unit]:
        """The units of a module that ran before the head, in the order of the modules."""
        if not self.within[name] or self.within[name][0] >= self.end or name in self.heads:
            return
        strides = self.strides(name)
        if self.is_unit(name, strides):
            learns = any(map(has_tensors, self.modules[name].modules()))
            yield Unit(name, self.within[name][0], strides[-1], learns, name in self.blocks)
        else:
            for child, _ in self.modules[name].named_children():
                path = f"{name}.{child}" if name else child
                if path in self.modules:
                    yield from self.units(path)

    def is_unit(self, name: str, strides: list[float]) -> bool:
        """Whether a module is not divided."""
        module = self.modules[name]
        has_children = next(module.children(), None) is not None
        if name in self.blocks or not has_children:
            return True
        if name == self.backbone or any(is_inside(other, name) for other in (*self.heads, *self.blocks)):
            return False
        if len(set(strides)) == 1:
            return True
        chain = isinstance(module, CHAINS) and any(next(child.children(), None) is not None for child in module.children())
        return len(set(strides)) <= SPAN and not chain and self.within[name][0] > self.within[self.backbone][0]


def divide(run: Run) -> dict[str, str]:
    """The stage of each unit, in the order of execution."""
    units = sorted(run.units(run.backbone), key=lambda unit: unit.start)
    tail: list[Unit] = []
    while units and not units[-1].learns and (units[-1].stride == inf or isinstance(run.modules[units[-1].name], DROPOUT)):
        tail.append(units.pop())
    labels = label_units(units)
    names = name_stages(run, units, labels)
    after = "decoder" if run.backbone else "head"
    stages = dict.fromkeys((unit.name for unit in tail), after)
    for unit, label in zip(reversed(units), reversed(labels), strict=True):
        after = names.get(label, after)  # what has nothing to learn goes with what follows
        stages[unit.name] = after
    return dict(reversed(stages.items()))


def label_units(units: list[Unit]) -> list[Label]:
    """What the units of one stage have in common: "stem", a stride, or a group of blocks."""
    strides = list(accumulate((unit.stride for unit in units), max))
    blocks = [place for place, unit in enumerate(units) if unit.block]
    learns = [stride if unit.learns else None for stride, unit in zip(strides, units, strict=True)]
    stem = blocks[0] if blocks else 0
    if len({*learns[:stem]} - {None}) > SPAN:
        stem = 0
    labels: list[Label] = ["stem"] * stem + strides[stem:]
    if len({*learns[stem:]} - {None, inf}) < min(FEW, len(blocks)):
        for group in group_blocks(blocks):
            name = f"block {group[0] + 1}" if len(group) == 1 else f"blocks {group[0] + 1}-{group[-1] + 1}"
            start = blocks[group[0]]
            labels[start:] = [
                label if label == inf and at > blocks[-1] else name for at, label in enumerate(labels[start:], start)
            ]
    return labels


def group_blocks(blocks: list[int]) -> list[range]:
    """Four groups of consecutive blocks, as even as possible, the larger ones first."""
    groups = min(GROUPS, len(blocks))
    sizes = [len(blocks) // groups + (group < len(blocks) % groups) for group in range(groups)]
    ends = list(accumulate(sizes))
    return [range(end - size, end) for end, size in zip(ends, sizes, strict=True)]


def name_stages(run: Run, units: list[Unit], labels: list[Label]) -> dict[Label, str]:
    """The name of each stage that has something to learn."""
    names: dict[Label, str] = {}
    for label in dict.fromkeys(label for label, unit in zip(labels, units, strict=True) if unit.learns):
        own = [run.modules[unit.name] for unit, other in zip(units, labels, strict=True) if other == label]
        if isinstance(label, str):
            names[label] = label
        elif label == inf and not any(is_matrix(p) for module in own for p in module.parameters()):
            names[label] = "head"  # the norm before it
        elif label == inf and not any(isinstance(part, nn.Conv2d) for module in own for part in module.modules()):
            names[label] = "fully connected"
        else:
            names[label] = f"stage {sum(name.startswith('stage') for name in names.values()) + 1}"
    return names


def place(run: Run, stages: dict[str, str], heads: tuple[str, ...]) -> dict[str, str]:
    """The stage of every module."""
    outside = [name for name in run.modules if not is_inside(name, run.backbone) and not is_inside(run.backbone, name)]
    # What lies between backbone and head and has nothing to learn, such as a pool, belongs to the head.
    between = "decoder" if any(has_tensors(run.modules[name]) and not is_in_any(name, heads) for name in outside) else "head"
    certain: dict[str, str] = {}
    for name in run.modules:
        unit = next((module for module in ancestors(name) if module in stages), None)
        late = run.within[name] and run.within[name][0] >= run.end
        if late or is_in_any(name, heads):
            certain[name] = "head"
        elif unit is not None:
            certain[name] = between if stages[unit] == "decoder" else stages[unit]
        elif name in outside:
            certain[name] = between
    return {name: certain.get(name) or nearest_stage(run, name, stages, certain) for name in run.modules}


def nearest_stage(run: Run, name: str, stages: dict[str, str], certain: dict[str, str]) -> str:
    """The stage of a module that contains several units, or never ran: that of its parts, or of its nearest neighbor."""
    own = dict.fromkeys(stage for other, stage in certain.items() if is_inside(other, name))
    if len(own) == 1:
        return next(iter(own))
    if own:
        rows = run.within[name]
        tensors = has_tensors(run.modules[name])
        start = next((row for row in rows if run.rows[row][0] == name), rows[0]) if tensors else rows[0]
        return [stage for unit, stage in stages.items() if run.within[unit][0] <= start or unit == next(iter(stages))][-1]
    order = list(run.modules)
    near = next(near for module in ancestors(name) if (near := [other for other in certain if is_inside(other, module)]))
    return certain[min(near, key=lambda other: abs(order.index(other) - order.index(name)))]


def has_tensors(module: nn.Module) -> bool:
    """Whether a module has parameters or buffers of its own."""
    return any(True for _ in module.parameters(recurse=False)) or any(True for _ in module.buffers(recurse=False))


def is_matrix(parameter: nn.Parameter) -> bool:
    """Whether it is a kernel or a matrix: scales of norms and layers are vectors, also where they are stored as (c, 1, 1).

    Shapes   parameter (c,), (c, 1, 1), (c_out, c_in) or (c_out, c_in, k, k)
    """
    return parameter.numel() > max(parameter.shape, default=1)
