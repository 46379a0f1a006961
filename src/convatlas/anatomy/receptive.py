"""Receptive fields: which pixels of the image a unit depends on.

Unit i of a map sees the pixels from `start + i · jump` to `end + i · jump` of each axis; a kernel of k units, d apart,
with padding p and stride s makes start' = start − p · jump, end' = end + ((k − 1) · d − p) · jump, jump' = s · jump.

Source   Araujo et al. 2019, Computing Receptive Fields of Convolutional Neural Networks, Distill
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf


@dataclass(frozen=True, slots=True)
class Axis:
    """What the first unit sees along one axis, and how far the next one's view is shifted.

    Units   pixels of the image, the first one is 0; pixels before it are padding
    """

    start: float = 0
    end: float = 0
    jump: float = 1  # 0 where every unit sees the same

    @property
    def size(self) -> float:
        return self.end - self.start + 1

    @property
    def offset(self) -> float:
        """The middle of what the first unit sees; not a number where that is everything."""
        return (self.start + self.end) / 2

    def slid(self, kernel: int, stride: int = 1, padding: float = 0, dilation: int = 1) -> "Axis":
        """After a window has slid over it."""
        reach = (kernel - 1) * dilation
        return Axis(self.start - padding * self.jump, self.end + (reach - padding) * self.jump, self.jump * stride)

    def gathered(self, units: int) -> "Axis":
        """What all units see together."""
        return Axis(self.start, self.end + (units - 1) * self.jump, 0)

    def union(self, other: "Axis") -> "Axis":
        """What is seen by units that look through both: everything, where one of them looks from everywhere.

        Raises   ValueError if the views move at different speeds
        """
        if self.jump == other.jump:
            return Axis(min(self.start, other.start), max(self.end, other.end), self.jump)
        if self.jump and other.jump:
            raise ValueError(f"views that move by {self.jump} and {other.jump} pixels have no union that moves evenly")
        return Axis(-inf, inf, self.jump or other.jump)

    def clipped(self, unit: int, side: int) -> tuple[float, float]:
        """First and last pixel of an image that a unit sees."""
        return max(self.start + unit * self.jump, 0), min(self.end + unit * self.jump, side - 1)


@dataclass(frozen=True, slots=True)
class ReceptiveField:
    """The view of a map's units along both axes; `size`, `jump` and `offset` are those of the wider axis.

    Units   pixels of the image; infinite where a unit sees all of it, however large it is
    """

    height: Axis = Axis()
    width: Axis = Axis()
    dims: tuple[int, int] | None = (2, 3)  # where height and width lie in the tensor; None once they are one

    @property
    def wider(self) -> Axis:
        return max(self.height, self.width, key=lambda axis: axis.size)

    @property
    def size(self) -> float:
        return self.wider.size

    @property
    def jump(self) -> float:
        return self.wider.jump

    @property
    def offset(self) -> float:
        return self.wider.offset

    def slid(self, *windows: tuple[int, int, float, int]) -> "ReceptiveField":
        """After a window, as kernel, stride, padding and dilation of each axis."""
        down, across = windows
        return replace(self, height=self.height.slid(*down), width=self.width.slid(*across))

    def gathered(self, shape: Sequence[int], dims: tuple[int, int] | None) -> "ReceptiveField":
        """What all units of a map of this shape see together."""
        if self.dims is None:
            return replace(self, dims=dims)
        h, w = (shape[d] for d in self.dims)
        return ReceptiveField(self.height.gathered(h), self.width.gathered(w), dims)

    def union(self, other: "ReceptiveField") -> "ReceptiveField | None":
        """Through both; None if their axes lie elsewhere."""
        if self.dims and other.dims and self.dims != other.dims:
            return None
        return ReceptiveField(self.height.union(other.height), self.width.union(other.width), self.dims or other.dims)
