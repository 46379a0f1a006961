"""Convolution arithmetic: output sizes, costs and receptive fields of a chain of convolutions, and where it does not fit.

n pixels become ⌊(n + 2p − d(k − 1) − 1)/s⌋ + 1 of them; transposed, (n − 1)s − 2p + d(k − 1) + q + 1.

Source   Dumoulin and Visin 2016, A Guide to Convolution Arithmetic for Deep Learning, arXiv:1603.07285, §2, §4 and §5;
         separable convolutions: Howard et al. 2017, arXiv:1704.04861, §3.1
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import gcd, prod

from ..errors import InputError

Size = tuple[int, int]
"""Height and width."""

LARGEST = 16_384  # pixels a side; larger numbers are typing errors


@dataclass(frozen=True, slots=True)
class Convolution:
    """One layer; `extra` are the rows and columns that a transposed one adds at the bottom and right (output_padding)."""

    kernel: Size
    stride: Size = (1, 1)
    padding: Size = (0, 0)
    dilation: Size = (1, 1)
    groups: int = 1
    c_in: int = 3
    c_out: int = 64
    transposed: bool = False
    extra: Size = (0, 0)

    @property
    def reach(self) -> Size:
        """How many pixels a window spans."""
        down, across = (d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation, strict=True))
        return down, across

    def axis(self, n: int, at: int) -> int:
        """How many pixels `n` of them become along height (0) or width (1); below 1 where no window fits."""
        s, p = self.stride[at], self.padding[at]
        if self.transposed:
            return (n - 1) * s - 2 * p + self.reach[at] + self.extra[at]
        return (n + 2 * p - self.reach[at]) // s + 1

    def output(self, size: Size) -> Size:
        """The size that an input of this size becomes."""
        return self.axis(size[0], 0), self.axis(size[1], 1)

    def formula(self, n: int, at: int) -> str:
        """The arithmetic of one axis with its numbers filled in."""
        k, s, p, d = (pair[at] for pair in (self.kernel, self.stride, self.padding, self.dilation))
        if self.transposed:
            return f"({n} − 1)·{s} − 2·{p} + {d}·({k} − 1) + {self.extra[at]} + 1 = {self.axis(n, at)}"
        return f"⌊({n} + 2·{p} − {d}·({k} − 1) − 1)/{s}⌋ + 1 = {self.axis(n, at)}"

    @property
    def weights(self) -> int:
        return prod(self.kernel) * self.c_in * self.c_out // self.groups

    def macs(self, size: Size) -> int:
        """Multiplications with their additions, for one input of this size; those with padding count."""
        return self.weights * prod(size if self.transposed else self.output(size))

    def depthwise_separable(self) -> tuple["Convolution", "Convolution"]:
        """A depthwise and a 1x1 convolution between the same sizes and channels."""
        depthwise = replace(self, groups=self.c_in, c_out=self.c_in)
        return depthwise, Convolution((1, 1), c_in=self.c_in, c_out=self.c_out)


@dataclass(frozen=True, slots=True)
class Step:
    """A layer at its place in the chain; `receptive` and `jump` are those of its output's units.

    Units   receptive and jump in pixels of the image; jump is the distance between the views of two neighbors
    """

    layer: Convolution
    input: Size
    output: Size
    receptive: Size
    jump: tuple[float, float]

    @property
    def macs(self) -> int:
        return self.layer.macs(self.input)

    @property
    def separable(self) -> tuple[int, int, int]:
        """Weights, biases and MACs of the depthwise and the 1x1 convolution that could take the layer's place."""
        depthwise, pointwise = self.layer.depthwise_separable()
        weights, biases = depthwise.weights + pointwise.weights, depthwise.c_out + pointwise.c_out
        return weights, biases, depthwise.macs(self.input) + pointwise.macs(self.output)


def chain(size: Size, layers: Sequence[Convolution]) -> tuple[Step, ...]:
    """The steps through the layers in order, from an image of this size.

    Raises   InputError for numbers that make no layer, channels that don't meet or divide, and a window that does not fit:
             which size, padding, kernel or stride would
    """
    steps: list[Step] = []
    if not layers or not all(1 <= n <= LARGEST for n in size):
        raise InputError(f"a chain needs a layer and an image of 1 to {LARGEST:,} pixels a side, got {shape_text(size)}")
    now = size
    for i, layer in enumerate(layers):
        check(layer, i, layers)
        then = layer.output(now)
        if min(then) < 1 or (not layer.transposed and min(padded_side(layer, now, at) - layer.reach[at] for at in (0, 1)) < 0):
            raise InputError(explain_misfit(size, now, layers, i))
        if max(then) > LARGEST:
            raise InputError(
                f"layer {i + 1} makes {shape_text(then)} of {shape_text(now)}: sizes above {LARGEST:,} are not followed"
            )
        views = [receptive_field(layers[: i + 1], at) for at in (0, 1)]
        steps.append(Step(layer, now, then, (views[0][0], views[1][0]), (views[0][1], views[1][1])))
        now = then
    return tuple(steps)


