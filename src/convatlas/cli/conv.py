"""`convatlas conv`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from .flags import Json

Words = tuple[str, ...]
A_LAYER = Parameter(consume_multiple=True, help="One for all layers, or one for each.")


def conv(
    *,
    size: Annotated[str, Parameter(name="--input", help="The image: 224, or 224x320 as height x width.")] = "224",
    kernel: Annotated[Words, Parameter(consume_multiple=True, help="7, or 1x7 as height x width; several chain layers.")],
    stride: Annotated[Words, A_LAYER] = ("1",),
    padding: Annotated[Words, A_LAYER] = ("0",),
    dilation: Annotated[Words, A_LAYER] = ("1",),
    groups: Annotated[Words, A_LAYER] = ("1",),
    channels: Annotated[
        Words, Parameter(consume_multiple=True, help="Before the first layer and after each, as 3:64 or 3:64:128.")
    ] = ("3:64",),
    transposed: Annotated[bool, Parameter(negative="", help="Transposed convolutions, which enlarge.")] = False,
    output_padding: Annotated[
        Words, Parameter(consume_multiple=True, help="Rows and columns that transposed ones add at the end.")
    ] = ("0",),
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
