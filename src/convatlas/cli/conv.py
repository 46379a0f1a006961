"""`convatlas conv`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from .flags import MANY, Json

Words = Annotated[tuple[str, ...], MANY]


def a_layer(default: int) -> Parameter:
    """Help for a number that layers may share."""
    return Parameter(help=f"One for all layers, or one for each. [{default}]")


def conv(
    *,
    size: Annotated[str, Parameter(name="--input", help="The image: 224, or 224x320 as height x width.")] = "224",
    kernel: Annotated[Words, Parameter(help="7, or 1x7 as height x width; several chain layers.")],
    stride: Annotated[Words, a_layer(1)] = ("1",),
    padding: Annotated[Words, a_layer(0)] = ("0",),
    dilation: Annotated[Words, a_layer(1)] = ("1",),
    groups: Annotated[Words, a_layer(1)] = ("1",),
    channels: Annotated[Words, Parameter(help="Before the first layer and after each, as 3:64:128. [3:64]")] = ("3:64",),
    transposed: Annotated[bool, Parameter(negative="", help="Transposed convolutions, which enlarge.")] = False,
    output_padding: Annotated[Words, Parameter(help="Rows and columns that transposed ones add at the end. [0]")] = ("0",),
    out: Annotated[
        Path | None, Parameter(help="A picture of the sliding windows: .svg or .gif moves, .png and .pdf show steps.")
    ] = None,
    theme: Annotated[str, Parameter(help="Of the picture: light, dark or transparent.")] = "light",
    as_json: Json = False,
) -> None:
    """Say what convolutions do to a size, what they cost and see, and what separable ones would cost instead.

    `convatlas conv --kernel 7 3 3 --stride 2 2 1 --padding 3 1 1 --channels 3:64:128:256` chains three layers.
    """
    from ..anatomy.arithmetic import chain
    from ..console.conv import layers, pairs, shown

    given = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation, "output-padding": output_padding}
    steps = chain(pairs("input", [size])[0], layers(given, groups, channels, transposed))
    drawn = None
    if out is not None:
        from ..views.sliding import write

        drawn = write([(step.layer, step.input) for step in steps], out, theme)
    shown(steps, drawn, as_json)
