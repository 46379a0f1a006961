"""The figures of layers and lines: as text for people, as plain rows for programs."""

import csv
import io
from collections.abc import Iterator
from dataclasses import asdict
from math import isfinite
from typing import Any

from ..anatomy.arithmetic import shape_text
from ..anatomy.layer import Layer, Shape
from ..anatomy.layers import Anatomy
from ..anatomy.memory import Memory
from ..anatomy.outline import Line
from ..anatomy.receptive import ReceptiveField
from .numbers import count, size

EVERYWHERE = "all"


def shape(value: Shape) -> str:
    """A shape without the batch: 64x112x112; as it is where the first axis is no batch of one."""
    return shape_text(value[1:] if value[:1] == (1,) and len(value) > 1 else value)


def window(layer: Layer | None) -> str:
    """Kernel and stride, then what a reader would not expect: 7x7/2, 3x3 dw, 5x5/2 p0 g32."""
    if layer is None or layer.kernel is None or layer.stride is None:
        return ""
    words = ["x".join(map(str, layer.kernel))]
    if layer.stride != (1, 1):
        words[0] += f"/{one(layer.stride)}"
    dilation = layer.dilation or (1, 1)
    half = tuple((k - 1) * d / 2 for k, d in zip(layer.kernel, dilation, strict=True))
    patches = layer.padding == (0, 0) and layer.stride == layer.kernel
    if layer.padding is not None and layer.padding != half and not patches:
        words.append(f"p{one(layer.padding)}")
    if dilation != (1, 1):
        words.append(f"d{one(dilation)}")
    if layer.groups and layer.groups > 1:
        words.append("dw" if layer.groups == layer.input_shape[1] else f"g{layer.groups}")
    return " ".join(words)


def one(pair: tuple[float, float]) -> str:
    """A number for both axes, or both."""
    down, across = pair
    return f"{down:g}" if down == across else f"{down:g}x{across:g}"


def field(value: ReceptiveField | None) -> str:
    """Side of the receptive field in pixels; nothing where it cannot be told."""
    if value is None:
        return ""
    return f"{value.size:,.0f}" if isfinite(value.size) else EVERYWHERE


def some(value: float, words: Any) -> str:
    """A figure in words, nothing for zero: what a layer does not have is not worth reading."""
    return words(value) if value else ""


def share(part: float, whole: float) -> str:
    """In percent: 12.3, nothing for nothing."""
    if not part or not whole:
        return ""
    return f"{100 * part / whole:.1f}" if part / whole >= 0.0005 else "< 0.1"


def intensity(value: float) -> str:
    """FLOPs a byte: 0.25, 12.3, 164."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def cells(line: Line, anatomy: Anatomy) -> dict[str, str]:
    """The figures of a line by the head of their column."""
    return {
        "output": shape(line.output_shape),
        "window": window(line.window),
        "parameters": some(line.parameters, count),
        "MACs": some(line.macs, count),
        "MACs %": share(line.macs, anatomy.macs),
        "FLOPs": some(line.flops, count),
        "activations": some(line.bytes, size),
        "kept": some(line.kept, size),
        "FLOPs/B": some(line.intensity, intensity),
        "field": field(line.receptive_field),
    }


def rows(anatomy: Anatomy) -> Iterator[dict[str, Any]]:
    """A row of plain values for each layer, in the order of execution.

    Units   bytes; pixels; shares of one
    """
    for layer in anatomy.layers:
        seen = layer.receptive_field
        yield {
            "name": layer.name,
            "kind": layer.kind,
            "module": layer.module,
            **{name: getattr(layer, name) and list(getattr(layer, name)) for name in ("input_shape", "output_shape")},
            **{
                name: getattr(layer, name) and list(getattr(layer, name))
                for name in ("kernel", "stride", "padding", "dilation")
            },
            "groups": layer.groups,
            "parameters": layer.parameters,
            "macs": layer.macs,
            "mac_share": layer.macs / max(anatomy.macs, 1),
            "flops": layer.flops,
            "bytes": layer.bytes,
            "read": layer.read,
            "kept": layer.kept,
            "intensity": layer.intensity,
            "receptive_field": None if seen is None else seen.size if isfinite(seen.size) else EVERYWHERE,
            "jump": None if seen is None else seen.jump,
            "offset": seen.offset if seen and isfinite(seen.offset) else None,
        }


def csv_text(anatomy: Anatomy) -> str:
    """All rows with a header; lists are joined by x, and what there is none of is empty."""
    text = io.StringIO()
    writer: csv.DictWriter[str] | None = None
    for row in rows(anatomy):
        if writer is None:
            writer = csv.DictWriter(text, list(row), lineterminator="\n")
            writer.writeheader()
        writer.writerow(
            {key: "x".join(f"{v:g}" for v in value) if isinstance(value, list) else value for key, value in row.items()}
        )
    return text.getvalue()


def to_json(anatomy: Anatomy, inference: Memory, training: Memory, batch: int) -> dict[str, Any]:
    """Everything, for programs.

    Units   bytes; pixels; shares of one
    """
    sums = ("parameters", "idle", "macs", "flops", "bytes", "kept")
    return {
        "input": list(anatomy.size),
        **{name: getattr(anatomy, name) for name in sums},
        "memory": {
            "inference": {"batch": 1, **asdict(inference), "total": inference.total},
            "training": {"batch": batch, **asdict(training), "total": training.total},
        },
        "stages": [
            {
                "name": stage.name,
                "stride": stage.stride,
                "output_shape": list(stage.output_shape),
                "layers": len(stage.layers),
                **{name: getattr(stage, name) for name in ("parameters", "macs", "bytes", "kept")},
                "parameter_share": stage.parameters / max(anatomy.parameters, 1),
                "mac_share": stage.macs / max(anatomy.macs, 1),
            }
            for stage in anatomy.stages
        ],
        "layers": list(rows(anatomy)),
    }
