"""The residual additions of a model, read off its autograd graph: no module is named and none is changed.

A node is on the way if the loss reaches the start through it. A residual unit is an addition that every way from
the loss to the start passes, at least two addends of which lead on to the next such place, its fork, and at least
one of them through parameters. The last of these keeps out what merely centres or rotates.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch.autograd.graph import GradientEdge as Edge

#: Sums of two edges, each with what the gradient is multiplied by on its way to them.
SUMS = {
    "AddBackward0": lambda node: (1, node._saved_alpha),
    "SubBackward0": lambda node: (1, -node._saved_alpha),
    "RsubBackward0": lambda node: (-node._saved_alpha, 1),
}
#: Operations that add a product or a weighted tensor to their first argument: that one against the others.
FUSED = {
    f"{name}Backward{number}"
    for name in ("Addmm", "Addmv", "Addr", "Baddbmm", "Addbmm", "Addcmul", "Addcdiv", "Lerp")
    for number in (0, 1)
}
CONCATENATIONS = {"CatBackward0", "StackBackward0"}
LEAF = "torch::autograd::AccumulateGrad"


@dataclass(eq=False)
class Addend:
    """One of the things that are added: edges below the addition, and how a gradient gets to them.

    Attributes
    ----------
    edges : list of Edge
    factor : float
        What the gradient is multiplied by.
    node, indices
        The fused operation whose backward rule gives the gradients at the edges, and at which places; None for
        a plain sum.
    operations : int
        Nodes from the edges down to the fork, both ends excluded: 0 for the identity.
    """

    edges: list
    factor: float = 1
    node: object = None
    indices: tuple = ()
    nodes: list = field(default_factory=list)
    leaves: list = field(default_factory=list)
    numbers: set = field(default_factory=set)

    @property
    def operations(self):
        return len(self.nodes)

    def start(self, rows):
        """(edge, rows there) for rows (k, ...) at the addition's output."""
        rows = rows if self.factor == 1 else rows * self.factor
        if self.node is None:
            return [(self.edges[0], fitted(rows, self.edges[0]))]
        sent = [self.node(row) for row in rows]
        there = [torch.stack([one[k] for one in sent]) for k in self.indices]
        return [(edge, fitted(part, edge)) for edge, part in zip(self.edges, there, strict=True)]


@dataclass(eq=False)
class Unit:
    """A residual unit in the graph.

    Attributes
    ----------
    add : Node
    fork : Edge
        Where shortcut and branches part: the unit's input state.
    shortcut : Addend
    branches : list of Addend
    how : str
        "identity", "fewest operations", or "named".
    inner : list of Node
        Additions that belong to it as well, as in (x + a) + b.
    """

    add: object
    fork: Edge
    shortcut: Addend
    branches: list
    how: str
    inner: list

    @property
    def leaves(self):
        """Parameters of shortcut and branches, as leaf nodes."""
        return list(dict.fromkeys(leaf for part in (self.shortcut, *self.branches) for leaf in part.leaves))


