"""Receptive fields: which pixels of the image a unit depends on.

The field of unit i of a map reaches from `start + i · jump` to `end + i · jump` of each axis; a kernel of k units, d apart,
with padding p and stride s makes start' = start − p · jump, end' = end + ((k − 1) · d − p) · jump, jump' = s · jump.

Source   Araujo et al. 2019, Computing Receptive Fields of Convolutional Neural Networks, Distill
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf


@dataclass(frozen=True, slots=True)
class Axis:
    """The receptive field of the first unit along one axis, and the distance to that of the next one.

    Units   pixels of the image, the first one is 0; pixels before it are padding
    """

    start: float = 0
    end: float = 0
    jump: float = 1  # 0 where all units have the same field

    @property
    def size(self) -> float:
        return self.end - self.start + 1

    @property
    def offset(self) -> float:
        """The middle of the first unit's field; NaN where the field is infinite."""
        return (self.start + self.end) / 2

    def behind_window(self, kernel: int, stride: int = 1, padding: float = 0, dilation: int = 1) -> "Axis":
        """The axis behind a convolution or pool with this window."""
        reach = (kernel - 1) * dilation
        return Axis(self.start - padding * self.jump, self.end + (reach - padding) * self.jump, self.jump * stride)

    def union_of_units(self, units: int) -> "Axis":
        """The union of the fields of so many units."""
        return Axis(self.start, self.end + (units - 1) * self.jump, 0)

    def union(self, other: "Axis") -> "Axis":
        """The field of units that read both; infinite where only one of them moves with the unit.

        Raises   ValueError if the jumps differ
        """
        if self.jump == other.jump:
            return Axis(min(self.start, other.start), max(self.end, other.end), self.jump)
        if self.jump and other.jump:
            raise ValueError(f"views that move by {self.jump} and {other.jump} pixels have no union that moves evenly")
        return Axis(-inf, inf, self.jump or other.jump)

    def pixel_range(self, unit: int, side: int) -> tuple[float, float]:
        """The first and last pixel of an image in a unit's field."""
        return max(self.start + unit * self.jump, 0), min(self.end + unit * self.jump, side - 1)


@dataclass(frozen=True, slots=True)
class ReceptiveField:
    """The receptive field of a map's units along both axes; `size`, `jump` and `offset` are those of the wider axis.

    Units   pixels of the image; infinite where a unit depends on all of it, however large it is
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

    def behind_window(self, *windows: tuple[int, int, float, int]) -> "ReceptiveField":
        """The field behind a window, given as kernel, stride, padding and dilation of each axis."""
        down, across = windows
        return replace(self, height=self.height.behind_window(*down), width=self.width.behind_window(*across))

    def union_of_units(self, shape: Sequence[int], dims: tuple[int, int] | None) -> "ReceptiveField":
        """The union of the fields of all units of a map of this shape."""
        if self.dims is None:
            return replace(self, dims=dims)
        h, w = (shape[d] for d in self.dims)
        return ReceptiveField(self.height.union_of_units(h), self.width.union_of_units(w), dims)

    def union(self, other: "ReceptiveField") -> "ReceptiveField | None":
        """The field of units that read both; None if their axes differ."""
        if self.dims and other.dims and self.dims != other.dims:
            return None
        return ReceptiveField(self.height.union(other.height), self.width.union(other.width), self.dims or other.dims)
