"""The traced graph as people draw it: bookkeeping gone, batch norm and activation folded into the layer before them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from math import isqrt, prod

from ...anatomy.layer import Layer
from ...anatomy.layers import VIEWS, Anatomy

CONTAINERS = frozenset({"Sequential", "InplaceSequential", "ModuleList", "ModuleDict"})
"""Classes that run their parts one after the other and add nothing."""

SILENT = VIEWS | frozenset(
    "dropout dropout2d alphadropout featurealphadropout identity droppath stochasticdepth permute clone detach "
    "to float half type type_as view_as movedim swapaxes swapdims roll flatten unflatten chunk split tensor_split t mt "
    "broadcast_to result_type zeros_like ones_like empty_like numel".split()
)
NORMS = {
    "batchnorm": "BN", "batch_norm": "BN", "layernorm": "LN", "layer_norm": "LN", "groupnorm": "GN", "group_norm": "GN",
    "instancenorm": "IN", "localresponse": "LRN", "local_response": "LRN", "rmsnorm": "RMS", "rms_norm": "RMS",
}  # fmt: skip
ACTIVATIONS = {
    "relu": "ReLU", "relu6": "ReLU6", "silu": "SiLU", "gelu": "GELU", "hardswish": "h-swish", "sigmoid": "sigmoid",
    "hardsigmoid": "h-sigmoid", "tanh": "tanh", "scaledtanh": "tanh", "leakyrelu": "leaky ReLU", "leaky_relu": "leaky ReLU",
    "elu": "ELU", "selu": "SELU", "mish": "mish", "prelu": "PReLU", "softmax": "softmax", "logsoftmax": "log softmax",
    "log_softmax": "log softmax", "softplus": "softplus",
}  # fmt: skip
ATTENDING = frozenset({"scaled_dot_product_attention", "multi_head_attention_forward"})
PRODUCTS = frozenset({"matmul", "bmm", "einsum"})
INPUT = -1


@dataclass(frozen=True, slots=True)
class Node:
    """A box of the picture."""

    kind: str  # conv, dwconv, linear, max pool, add, concat, attention … or the title of a block
    inputs: tuple[int, ...]  # keys of the nodes it reads; −1 is what the graph is given
    shape: tuple[int, ...]  # without the batch
    path: str  # the module that it is, or stands in
    leaf: bool = False  # whether `path` is its own
    numbers: dict[str, int] = field(default_factory=dict)  # width, kernel, stride, groups, heads …
    tail: tuple[str, ...] = ()  # what is folded into it
    parameters: int = 0


Graph = dict[int, Node]
"""Nodes by key, in the order of execution."""


def graph_of(anatomy: Anatomy) -> Graph:
    """All that a network does to an image, as boxes."""
    graph = collapse_attention(contract(anatomy), anatomy)
    return fold_into_layers(graph, anatomy.modules)


def contract(anatomy: Anatomy) -> Graph:
    """A node for each row that an image flows through and that changes more than how it is read."""
    stands: dict[int, int] = {INPUT: INPUT}  # row → the node whose values it still has
    graph: Graph = {}
    for at, row in enumerate(anatomy.layers):
        inputs = tuple(dict.fromkeys(stands[i] for i in row.inputs if i in stands))
        if not inputs:
            continue
        node = node_of(row, inputs, row.name in anatomy.modules)
        if node is None:
            stands[at] = inputs[0]
            if side := gathers(graph, inputs[0], row):
                graph[at] = Node("neighbors", inputs, row.output_shape[1:], row.module, False, {"height": side, "side": side})
                stands[at] = at
            elif row.module and inputs[0] in graph and graph[inputs[0]].path == row.module:
                graph[inputs[0]] = replace(graph[inputs[0]], shape=row.output_shape[1:])
        else:
            graph[at] = node
            stands[at] = at
    return graph


def gathers(graph: Graph, source: int, row: Layer) -> int:
    """How many neighbors along a side become channels of one unit, by reshaping alone; 0 if none do."""
    before, after = graph[source].shape if source in graph else (), row.output_shape[1:]
    if not len(before) == len(after) == 3 or after[0] in (0, before[0]):
        return 0
    side = before[0] // after[0]
    return (
        side
        if side > 1 and (side * after[0], side * after[1], side * side * before[2]) == (before[0], before[1], after[2])
        else 0
    )


def node_of(row: Layer, inputs: tuple[int, ...], leaf: bool) -> Node | None:
    """The node of a row; None for bookkeeping."""
    kind, numbers = kind_and_numbers(row, inputs)
    if not kind:
        return None
    return Node(kind, inputs, row.output_shape[1:], row.module, leaf, numbers, (), row.parameters)


def kind_and_numbers(row: Layer, inputs: tuple[int, ...]) -> tuple[str, dict[str, int]]:
    """What people call a row, and its numbers; an empty name for bookkeeping."""
    low, out = row.kind.lower(), row.output_shape
    norm = next((short for word, short in NORMS.items() if word in low), "")
    if row.groups is not None and row.kernel:
        kind = name_convolution(row)
    elif "conv_transpose" in low or "convtranspose" in low:
        kind = "up-conv", {"width": out[1]}
    elif "pool" in low or (low == "mean" and len(row.input_shape) == 4):
        kind = name_pooling(row, low)
    elif low.endswith("linear") or low == "rbf":
        kind = "linear" if low != "rbf" else row.kind, {"width": out[-1]}
    elif low in ("chunk", "split", "tensor_split") and len(out) == 4:
        kind = "split", {}
    elif low in ACTIVATIONS or norm:
        kind = ("norm", {norm: 0}) if norm else ("act", {ACTIVATIONS[low]: 0})
    elif low in ("cat", "concat", "stack") or (low in ("add", "sub", "mul", "div") and len(inputs) == 1):
        kind = name_join(row, low, inputs)
    else:
        kind = "" if low in SILENT else low, {}
    return kind


def name_join(row: Layer, low: str, inputs: tuple[int, ...]) -> tuple[str, dict[str, int]]:
    """A concatenation, or a sum or product with something that was learned; nothing where only constants come in."""
    out = row.output_shape
    if len(inputs) > 1:
        return "concat", {"shuffle": 1} if low == "stack" and len(out) == 5 and out[2] < out[1] else {}
    if low in ("cat", "concat", "stack"):
        return ("class token" if len(row.inputs) > 1 and len(out) == 3 else ""), {}
    if not row.parameters:
        return "", {}
    return ("position embedding" if row.parameters == prod(out[1:]) > out[-1] else "bias" if low == "add" else "scale"), {}


def name_convolution(row: Layer) -> tuple[str, dict[str, int]]:
    """Whether it is depthwise, grouped, plain or transposed, and its numbers."""
    (height, side), width, groups = row.kernel or (1, 1), row.output_shape[1], row.groups or 1
    numbers = {"height": height, "side": side, "width": width, "stride": (row.stride or (1,))[0]}
    if row.dilation and row.dilation[0] > 1:
        numbers["dilation"] = row.dilation[0]
    if groups > 1 and groups == row.input_shape[1]:
        return "dw conv", numbers
    return ("group conv", numbers | {"groups": groups}) if groups > 1 else ("conv", numbers)


def name_pooling(row: Layer, low: str) -> tuple[str, dict[str, int]]:
    """Global where one unit is left; nothing where nothing changes."""
    word = "max pool" if "max" in low else "avg pool"
    if row.kernel and row.stride and "adaptive" not in low:
        return word, {"height": row.kernel[0], "side": row.kernel[1], "stride": row.stride[0]}
    if row.input_shape == row.output_shape:
        return "", {}
    if prod(row.output_shape[2:]) == 1 or low == "mean":
        return f"global {word}", {}
    return word, {"to": row.output_shape[-1]}


def collapse_attention(graph: Graph, anatomy: Anatomy) -> Graph:
    """Self-attention and squeeze-and-excitation, each a module of its own, as one node each."""
    for path, numbers in attentions(anatomy).items():
        graph = merge_nodes(graph, path, "attention", numbers)
    for path in anatomy.modules:
        inside = within(graph, path)
        if len(inside) > 3 and excites(graph, inside):
            squeezed = next((n.numbers["width"] for k in inside if "width" in (n := graph[k]).numbers), 0)
            graph = merge_nodes(graph, path, "SE", {"squeeze": squeezed})
    return graph


def attentions(anatomy: Anatomy) -> dict[str, dict[str, int]]:
    """The modules that attend, with heads, the side of a window and whether windows are shifted."""
    found: dict[str, dict[str, int]] = {}
    owners = [owner_of(row, anatomy.modules) for row in anatomy.layers]
    for row, owner in zip(anatomy.layers, owners, strict=True):
        if not owner or owner in found or not (row.kind in ATTENDING or row.kind.lower() == "softmax"):
            continue
        own = [other for other, at in zip(anatomy.layers, owners, strict=True) if at == owner]
        if row.kind not in ATTENDING and sum(other.kind in PRODUCTS for other in own) < 2:
            continue
        *rest, heads, tokens, _ = row.output_shape
        found[owner] = {"heads": heads} if len(row.output_shape) > 3 else {}
        if prod(rest) > 1 and isqrt(tokens) ** 2 == tokens:
            found[owner]["window"] = isqrt(tokens)
            found[owner]["shifted"] = int(any(other.kind == "roll" for other in own))
    return found


def owner_of(row: Layer, modules: dict[str, str]) -> str:
    """The module whose forward pass calls it."""
    return row.name.rpartition(".")[0] if row.name in modules and row.name == row.module else row.module


def excites(graph: Graph, inside: Sequence[int]) -> bool:
    """Whether the nodes weigh the channels of what they are given by what they see in all of it."""
    first, last = graph[inside[0]], graph[inside[-1]]
    return first.kind == "global avg pool" and last.kind == "mul" and set(first.inputs) <= set(last.inputs)


def within(graph: Graph, path: str) -> list[int]:
    """The nodes of a module and all below it."""
    return [key for key, node in graph.items() if node.path == path or node.path.startswith(f"{path}.")]


def merge_nodes(graph: Graph, path: str, kind: str, numbers: dict[str, int]) -> Graph:
    """The graph with a module's nodes made one."""
    keys = within(graph, path)
    if not keys:
        return graph
    inside, last = set(keys), keys[-1]
    inputs = tuple(dict.fromkeys(i for key in keys for i in graph[key].inputs if i not in inside))
    one = Node(kind, inputs, graph[last].shape, path, True, numbers, (), sum(graph[key].parameters for key in keys))
    made = {key: one if key == last else node for key, node in graph.items() if key not in inside or key == last}
    return {
        key: replace(n, inputs=redirect(n.inputs, dict.fromkeys(inside, last))) if n is not one else n
        for key, n in made.items()
    }


