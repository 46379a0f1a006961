"""`convatlas conv`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from .flags import MANY, Json

Words = Annotated[tuple[str, ...], MANY]


def per_layer(default: int) -> Parameter:
    """The help of a flag that takes one number for all layers, or one per layer."""
    return Parameter(help=f"One number for all layers, or one per layer. [{default}]")


def conv(
    *,
    size: Annotated[str, Parameter(name="--input", help="Size of the image: 224, or 224x320 as height x width.")] = "224",
    kernel: Annotated[Words, Parameter(help="7, or 1x7 as height x width; several numbers chain layers.")],
    stride: Annotated[Words, per_layer(1)] = ("1",),
    padding: Annotated[Words, per_layer(0)] = ("0",),
    dilation: Annotated[Words, per_layer(1)] = ("1",),
    groups: Annotated[Words, per_layer(1)] = ("1",),
    channels: Annotated[Words, Parameter(help="Channels before and after each layer, such as 3:64:128. [3:64]")] = ("3:64",),
    transposed: Annotated[bool, Parameter(negative="", help="Transposed convolutions, which enlarge the map.")] = False,
    output_padding: Annotated[Words, Parameter(help="Rows and columns that --transposed adds at the end. [0]")] = ("0",),
    out: Annotated[
        Path | None, Parameter(help="Picture of the sliding windows: .svg and .gif move, .png and .pdf show four steps.")
    ] = None,
    theme: Annotated[str, Parameter(help="Theme of the picture: light, dark or transparent.")] = "light",
    as_json: Json = False,
) -> None:
    """Work out convolutions: size, cost and receptive field.

    Example: convatlas conv --input 224 --kernel 7 --stride 2 --padding 3

    `convatlas conv --kernel 7 3 3 --stride 2 2 1 --padding 3 1 1 --channels 3:64:128:256` chains three layers.
    The cost of a depthwise-separable convolution in place of each one is shown as well.
    """
    from ..anatomy.arithmetic import chain
    from ..console.conv import layers, pairs, print_steps
    from ..files import check_is_new

    check_is_new(out)
    values = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation, "output-padding": output_padding}
    steps = chain(pairs("input", [size])[0], layers(values, groups, channels, transposed))
    picture = None
    if out is not None:
        from ..views.sliding import write

        picture = write([(step.layer, step.input) for step in steps], out, theme)
    print_steps(steps, picture, as_json)
