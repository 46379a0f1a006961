"""What a look asks and what it gives."""

from dataclasses import dataclass, field

from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class LookOptions:
    """What the user wants to see; None and empty take what suits the subject."""

    layers: tuple[str, ...] = ()  # names as `ops.tap` takes them
    places: tuple[int, ...] = ()  # which images, by their place in the set
    count: int | None = None  # how many images, points or channels
    only: str | None = None  # "wrong" or "right"
    of_class: str | None = None  # a class by its name or number
    target: str | None = None  # the class to explain, by its name or number; the predicted one if None
    methods: tuple[str, ...] = ()
    seed: int = 0
    options: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure that says what it shows."""

    name: str  # of its file, without ending
    figure: Figure
    title: str
    caption: str  # what is seen, with the numbers, scales and choices behind it, in one or two sentences
    html: str | None = None  # the same as an interactive page of its own, where there is one
