"""What a family of networks is: papers, a table of variants and the class that builds them, all plain values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from torch import Tensor, nn

SMALL = 64
"""Images of at most this many pixels a side take a family's small-image stem."""


class Build(Protocol):
    """The class of the network: `num_classes` 0 leaves the head out, `image_size` is what the network is built for."""

    def __call__(self, spec: Any, num_classes: int, in_channels: int, image_size: int) -> nn.Module: ...


@dataclass(frozen=True, slots=True)
class Paper:
    """Where a network was published; `where` is an arXiv number or a venue."""

    authors: str
    year: int
    title: str
    where: str


@dataclass(frozen=True, slots=True)
class Native:
    """What a variant was published for: its classes, image channels and pixels a side, and how small images may be."""

    num_classes: int = 1000
    in_channels: int = 3
    image_size: int = 224
    smallest: int = 32  # pixels a side; smaller data is enlarged to it, so that the last map still has something to say
    multiple: int = 1  # sides have to be multiples of this: patches and windows that must fit
    small_multiple: int = 1  # the same for images that take the small-image stem

    def fitting(self, side: int) -> int:
        """The least size the network can be built for that is not below `side`."""
        side = max(side, self.smallest)
        multiple = self.small_multiple if side <= SMALL else self.multiple
        return -(-side // multiple) * multiple


@dataclass(frozen=True, slots=True)
class Published:
    """An accuracy somebody published for a variant, in percent, the data it holds on and who says so."""

    top1: float
    data: str
    source: str


Adapt = Callable[[str, Tensor, Tensor], Tensor | None]
"""(name, value in a file, own value) → the file's value in the own shape, or None if it is no such thing."""

TAGS = {
    "no-reference": "none of the libraries that `convatlas verify` compares with has the networks",
    "fixed-size": "takes images of the size it was built for alone",
    "transformer": "has no feature maps that shrink to 4x4: its small form has a patch and window that fit",
}


@dataclass(frozen=True, slots=True)
class Family:
    """One idea, its variants and how to build them."""

    name: str
    papers: tuple[Paper, ...]  # the first one is the family's own
    build: Build
    variants: Mapping[str, Any]  # name → Spec, a frozen dataclass of plain numbers: a row of the paper's table
    stem: str  # the module that sees the image: its weights adapt to other numbers of channels
    head: str  # the module that names the classes: replaced when their number changes
    task: str = "classify"  # what its networks are for: a name of engine.tasks.TASKS
    native: Native = Native()
    natives: Mapping[str, Native] = field(default_factory=dict)  # variants that differ from `native`
    years: Mapping[str, int] = field(default_factory=dict)  # variants younger than the first paper
    published: Mapping[str, Published] = field(default_factory=dict)
    renames: tuple[tuple[str, str], ...] = ()  # patterns of names in other people's files → ours
    adapt: Adapt | None = None  # resizes what depends on the image size: position embeddings, tables of offsets
    sized: tuple[str, ...] = ()  # modules whose shape depends on the image size: they start afresh where it differs
    auxiliary: tuple[str, ...] = ()  # heads that help training and may be left out
    tags: frozenset[str] = frozenset()  # exceptions that tests look up, see TAGS

    def native_of(self, name: str) -> Native:
        """What the variant was published for."""
        return self.natives.get(name, self.native)