def check(layer: Convolution, i: int, layers: Sequence[Convolution]) -> None:
    """Refuses numbers that make no layer.

    Raises   InputError
    """
    where = f"layer {i + 1}" if len(layers) > 1 else "the layer"
    for name, least in (("kernel", 1), ("stride", 1), ("padding", 0), ("dilation", 1), ("extra", 0)):
        values = getattr(layer, name)
        if not all(least <= v <= LARGEST for v in values):
            word = "output padding" if name == "extra" else name
            raise InputError(f"{where} needs a {word} from {least} to {LARGEST:,}, got {shape_text(values)}")
    if min(layer.groups, layer.c_in, layer.c_out) < 1:
        raise InputError(f"{where} needs groups and channels of at least 1, got {layer.groups}, {layer.c_in}:{layer.c_out}")
    if layer.c_in % layer.groups or layer.c_out % layer.groups:
        common = gcd(layer.c_in, layer.c_out)
        able = [str(g) for g in range(1, common + 1) if common % g == 0]
        raise InputError(
            f"{where} cannot split {layer.c_in} channels and {layer.c_out} filters into {layer.groups} groups: "
            f"groups divide both, here {', '.join(able[:6])}{', …' if len(able) > 6 else ''}"
        )
    if i and layers[i - 1].c_out != layer.c_in:
        raise InputError(f"{where} reads {layer.c_in} channels where the one before makes {layers[i - 1].c_out}")
    if any(q >= max(s, d) for q, s, d in zip(layer.extra, layer.stride, layer.dilation, strict=True)):
        raise InputError(f"{where} needs an output padding below its stride or dilation, got {shape_text(layer.extra)}")


def padded_side(layer: Convolution, size: Size, at: int) -> int:
    return size[at] + 2 * layer.padding[at]


def receptive_field(layers: Sequence[Convolution], at: int) -> tuple[int, float]:
    """Receptive field and jump along one axis behind these layers, in an image without borders.

    Behind strided transposed layers units differ; it is the widest view.
    """
    strides = [layer.stride[at] for layer in layers]
    step = prod(s for s, layer in zip(strides, layers, strict=True) if layer.transposed)
    jump = prod(s for s, layer in zip(strides, layers, strict=True) if not layer.transposed) / step
    widest = 0
    for phase in range(min(step, 256)):
        units = {phase}
        for layer in reversed(layers):
            units = {pixel for unit in units for pixel in taps(layer, unit, at)}
            if not any(other.transposed for other in layers):  # the way back keeps the order: the ends are enough
                units = {min(units), max(units)}
        if units:
            widest = max(widest, max(units) - min(units) + 1)
    return widest, jump


