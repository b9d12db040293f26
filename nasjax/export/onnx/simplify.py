"""Makes a written graph smaller without changing what it computes: transposes, biases, leaky ReLU, dead nodes."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from nasjax.export.onnx.graph import Graph, Node

_OUT_AXIS = {"Conv": 0, "ConvTranspose": 1}  # the axis of their kernel that makes channels


def simplify(graph: Graph, output: str) -> str:
    """Rewrite `graph` in place; returns the name of what `output` has become."""
    graph.nodes, output = _merge_transposes(graph.nodes, output)
    graph.nodes = _drop_dead(_leaky(graph.nodes, graph.constants), output)
    graph.nodes = _fuse_biases(graph, output)
    used = {name for node in graph.nodes for name in node.inputs} | {output}
    graph.constants = {name: array for name, array in graph.constants.items() if name in used}
    return output


def _merge_transposes(nodes: Sequence[Node], output: str) -> tuple[list[Node], str]:
    """Chains of transposes become one, or none where they cancel."""
    kept: list[Node] = []
    source: dict[str, tuple[str, list[int]]] = {}
    alias: dict[str, str] = {}
    for node in nodes:
        node = node._replace(inputs=tuple(alias.get(name, name) for name in node.inputs))
        if node.op == "Transpose":
            order = list(node.attributes["perm"])
            origin, before = source.get(node.inputs[0], (node.inputs[0], list(range(len(order)))))
            order = [before[i] for i in order]
            if order == sorted(order):
                alias[node.output] = origin
                continue
            source[node.output] = (origin, order)
            node = Node("Transpose", (origin,), node.output, {"perm": order})
        kept.append(node)
    return kept, alias.get(output, output)


def _leaky(nodes: Sequence[Node], constants: dict[str, np.ndarray]) -> list[Node]:
    """max(x, c * x) with 0 < c < 1 is a leaky ReLU, which runtimes fuse into the convolution before it."""
    made = {node.output: node for node in nodes}

    def slope(x: str, scaled: str) -> float | None:
        node = made.get(scaled)
        if node is None or node.op != "Mul" or x not in node.inputs:
            return None
        factor = constants.get(next((n for n in node.inputs if n != x), x))
        return float(factor.item()) if factor is not None and factor.size == 1 and 0 < factor.item() < 1 else None

    def rewrite(node: Node) -> Node:
        if node.op != "Max" or len(node.inputs) != 2:
            return node
        for x, scaled in (node.inputs, node.inputs[::-1]):
            if (alpha := slope(x, scaled)) is not None:
                return Node("LeakyRelu", (x,), node.output, {"alpha": alpha})
        return node

    return [rewrite(node) for node in nodes]


def _drop_dead(nodes: Sequence[Node], output: str) -> list[Node]:
    needed, kept = {output}, []
    for node in reversed(nodes):
        if node.output in needed:
            needed.update(node.inputs)
            kept.append(node)
    return kept[::-1]


def _fuse_biases(graph: Graph, output: str) -> list[Node]:
    """A constant per channel that is added to a convolution, and nothing else uses, becomes its bias."""
    made = {node.output: node for node in graph.nodes}
    uses = Counter(name for node in graph.nodes for name in node.inputs) + Counter([output])

    def rewrite(node: Node) -> list[Node]:
        for x, bias in (node.inputs, node.inputs[::-1]) if node.op == "Add" else ():
            conv, array, spelled = made.get(x), graph.constants.get(bias), None
            if conv is not None and conv.op == "Reshape":  # sizes spelled out, with nothing changed
                conv, spelled = made.get(conv.inputs[0]), conv
            if conv is None or array is None or conv.op not in _OUT_AXIS or len(conv.inputs) != 2:
                continue
            channels = graph.constants[conv.inputs[1]].shape[_OUT_AXIS[conv.op]]
            if {uses[x], uses[conv.output]} != {1} or array.shape != (1, channels, 1, 1):
                continue
            inputs = (*conv.inputs, graph.initializer(array.reshape(channels)))
            if spelled is None:
                return [Node(conv.op, inputs, node.output, conv.attributes)]
            biased = Node(conv.op, inputs, f"{conv.output}_biased", conv.attributes)
            return [biased, Node("Reshape", (biased.output, spelled.inputs[1]), node.output, {})]
        return [node]

    return _drop_dead([made for node in graph.nodes for made in rewrite(node)], output)
