"""Blocks and stages: which modules repeat, what their insides have in common, and how the network strings them together."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from ...ops.paths import ancestors
from .nodes import CONTAINERS, INPUT, Graph, Node, within


@dataclass(frozen=True, slots=True)
class Plan:
    """Which modules are drawn as blocks."""

    titles: dict[str, str]  # path of a block → what it is called
    main: Graph  # the network as layers and blocks
    graphs: dict[str, Graph]  # path of a block → what is inside, read from −1
    classes: dict[str, str]  # path of a block → its class


def plan_of(graph: Graph, modules: dict[str, str]) -> Plan:
    """The blocks of a network: outermost modules that do more than one thing, but for wrappers of such."""
    chosen = named_containers(graph, modules)
    for path in sorted(modules, key=lambda path: -path.count(".")):
        inside = within(graph, path)
        if modules[path] in CONTAINERS or len(inside) < 2 or path in chosen:
            continue
        nested = Counter(modules[p] for p in outermost(chosen, path))
        if max(nested.values(), default=0) < 2 or not is_chain(level(graph, path, chosen)):
            if max(nested.values(), default=0) < 2:
                chosen -= {p for p in chosen if p.startswith(f"{path}.")}
            chosen.add(path)
    titles = title_blocks(chosen, modules)
    graphs = {path: level(graph, path, chosen) for path in titles}
    named = {
        path: {
            key: replace(n, kind=titles.get(n.path, n.kind) if n.numbers.get("block") else n.kind) for key, n in inner.items()
        }
        for path, inner in graphs.items()
    }
    main = level(graph, "", chosen)
    main = {key: replace(n, kind=titles[n.path]) if n.numbers.get("block") else n for key, n in main.items()}
    return Plan(titles, main, named, {path: modules[path] for path in titles})


def named_containers(graph: Graph, modules: dict[str, str]) -> set[str]:
    """Containers with names of their own that occur several times with the same layers: transition1, transition2 …"""
    found: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for path, kind in modules.items():
        name = re.sub(r"[\d_]+$", "", path.rpartition(".")[2])
        above = path.rpartition(".")[0]
        plain = all(modules[p] in CONTAINERS for p in ancestors(above) if p)
        if kind in CONTAINERS and name and plain and len(keys := within(graph, path)) > 1:
            found.setdefault((f"{above}.{name}", tuple(graph[key].kind for key in keys)), []).append(path)
    repeated = {path for paths in found.values() if len(paths) > 1 for path in paths}
    simple = {
        path for path in repeated if all(modules[p] in CONTAINERS or not has_many(graph, p) for p in below(path, modules))
    }
    return {path for path in simple if not any(path.startswith(f"{other}.") for other in simple)}


def has_many(graph: Graph, path: str) -> bool:
    """Whether a module is more than one node."""
    return len(within(graph, path)) > 1


def below(path: str, modules: dict[str, str]) -> list[str]:
    """The modules within a module."""
    return [p for p in modules if p.startswith(f"{path}.")]


def outermost(chosen: set[str], path: str) -> list[str]:
    """The blocks right below a module."""
    inside = {p for p in chosen if p.startswith(f"{path}.") or not path}
    return [p for p in inside if not any(p.startswith(f"{other}.") for other in inside)]


def level(graph: Graph, path: str, chosen: set[str]) -> Graph:
    """What a module does, its blocks each as one node; what comes from elsewhere is −1."""
    blocks = outermost(chosen - {path}, path)
    keys = within(graph, path) if path else list(graph)
    unit: dict[int, int] = {}
    for block in blocks:
        inside = within(graph, block)
        unit |= dict.fromkeys(inside, inside[-1])
    made: Graph = {}
    members: dict[int, list[int]] = {}
    for key in keys:
        members.setdefault(unit.get(key, key), []).append(key)
    for last, group in sorted(members.items()):
        inputs = [unit.get(i, i) if i in keys else INPUT for key in group for i in graph[key].inputs if i not in group]
        node = graph[last]
        if last in unit:
            block = next(b for b in blocks if node.path == b or node.path.startswith(f"{b}."))
            node = Node("", (), node.shape, block, True, {"block": 1}, (), sum(graph[key].parameters for key in group))
        made[last] = replace(node, inputs=tuple(dict.fromkeys(inputs)))
    return made


def is_chain(graph: Graph) -> bool:
    """Whether each node reads what the one before it gives, and nothing else."""
    before = INPUT
    for key, node in graph.items():
        if node.inputs != (before,):
            return False
        before = key
    return True


def title_blocks(chosen: set[str], modules: dict[str, str]) -> dict[str, str]:
    """What each block is called: its class, or its own name where the class says nothing or has several parts to play."""
    names: dict[str, set[str]] = {}
    for path in chosen:
        names.setdefault(modules[path], set()).add(path.rpartition(".")[2])
    titles = {}
    for path, of in modules.items():
        if path in chosen:
            kind, own = of, path.rpartition(".")[2]
            if kind in CONTAINERS:
                kind = re.sub(r"[\d_]+$", "", own)
            elif len(names[kind]) > 1 and not any(re.search(r"\d", name) for name in names[kind]):
                kind = own
            titles[path] = kind
    return titles


@dataclass(slots=True)
class Kind:
    """A kind of block, as the largest of its variants; what some of them lack is optional."""

    of: str  # class and, where that says nothing, title
    titles: list[str]
    graph: Graph  # places are 0, 1, 2 …
    optional: set[int] = field(default_factory=set)
    edges: set[tuple[int, int]] = field(default_factory=set)  # (from, to) that are not in every variant
    members: list[dict[int, Node]] = field(default_factory=list)  # of each block: place → its own node
    paths: list[str] = field(default_factory=list)


TRIES = 2000  # places tried before two graphs count as different


def number_nodes(graph: Graph) -> Graph:
    """The same with places for keys."""
    place = {key: at for at, key in enumerate(graph)} | {INPUT: INPUT}
    return {place[key]: replace(node, inputs=tuple(place[i] for i in node.inputs)) for key, node in graph.items()}


def kinds_of(plan: Plan) -> list[Kind]:
    """The kinds of blocks in the order in which they come, variants that lack something joined with those that have it."""
    kinds: list[Kind] = []
    graphs = {path: number_nodes(plan.graphs[path]) for path in plan.titles}
    for path, graph in sorted(graphs.items(), key=lambda item: -len(item[1])):
        of = plan.titles[path] if plan.classes[path] in CONTAINERS else plan.classes[path]
        for kind in kinds:
            if kind.of == of and (place := embed_graph(graph, kind.graph)) is not None:
                break
        else:
            kind = Kind(of, [], graph)
            kinds.append(kind)
            place = {at: at for at in graph}
        lacking = kind.graph.keys() - set(place.values())
        kind.optional |= lacking
        kind.edges |= {(i, at) for at in lacking for i in kind.graph[at].inputs if i != max(kind.graph[at].inputs)}
        kind.members.append({place[at]: node for at, node in graph.items()})
        kind.paths.append(path)
    order = {path: at for at, path in enumerate(plan.titles)}
    for kind in kinds:
        together = sorted(zip(kind.paths, kind.members, strict=True), key=lambda pair: order[pair[0]])
        kind.paths, kind.members = [p for p, _ in together], [m for _, m in together]
        kind.titles = list(dict.fromkeys(plan.titles[path] for path in kind.paths))
    return sorted(kinds, key=lambda kind: order[kind.paths[0]])


def dense(graph: Graph) -> bool:
    """Whether blocks stand in it of which each reads what all before it gave."""
    return sum(node.numbers.get("block", 0) for node in graph.values()) > 2 and not all(
        len(n.inputs) == 1 for n in graph.values()
    )


def embed_graph(small: Graph, large: Graph) -> dict[int, int] | None:
    """Where each node of a graph lies in a larger one that has nodes in between; None if it is not such a graph."""
    if len(small) > len(large):
        return None
    if dense(small) and dense(large):  # longer or shorter, they are the same idea
        return {at: at for at in small}
    reached: dict[int, int] = {}
    tries = iter(range(TRIES))

    def sources(at: int, kept: set[int]) -> set[int]:
        """What a node reads once the nodes that are not kept are gone."""
        found: set[int] = set()
        for i in large[at].inputs:
            found |= {i} if i in kept or i == INPUT else sources(i, kept)
        return found

    def place(at: int) -> bool:
        if at == len(small):
            kept = set(reached.values())
            last = max(large) in kept or sources(max(large), kept) >= {reached[at - 1]}
            return last and all(
                {reached.get(i, INPUT) for i in n.inputs} <= sources(reached[k], kept) for k, n in small.items()
            )
        for target in range(reached.get(at - 1, -1) + 1, len(large) - (len(small) - at) + 1):
            if large[target].kind == small[at].kind and next(tries, None) is not None:
                reached[at] = target
                if place(at + 1):
                    return True
                del reached[at]
        return False

    return dict(reached) if place(0) else None


@dataclass(frozen=True, slots=True)
class Stage:
    """Neighbors in the network that are of one kind and give maps of one shape."""

    nodes: tuple[Node, ...]  # one of each kind in it, the last of the repeats
    count: int
    parameters: int
    inputs: tuple[int, ...]  # places of the stages it reads
    paths: tuple[str, ...]  # of all that it is made of

    @property
    def shape(self) -> tuple[int, ...]:
        return self.nodes[-1].shape


MOST = 14
"""Stages in a picture; past them neighbors of one kind are joined though their channels differ."""


def stages_of(main: Graph) -> list[Stage]:
    """The network from left to right."""
    nodes = list(main.values())
    keys = list(main)
    runs: list[list[int]] = [[at] for at in range(len(nodes))]
    runs = join_runs(runs, lambda a, b: alike(nodes[a[-1]], nodes[b[0]], whole=True), nodes, keys)
    runs = periodic(runs, nodes)
    if len(runs) > MOST:
        runs = join_runs(runs, lambda a, b: alike(nodes[a[-1]], nodes[b[0]], whole=False), nodes, keys)
    home = {keys[at]: place for place, run in enumerate(runs) for at in run} | {INPUT: INPUT}
    stages = []
    for place, run in enumerate(runs):
        period = next(p for p in range(1, len(run) + 1) if len(run) % p == 0 and all(
            nodes[a].kind == nodes[b].kind for a, b in zip(run, run[p:], strict=False)))  # fmt: skip
        inputs = dict.fromkeys(home[i] for at in run for i in nodes[at].inputs if home[i] != place)
        chosen = tuple(nodes[at] for at in run[-period:])
        parameters = sum(nodes[at].parameters for at in run)
        stages.append(Stage(chosen, len(run) // period, parameters, tuple(inputs), tuple(nodes[at].path for at in run)))
    return stages


def alike(a: Node, b: Node, *, whole: bool) -> bool:
    """Whether two neighbors are drawn as one; blocks may differ in channels if not `whole`."""
    if a.kind != b.kind or (not a.numbers.get("block") and (a.numbers, a.tail) != (b.numbers, b.tail)):
        return False
    return a.shape == b.shape or (not whole and bool(a.numbers.get("block")) and a.shape[1:] == b.shape[1:])


def join_runs(
    runs: list[list[int]], same: Callable[[list[int], list[int]], bool], nodes: Sequence[Node], keys: Sequence[int]
) -> list[list[int]]:
    """Runs with those neighbors made one that are the same and feed each other."""
    out: list[list[int]] = []
    for run in runs:
        if out and same(out[-1], run) and nodes[run[0]].inputs == (keys[out[-1][-1]],):
            out[-1] = out[-1] + run
        else:
            out.append(run)
    return out


def periodic(runs: list[list[int]], nodes: Sequence[Node]) -> list[list[int]]:
    """Sequences of blocks that come again and again at one shape, as one run each."""
    mark = [(nodes[run[-1]].kind, nodes[run[-1]].shape, len(run), nodes[run[-1]].numbers.get("block")) for run in runs]
    out: list[list[int]] = []
    at = 0
    while at < len(runs):
        period, times = 1, 1
        for p in (2, 3, 4):
            n = 1
            while mark[at : at + p] == mark[at + n * p : at + (n + 1) * p]:
                n += 1
            if n > 1 and n * p > period * times and all(m[3] for m in mark[at : at + p]):
                period, times = p, n
        out.append([i for run in runs[at : at + period * times] for i in run])
        at += period * times
    return out
