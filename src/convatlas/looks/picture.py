"""What a look gives."""

from dataclasses import dataclass

from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure with its title and caption."""

    name: str  # of its file, without ending
    figure: Figure
    title: str
    caption: str  # what is shown, with its numbers, scales and choices, in one or two sentences
    html: str | None = None  # the same as an interactive page of its own, where there is one
