"""One layer of a network: what it is and what it costs; what several cost together."""

from dataclasses import dataclass
from functools import cached_property

from ..ops.layout import Layout, layout_of
from .receptive import ReceptiveField

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer, or one operation between layers, in the order of execution, for a batch of one image unless said otherwise.

    Units   MACs: one multiplication with its addition; FLOPs: two per MAC, one per output of anything else, and per pixel
            of a pool's window; bytes in the model's own type
    """

    name: str  # as `ops.tap` takes it
    kind: str  # the module's class, or the function: Conv2d, relu
    input_shape: Shape  # of the first input that comes from the image
    output_shape: Shape
    parameters: int
    macs: int
    flops: int
    bytes: int  # of the output; 0 for a view
    read: int  # bytes of all inputs, weights included
    kept: int  # bytes that the backward pass will need and nothing before has kept
    receptive_field: ReceptiveField | None  # None where it cannot be told
    kernel: tuple[int, int] | None = None
    stride: tuple[int, int] | None = None
    padding: tuple[float, float] | None = None
    dilation: tuple[int, int] | None = None
    groups: int | None = None
    inputs: tuple[int, ...] = ()  # places of the layers it reads from; −1 is the image
    module: str = ""  # the module it stands in: its own name for a layer

    @property
    def intensity(self) -> float:
        """FLOPs per byte that goes to memory and back."""
        return self.flops / max(self.bytes + self.read, 1)

    def layout(self, size: Shape) -> Layout | None:
        """Where height and width lie in its output; None if they are gone, and for windows or tokens along the first axis.

        Shapes   size (channels, height, width) of the image
        """
        return layout_of(self.output_shape, size) if self.output_shape[0] == 1 else None


class Costs:
    """What some layers cost together.

    Units   as in Layer
    """

    layers: tuple[Layer, ...]

    @cached_property
    def parameters(self) -> int:
        return sum(layer.parameters for layer in self.layers)

    @cached_property
    def macs(self) -> int:
        return sum(layer.macs for layer in self.layers)

    @cached_property
    def flops(self) -> int:
        return sum(layer.flops for layer in self.layers)

    @cached_property
    def bytes(self) -> int:
        return sum(layer.bytes for layer in self.layers)

    @cached_property
    def read(self) -> int:
        return sum(layer.read for layer in self.layers)

    @cached_property
    def kept(self) -> int:
        return sum(layer.kept for layer in self.layers)

    @property
    def intensity(self) -> float:
        """FLOPs per byte that goes to memory and back."""
        return self.flops / max(self.bytes + self.read, 1)
