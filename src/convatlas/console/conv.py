"""What `convatlas conv` prints."""

from collections.abc import Iterable, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import TypeVar

from ..anatomy.arithmetic import Convolution, Size, Step, notes, shape_text
from ..errors import InputError, count_of
from ..views.numbers import count
from .terminal import dump, show, table

T = TypeVar("T")


def layers(
    sizes: Mapping[str, Sequence[str]], groups: Sequence[str], channels: Sequence[str], transposed: bool
) -> list[Convolution]:
    """The layers that lists of words describe; one number is meant for all of them.

    Raises   InputError for what is no number, and where a list has another length than the longest one
    """
    lists: dict[str, list[Size]] = {flag: pairs(flag, words) for flag, words in sizes.items()}
    split, widths = numbers("groups", groups), numbers("channels", channels)
    count = max(*map(len, lists.values()), len(split), len(widths) - 1)
    if len(widths) == 2:
        widths = [widths[0], *[widths[1]] * count]
    if len(widths) != count + 1:
        raise InputError(f"--channels needs {count + 1} numbers for {count_of(count, 'layer')}, got {':'.join(channels)}")
    if not transposed and any(max(size) for size in lists["output-padding"]):
        raise InputError("--output-padding belongs to transposed convolutions: add --transposed")
    kernel, stride, padding, dilation, extra = (one_per_layer(flag, values, count) for flag, values in lists.items())
    split = one_per_layer("groups", split, count)
    return [
        Convolution(kernel[i], stride[i], padding[i], dilation[i], split[i], widths[i], widths[i + 1], transposed, extra[i])
        for i in range(count)
    ]


def pairs(flag: str, words: Iterable[str]) -> list[Size]:
    """Heights and widths: 7, or 1x7, with commas or spaces between them.

    Raises   InputError
    """
    sides = [word.lower().replace("×", "x").split("x") for word in split_words(words)]
    if not sides or any(len(side) > 2 or not all(map(is_whole, side)) for side in sides):
        raise InputError(f"--{flag} needs whole numbers such as 7, or 1x7 as height x width, got {' '.join(words)!r}")
    return [(int(side[0]), int(side[-1])) for side in sides]


def numbers(flag: str, words: Iterable[str]) -> list[int]:
    """Whole numbers with colons, commas or spaces between them.

    Raises   InputError
    """
    found = split_words(word.replace(":", ",") for word in words)
    if not found or not all(map(is_whole, found)):
        raise InputError(
            f"--{flag} needs whole numbers such as {'3:64' if flag == 'channels' else '1'}, got {' '.join(words)!r}"
        )
    return [int(word) for word in found]


def split_words(words: Iterable[str]) -> list[str]:
    """The parts of words that commas split."""
    return [part for word in words for part in word.split(",") if part]


def is_whole(word: str) -> bool:
    """Whether a word is a whole number that a size could be."""
    return word.isascii() and word.isdecimal() and len(word) <= 9


def one_per_layer(flag: str, values: Sequence[T], count: int) -> list[T]:
    """One value for each layer.

    Raises   InputError for any other number of values than one or one a layer
    """
    if len(values) not in (1, count):
        raise InputError(f"--{flag} needs {'1 or ' * (count > 1)}{count_of(count, 'value')}, got {len(values)}")
    return list(values) * (count // len(values))


def print_steps(steps: Sequence[Step], drawn: Path | None, as_json: bool) -> None:
    """One layer in sentences with its formula, several as a table with totals."""
    if as_json:
        dump({"layers": [row(step) for step in steps], **total(steps), "picture": str(drawn) if drawn else None})
        return
    if len(steps) == 1:
        print_one(steps[0])
    else:
        print_table(steps)
    if drawn:
        print(f"picture     {drawn}")


def print_one(step: Step) -> None:
    """A layer, a line a figure."""
    layer = step.layer
    weights, biases, macs = step.separable
    down, across = (layer.formula(n, at) for at, n in enumerate(step.input))
    print(f"output      {layer.c_out}x{shape_text(step.output)}")
    print(f"formula     {down}" if down == across else f"height      {down}\nwidth       {across}")
    print(f"parameters  {layer.weights:,} weights, {layer.weights + layer.c_out:,} with biases")
    print(f"MACs        {step.macs:,} ({count(step.macs)})")
    print(f"receptive   {shape_text(step.receptive)} pixels, {' and '.join(sorted({f'{j:g}' for j in step.jump}))} apart")
    if can_be_separable(step):
        print(
            f"separable   {weights:,} weights, {weights + biases:,} with biases, {macs:,} MACs ({count(macs)}): "
            f"{weights / layer.weights:.3f} of the weights, {macs / step.macs:.3f} of the MACs"
        )
    else:
        print("separable   nothing to gain: the layer is depthwise or 1x1 already")
    for note in notes(step):
        print(f"note        {note}")


def print_table(steps: Sequence[Step]) -> None:
    """A row a layer, the formulas, and what all have together."""
    sees = table(
        "layer", "kernel", "stride", "padding", "dilation", "groups", "output", "weights", "MACs", "sees", "separable MACs"
    )
    for i, step in enumerate(steps, start=1):
        layer = step.layer
        ratio = f"{count(step.separable[2])} ({step.separable[2] / step.macs:.2f})" if can_be_separable(step) else "–"
        sees.add_row(
            str(i), *map(shape_text, (layer.kernel, layer.stride, layer.padding, layer.dilation)), str(layer.groups),
            f"{layer.c_out}x{shape_text(step.output)}", f"{layer.weights:,}", count(step.macs), shape_text(step.receptive),
            ratio,
        )  # fmt: skip
    show(sees)
    for i, step in enumerate(steps, start=1):
        down, across = (step.layer.formula(n, at) for at, n in enumerate(step.input))
        print(f"layer {i}     {down if down == across else f'{down}, {across}'}")
        for note in notes(step):
            print(f"            {note}")
    sums, last = total(steps), steps[-1]
    print(
        f"total       {sums['weights']:,} weights, {sums['parameters']:,} with biases, {sums['macs']:,} MACs "
        f"({count(sums['macs'])}); each of {shape_text(last.output)} units sees {shape_text(last.receptive)} pixels"
    )


def can_be_separable(step: Step) -> bool:
    """Whether a depthwise and a 1x1 convolution would be something else than the layer."""
    return step.layer.groups < step.layer.c_in and prod(step.layer.kernel) > 1


def total(steps: Sequence[Step]) -> dict[str, int]:
    """What all layers cost together."""
    weights = sum(step.layer.weights for step in steps)
    return {
        "weights": weights,
        "parameters": weights + sum(step.layer.c_out for step in steps),
        "macs": sum(step.macs for step in steps),
    }


def row(step: Step) -> dict[str, object]:
    """A layer for other programs."""
    layer, (weights, biases, macs) = step.layer, step.separable
    return {
        "kernel": layer.kernel, "stride": layer.stride, "padding": layer.padding, "dilation": layer.dilation,
        "groups": layer.groups, "transposed": layer.transposed, "output_padding": layer.extra,
        "input": (layer.c_in, *step.input), "output": (layer.c_out, *step.output),
        "formula": [layer.formula(n, at) for at, n in enumerate(step.input)],
        "weights": layer.weights, "parameters": layer.weights + layer.c_out, "macs": step.macs,
        "receptive_field": step.receptive, "jump": step.jump,
        "separable": {"weights": weights, "parameters": weights + biases, "macs": macs} if can_be_separable(step) else None,
        "notes": notes(step),
    }  # fmt: skip