class Graph:
    """The ways from the loss down to the start.

    Parameters
    ----------
    loss, start : Node
    """

    def __init__(self, loss, start):
        self.loss, self.start = loss, start
        everything = _ordered(loss)
        self.live = {start}
        for node in reversed(everything):
            if node is not start and any(below in self.live for below, _ in node.next_functions):
                self.live.add(node)
        self.order = [node for node in everything if node in self.live]
        self.consumers = {node: 0 for node in self.order}
        for node in self.order:
            for below in self.below(node):
                self.consumers[below] += 1

    def below(self, node):
        """The next nodes on the way, one for each edge."""
        if node is self.start:
            return []
        return [below for below, _ in node.next_functions if below in self.live]

    def chain(self):
        """The nodes that every way passes, from the loss to the start (Cooper, Harvey and Kennedy 2001)."""
        if self.loss not in self.live:
            return []
        above = _common(self.order, self.below)
        chain = [self.start]
        while chain[-1] is not self.loss:
            chain.append(above[chain[-1]])
        return chain[::-1]

    def meets(self):
        """For every node the first one below it that all its ways to the start pass."""
        index, meet = {node: i for i, node in enumerate(reversed(self.order))}, {self.start: self.start}
        for node in reversed(self.order):
            for below in self.below(node):
                meet[node] = _nearest(meet.get(node, below), below, index, meet)
        return meet

    def addends(self, node):
        """The addends of an addition that are on the way; [] for a node that is none."""
        name, edges = node.name(), node.next_functions
        if name in SUMS:
            parts = [Addend([Edge(*edge)], factor) for edge, factor in zip(edges, SUMS[name](node))]
        elif name in FUSED:
            rest = tuple(range(1, len(edges)))
            parts = [
                Addend([Edge(*edges[k]) for k in some if edges[k][0] is not None], 1, node,
                       tuple(k for k in some if edges[k][0] is not None))
                for some in ((0,), rest)
            ]  # fmt: skip
        else:
            return []
        return [part for part in parts if any(edge.node in self.live for edge in part.edges)]

    def flattened(self, node, fork):
        """Addends of (a + b) + c as three, where nothing but the sum reads a + b; and the inner additions."""
        done, inner, todo = [], [], self.addends(node)
        while todo:
            part = todo.pop()
            below = part.edges[0].node
            if part.node is None and below is not fork and below.name() in SUMS and self.consumers[below] == 1:
                parts = self.addends(below)
                if len(parts) == 2 and _shape(part.edges[0]) == _shape(Edge(node, 0)):
                    inner.append(below)
                    todo += [Addend(one.edges, one.factor * part.factor) for one in parts]
                    continue
            done.append(part)
        return done, inner

    def trace(self, part, fork):
        """Fill in what lies between an addend and the fork: nodes on the way, the fork's outputs, parameters."""
        live = [edge for edge in part.edges if edge.node in self.live]
        part.nodes, part.numbers = self._between(live, fork)
        aside = [edge.node for edge in part.edges if edge.node is not None and edge.node not in self.live]
        part.leaves = leaves_of([*aside, *(below for node in part.nodes for below in self._aside(node))])

    def _between(self, edges, stop):
        nodes, numbers, todo = {}, set(), [(edge.node, edge.output_nr) for edge in reversed(edges)]
        while todo:
            node, number = todo.pop(0)
            if node is stop:
                numbers.add(number)
            elif node not in nodes:
                nodes[node] = True
                todo += [edge for edge in node.next_functions if edge[0] in self.live]
        return list(nodes), numbers

    def _aside(self, node):
        return [below for below, _ in node.next_functions if below is not None and below not in self.live]

    def after(self, edge, add):
        """Leaf nodes of the parameters between a state's edge and the addition below it."""
        nodes, _ = self._between([edge], add)
        return leaves_of([below for node in nodes for below in self._aside(node)])

    def units(self, is_shortcut=None):
        """The residual units, from the loss down.

        Parameters
        ----------
        is_shortcut : callable, optional
            Whether an addend is the one to call the shortcut.
        """
        chain, found = self.chain(), []
        for add, fork in zip(chain, chain[1:]):
            if len(self.addends(add)) < 2:
                continue
            parts, inner = self.flattened(add, fork)
            for part in parts:
                self.trace(part, fork)
            edge = self._fork_edge(fork, set().union(*(part.numbers for part in parts)))
            parts.sort(key=Addend.operations.fget)
            is_guess = parts[0].operations > 0  # none is the identity
            named = [part for part in parts if is_guess and is_shortcut is not None and is_shortcut(part)]
            if edge is None or not any(part.leaves for part in parts):
                continue
            shortcut = named[0] if len(named) == 1 else parts[0]
            how = "named" if len(named) == 1 else "fewest operations" if is_guess else "identity"
            found.append(Unit(add, edge, shortcut, [part for part in parts if part is not shortcut], how, inner))
        return found

    def _fork_edge(self, fork, numbers):
        """The edge at which the addends meet: above the fork, or below one of several outputs."""
        if len(numbers) == 1:
            return Edge(fork, *numbers)
        below = {edge for edge in fork.next_functions if edge[0] in self.live} if fork is not self.start else set()
        return Edge(*below.pop()) if len(below) == 1 else None

    def others(self, units):
        """Additions and concatenations of several ways through parameters that are no unit's, from the loss down."""
        taken, meet = {node for unit in units for node in (unit.add, *unit.inner)}, self.meets()
        found = []
        for node in self.order:
            parts = self.addends(node)
            if node.name() in CONCATENATIONS:
                parts = [Addend([Edge(*edge)]) for edge in node.next_functions if edge[0] in self.live]
            if len(parts) < 2 or node in taken:
                continue
            for part in parts:
                self.trace(part, meet[node])
            if any(part.leaves for part in parts):
                found.append(node)
        return found


def _ordered(root):
    """Topological order from the loss: every node before what it reads."""
    into, seen, todo = {}, {root}, [root]
    while todo:
        for node, _ in todo.pop().next_functions:
            if node is not None:
                into[node] = into.get(node, 0) + 1
                if node not in seen:
                    seen.add(node)
                    todo.append(node)
    ready, order = [root], []
    while ready:
        order.append(node := ready.pop())
        for below, _ in node.next_functions:
            if below is not None:
                into[below] -= 1
                if into[below] == 0:
                    ready.append(below)
    return order


def _common(order, below):
    """The nearest node above each that all ways from the first to it pass; one sweep suffices without cycles."""
    index, above = {node: i for i, node in enumerate(order)}, {order[0]: order[0]}
    for node in order:
        for lower in below(node):
            above[lower] = _nearest(above.get(lower, node), node, index, above)
    return above


def _nearest(a, b, index, tree):
    """The nearest common ancestor of two nodes."""
    while a is not b:
        if index[a] > index[b]:
            a = tree[a]
        else:
            b = tree[b]
    return a


def leaves_of(nodes):
    """The leaves, which are parameters or inputs, that nodes rest on."""
    seen, found, todo = set(), [], list(nodes)
    while todo:
        node = todo.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if node.name() == LEAF:
            found.append(node)
        todo += [below for below, _ in node.next_functions]
    return found


def _shape(edge):
    return tuple(edge.node._input_metadata[edge.output_nr].shape)


def fitted(rows, edge):
    """Rows (k, ...) summed over what was broadcast, and in the dtype, as the edge has them."""
    kind = edge.node._input_metadata[edge.output_nr]
    shape = tuple(kind.shape)
    if tuple(rows.shape[1:]) != shape:
        extra = rows.dim() - 1 - len(shape)
        rows = rows.sum(tuple(range(1, 1 + extra))) if extra else rows
        wide = tuple(k + 1 for k, size in enumerate(shape) if size == 1 != rows.shape[k + 1])
        rows = rows.sum(wide, keepdim=True) if wide else rows
    return rows.to(kind.dtype)