def redirect(inputs: Iterable[int], to: dict[int, int]) -> tuple[int, ...]:
    """Inputs with some keys exchanged."""
    return tuple(dict.fromkeys(to.get(i, i) for i in inputs))


def fold_into_layers(graph: Graph, modules: dict[str, str]) -> Graph:
    """Norms, activations and scales as part of the layer before them, where nothing else reads it and it is not another's."""
    readers = Counter(i for node in graph.values() for i in node.inputs)
    substantial = Counter(
        above for n in graph.values() if n.kind not in ("norm", "act", "scale") for above in homes(n, modules)
    )
    out: Graph = {}
    to: dict[int, int] = {}
    for key, plain in graph.items():
        node = replace(plain, inputs=redirect(plain.inputs, to))
        if node.kind in ("norm", "act", "scale", "split") and len(node.inputs) == 1 and (before := node.inputs[0]) in out:
            into = out[before]
            own, theirs = homes(node, modules), homes(into, modules)
            alike = all(substantial[home] == 0 for home in own - theirs) and all(
                substantial[home] == 1 for home in theirs - own
            )
            takes = (
                into.kind in ("conv", "dw conv", "group conv", "up-conv", "linear", "norm", "attention")
                and node.kind != "split"
            )
            if alike and takes and readers[plain.inputs[0]] == 1 and (into.kind != "norm" or node.kind == "act"):
                word = next(iter(node.numbers), node.kind)
                out[before] = replace(into, tail=(*into.tail, word), parameters=into.parameters + node.parameters)
                to[key] = before
                continue
        if node.kind in ("norm", "act"):
            node = replace(node, tail=tuple(node.numbers), numbers={})
        if node.kind == "concat" and node.numbers:
            node = replace(node, tail=("shuffle",), numbers={})
        out[key] = node
    return {key: replace(node, inputs=redirect(node.inputs, to)) for key, node in out.items()}


def homes(node: Node, modules: dict[str, str]) -> set[str]:
    """The modules that a node stands in and that do more than call their parts in turn."""
    path = node.path.rpartition(".")[0] if node.leaf else node.path
    paths = set()
    while path:
        if modules.get(path) not in CONTAINERS:
            paths.add(path)
        path = path.rpartition(".")[0]
    return paths
