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
class Idea:
    """Something a network has from an older one, its parent; `source` is where its own paper says so."""

    parent: str  # a family, or a group of variants
    idea: str
    source: str


@dataclass(frozen=True, slots=True)
class Group:
    """Variants of a family with a paper of their own: the lineage shows them apart."""

    name: str
    title: str
    variants: tuple[str, ...]
    ideas: tuple[Idea, ...]


@dataclass(frozen=True, slots=True)
class Native:
    """What a variant was published for: its classes, image channels and pixels a side, and how small images may be."""

    num_classes: int = 1000
    in_channels: int = 3
    image_size: int = 224
    smallest: int = 32  # pixels a side; smaller data is enlarged to it, so that the last map does not become too small
    multiple: int = 1  # sides have to be multiples of this: patches and windows that must fit
    small_multiple: int = 1  # the same for images that take the small-image stem

    def fitting_size(self, side: int) -> int:
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


@dataclass(frozen=True, slots=True)
class Suits:
    """What trains a network well when nothing else is chosen.

    Units    SGD's lr is for batches of 128 images and grows with them; AdamW's is for any
    """

    optimizer: str
    lr: float
    weight_decay: float
    epochs: int = 16


@dataclass(frozen=True, slots=True)
class Printed:
    """Two numbers as a paper prints them; empty where it is silent. Auxiliary heads are not counted."""

    parameters: str
    macs: str
    source: str
    ours: str = ""  # where the network differs on purpose: its own number
    why: str = ""


@dataclass(frozen=True, slots=True)
class Sides:
    """The sides of the maps as a paper lists them, at the published input, each time they shrink."""

    sides: tuple[int, ...]
    source: str
    ours: tuple[int, ...] = ()  # where the network differs on purpose: its own sides
    why: str = ""


HALVED = (112, 56, 28, 14, 7)
"""Sides of 224 pixels, five times divided by two."""


@dataclass(frozen=True, slots=True)
class Counterpart:
    """The network of another library that should compute the same, in words: `verify` alone imports the library."""

    library: str
    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    adjust: str = ""  # what `verify.references.ADJUSTMENTS` exchanges in it first
    why: str = ""  # what that is, or what the options do


Adapt = Callable[[str, Tensor, Tensor], Tensor | None]
"""(name, value in a file, own value) → the file's value in the own shape, or None if it is no such thing."""

OlderForm = Callable[[Mapping[str, tuple[int, ...]]], dict[str, Any]]
"""Shapes of a file's tensors, by name → the ablations of the network that they are of, where its form has changed since."""

TAGS = {
    "no-reference": "none of the libraries that `convatlas verify` compares with has the networks",
    "fixed-size": "takes images of the size it was built for alone",
    "small-to-1x1": "its form for small images shrinks maps to 1x1, after the last convolution at 2x2",
    "transformer": "has no feature maps that shrink to 4x4: its small form has a patch and window that fit",
    "heavy": "takes a second and more in each contract test: slow ones take it",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One idea, its variants, how to build them, and all that the rest of the package has to know of them."""

    name: str  # of its file, too
    title: str  # as people write it
    papers: tuple[Paper, ...]  # the first one is the family's own; a network of the user's has none
    ideas: tuple[Idea, ...]  # what it stands on first, then what else it took; empty if it begins a line
    groups: tuple[Group, ...] = ()
    task: str = "classify"  # what its networks are for: a name of engine.tasks.TASKS

    build: Build
    variants: Mapping[str, Any]  # name → Spec, a frozen dataclass of plain numbers: a row of the paper's table
    aliases: Mapping[str, str] = field(default_factory=dict)  # former names of Spec's fields, as older run folders have them
    spellings: Mapping[str, Mapping[Any, Any]] = field(default_factory=dict)  # field → other spellings of its values
    native: Native = Native()
    natives: Mapping[str, Native] = field(default_factory=dict)  # variants that differ from `native`
    suits: Suits
    variant_suits: Mapping[str, Suits] = field(default_factory=dict)  # variants that need something else
    slim: Mapping[str, Any] = field(default_factory=dict)  # changes that make a variant quick where size does not matter

    stem: str  # the module that sees the image: its weights adapt to other numbers of channels
    heads: tuple[str, ...]  # the modules that name the classes: replaced when their number changes
    backbone: str = ""  # the module that a classifier's weights load into; empty for a classifier
    auxiliary: tuple[str, ...] = ()  # heads that help training and may be left out
    renames: tuple[tuple[str, str], ...] = ()  # patterns of names in other people's files → ours
    more_renames: tuple[tuple[tuple[str, str], ...], ...] = ()  # other lists of them, where one cannot serve all files
    adapt: Adapt | None = None  # resizes what depends on the image size: position embeddings, tables of offsets
    sized: tuple[str, ...] = ()  # modules whose shape depends on the image size: re-initialized where it differs
    older_form: OlderForm | None = None  # recognizes weights that were trained before a form was changed

    years: Mapping[str, int] = field(default_factory=dict)  # variants younger than the first paper
    published: Mapping[str, Published] = field(default_factory=dict)
    printed: Mapping[str, Printed] = field(default_factory=dict)
    sides: Mapping[str, Sides] = field(default_factory=dict)  # by variant; by the family's name for all at its usual size
    references: Mapping[str, tuple[Counterpart, ...]] = field(default_factory=dict)  # torchvision's are found by name
    tags: frozenset[str] = frozenset()  # exceptions that tests look up, see TAGS

    @property
    def all_renames(self) -> tuple[tuple[tuple[str, str], ...], ...]:
        """The lists of renames, one of which fits a file."""
        return (self.renames, *self.more_renames)

    def native_of(self, name: str) -> Native:
        """What the variant was published for."""
        return self.natives.get(name, self.native)

    def suits_of(self, name: str) -> Suits:
        """What trains the variant well."""
        return self.variant_suits.get(name, self.suits)

    def year_of(self, name: str) -> int:
        """When the variant was published; 0 for a network of the user's own."""
        return self.years[name] if name in self.years else self.papers[0].year

    def sides_of(self, name: str) -> Sides | None:
        """What the paper lists for the variant, or for all of the family's usual size."""
        usual = self.native_of(name).image_size == self.native.image_size
        return self.sides.get(name) or (self.sides.get(self.name) if usual else None)