def taps(layer: Convolution, unit: int, at: int) -> list[int]:
    """The pixels of a layer's input that one unit of its output reads; those below 0 are padding."""
    k, s, p, d = (pair[at] for pair in (layer.kernel, layer.stride, layer.padding, layer.dilation))
    if layer.transposed:
        return [(unit + p - d * i) // s for i in range(k) if (unit + p - d * i) % s == 0]
    return [unit * s - p + d * i for i in range(k)]


def count_unread(step: Step, at: int) -> int:
    """How many rows (0) or columns (1) of a layer's input no window reads."""
    layer = step.layer
    if layer.transposed:
        return 0
    k, s, p, d = (pair[at] for pair in (layer.kernel, layer.stride, layer.padding, layer.dilation))
    n, windows = step.input[at], step.output[at]
    read = bytearray(n + 2 * p)
    for i in range(k):
        read[i * d : i * d + (windows - 1) * s + 1 : s] = b"\1" * windows
    return n - sum(read[p : p + n])


def notes(step: Step) -> list[str]:
    """Notes on a layer that fits: pixels that no window reads, and the padding that would keep the size."""
    layer = step.layer
    if layer.transposed:
        return []
    rows, columns = describe_unread(step, 0), describe_unread(step, 1)
    if rows and columns and rows.partition(" rows")[2] == columns.partition(" columns")[2] and step.input[0] == step.input[1]:
        sentences = [rows.replace(" rows", " rows and as many columns", 1)]
    else:
        sentences = [words for words in (rows, columns) if words]
    if any(p >= r for p, r in zip(layer.padding, layer.reach, strict=True)):
        sentences.append(f"a padding of {shape_text(layer.padding)} holds whole windows: the outermost ones read zeros alone")
    even = tuple(-(-n // s) for n, s in zip(step.input, layer.stride, strict=True))
    if step.output != even:
        aim = "keep the size" if max(layer.stride) == 1 else f"make {shape_text(even)}, the size divided by the stride"
        if all(r % 2 for r in layer.reach):
            sentences.append(f"a padding of {shape_text(tuple(r // 2 for r in layer.reach))} would {aim}")
        elif max(layer.stride) == 1:
            sentences.append(
                f"an even kernel has no middle: the same padding on both sides cannot {aim}; one side needs a pixel more"
            )
    return sentences


def describe_unread(step: Step, at: int) -> str:
    """How many rows (0) or columns (1) no window reads, why, and what would help; empty if there is none."""
    lost, n, p, s = count_unread(step, at), step.input[at], step.layer.padding[at], step.layer.stride[at]
    if not lost:
        return ""
    rest = max((n + 2 * p - step.layer.reach[at]) % s - p, 0)  # real pixels behind the last window
    why = ["the last window ends before them"] * (rest > 0) + [f"the stride of {s} steps over them"] * (lost > rest)
    remedy = f"; inputs of {n - rest} or {n - rest - p + s} pixels end with a window" if rest else ""
    return f"no window reads {lost} of {n} {('rows', 'columns')[at]}: {' and '.join(why)}{remedy}"


def explain_misfit(size: Size, now: Size, layers: Sequence[Convolution], i: int) -> str:
    """Why a layer does not fit, and what would."""
    layer, where = layers[i], f"layer {i + 1}" if len(layers) > 1 else "the layer"
    if layer.transposed:
        return (
            f"{where} makes {shape_text(layer.output(now))} pixels of {shape_text(now)}: "
            f"the padding of {shape_text(layer.padding)} cuts all away; "
            f"it fits with a padding of {min(layer.reach[0] - 1, layer.reach[1] - 1) // 2} or a larger image"
        )
    at = next(at for at in (0, 1) if padded_side(layer, now, at) < layer.reach[at])
    n, p, d, need = now[at], layer.padding[at], layer.dilation[at], layer.reach[at]
    span = f", spread by a dilation of {d} over {shape_text(layer.reach)} pixels," if d > 1 and layer.kernel[at] > 1 else ""
    remedies = [
        f"an image of at least {shape_text(smallest_image(layers[: i + 1]))}",
        f"a padding of at least {-(-(need - n) // 2)}",
    ]
    if (fits := (n + 2 * p - 1) // d + 1) >= 1:
        remedies.append(f"a kernel of at most {fits}")
    if d > 1 and n + 2 * p >= layer.kernel[at]:
        remedies.append(f"a dilation of at most {(n + 2 * p - 1) // (layer.kernel[at] - 1)}")
    remedies += smaller_strides(size, layers, i)
    return (
        f"{where} does not fit: a {shape_text(layer.kernel)} kernel{span} needs {need} pixels of {('height', 'width')[at]} "
        f"and finds {n} + 2·{p} = {n + 2 * p}; it fits with {', '.join(remedies[:-1])} or {remedies[-1]}"
    )


def smallest_image(layers: Sequence[Convolution]) -> Size:
    """The smallest image that every layer of a chain fits."""
    sides = []
    for at in (0, 1):
        need = 1
        for layer in reversed(layers):
            if layer.transposed:
                need = max(1, -(-(need + 2 * layer.padding[at] - layer.reach[at] - layer.extra[at]) // layer.stride[at]) + 1)
            else:
                need = max(1, (need - 1) * layer.stride[at] + layer.reach[at] - 2 * layer.padding[at])
        sides.append(need)
    return sides[0], sides[1]


def smaller_strides(size: Size, layers: Sequence[Convolution], i: int) -> list[str]:
    """Strides before layer i that would let it fit if they were 1."""
    for j in reversed(range(i)):
        if max(layers[j].stride) > 1 and not layers[j].transposed:
            changed = [*layers[:j], replace(layers[j], stride=(1, 1)), *layers[j + 1 : i + 1]]
            if all(a <= b for a, b in zip(smallest_image(changed), size, strict=True)):
                return [f"a stride of 1 instead of {shape_text(layers[j].stride)} in layer {j + 1}"]
    return []


def shape_text(shape: Sequence[int]) -> str:
    """A shape in words: 7x7, 3x224x224."""
    return "x".join(map(str, shape))


__all__ = ["Convolution", "Step", "chain", "notes", "smallest_image"]
