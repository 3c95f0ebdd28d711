"""The chain rule as code: differentials of forward equations, gradients on the graph, paths.

Three ways lead to the same gradient, and the derivations use them against one another:
pulling back along edges (:meth:`Graph.pullback`), eliminating differentials (:meth:`Graph.eliminate`), and
adding up all paths (:meth:`Graph.paths`).
"""

from __future__ import annotations

from sympy import Add, Expr, Mul, S

from resnotes.symbolic.algebra import (
    Application,
    Factor,
    OrderedSum,
    Partial,
    Rule,
    Scalar,
    Transpose,
    expanded,
    map_tree,
)
from resnotes.symbolic.symbols import state_names


class Differential(Expr):
    """d of a state."""

    is_commutative = False

    def __new__(cls, state):
        return Expr.__new__(cls, state)

    state = property(lambda self: self.args[0])

    def _sympystr(self, printer):
        return f"d{printer._print(self.args[0])}"


def differential(expression: Expr, variables) -> Expr:
    """The differential of an expression in terms of those of ``variables``; everything else is constant.

    Implements d(A + B) = dA + dB, the ordered product rule d(AB) = dA B + A dB, and d(F(u)) = J du with
    J the Jacobian of F at u.
    """
    variables = tuple(variables)

    def d(node):
        if node in variables:
            return Differential(node)
        if isinstance(node, Add):
            return Add(*map(d, node.args))
        if isinstance(node, Mul):
            factors = node.args
            return Add(*(Mul(*factors[:k], d(factors[k]), *factors[k + 1 :]) for k in range(len(factors))))
        if isinstance(node, Application):
            # The rule for du = 0 comes out by itself: the Jacobian times zero.
            return node.function.jacobian * d(node.argument)
        if isinstance(node, OrderedSum):
            inside = d(node.term)
            return S.Zero if inside == 0 else node.func(inside, *node.args[1:])
        if node.is_commutative or isinstance(node, Factor):
            return S.Zero
        raise ValueError(f"expression: got {type(node).__name__} {node}, want sums, products and maps of states")

    return d(expression)


def coefficient(expression: Expr, state: Expr) -> Expr:
    """What stands in front of d(state) in a differential."""
    target = Differential(state)
    total = S.Zero
    for term in Add.make_args(expanded(expression)):
        scalars, factors = term.args_cnc()
        if factors and factors[-1] == target:
            total += Mul(*scalars, *factors[:-1])
        elif term.has(target):
            raise ValueError(f"expression: got {term} with d({state}) inside, want it as the last factor")
    return total


def weight_gradient(expression: Expr, weight: Expr) -> Expr:
    """The gradient with respect to a matrix, in the matrix's own shape.

    A term ``row . dW . column`` of the loss's differential is the trace of ``(column row) dW``; the gradient
    is the transpose of ``column row``.
    """
    target = Differential(weight)
    total = S.Zero
    for term in Add.make_args(expanded(expression)):
        if not term.has(target):
            continue
        scalars, factors = term.args_cnc()
        place = factors.index(target)
        total += Mul(*scalars) * Transpose(Mul(*factors[:place])) * Transpose(Mul(*factors[place + 1 :]))
    return total


class Graph:
    """Forward equations in the order in which they are computed.

    Parameters
    ----------
    equations : dict of Expr to Expr
        State -> its expression in earlier states.
    """

    def __init__(self, equations: dict[Expr, Expr]):
        self.equations = dict(equations)
        self.states = []
        for state, expression in self.equations.items():
            for earlier in sorted(_states_in(expression), key=str):
                if earlier not in self.states and earlier not in self.equations:
                    self.states.append(earlier)
            self.states.append(state)

    def local(self, state: Expr, by: Expr) -> Expr:
        """The direct partial derivative: other states held fixed."""
        if state not in self.equations:
            return S.Zero
        return coefficient(differential(self.equations[state], [by]), by)

    def users(self, state: Expr) -> list[Expr]:
        """The states whose equation uses this one, those nearest the loss first."""
        return [other for other in reversed(self.states) if self.local(other, state) != 0]

    def rules(self) -> list[Rule]:
        """Every direct partial derivative as a rule ``Partial(u, v) -> its expression``."""
        return [
            Rule(Partial(user, state), self.local(user, state)) for state in self.states for user in self.users(state)
        ]

    def pullback(self, state: Expr, gradient) -> Expr:
        """The multivariate chain rule: the sum over all users of their gradient times the local derivative."""
        return Add(*(gradient(user) * Partial(user, state) for user in self.users(state)))

    def gradient(self, state: Expr, output: Expr, upstream: Expr) -> Expr:
        """d loss / d state, by pulling back along the edges until only ``upstream`` is left."""
        if state == output:
            return upstream
        return Add(*(self.gradient(user, output, upstream) * self.local(user, state) for user in self.users(state)))

    def eliminate(self, state: Expr, output: Expr, upstream: Expr) -> Expr:
        """The same by substitution: write d(loss), replace each d(x_k) by its equation, read off d(state)."""
        total = upstream * Differential(output)
        for other in reversed(self.states):
            if other == state or other not in self.equations:
                continue
            d_other = differential(self.equations[other], [s for s in self.states if s != other])
            total = expanded(map_tree(total, lambda n, o=other, d=d_other: d if n == Differential(o) else None))
        return coefficient(total, state)

    def paths(self, state: Expr, output: Expr) -> list[Expr]:
        """One product a path from ``state`` to ``output``, written from the output down, longest first.

        A local derivative with several terms (a shortcut beside a branch within one equation) splits the path.
        """
        if state == output:
            return [S.One]
        found = []
        for user in self.users(state):
            for term in Add.make_args(expanded(self.local(user, state))):
                found += [path * term for path in self.paths(user, output)]
        return sorted(found, key=lambda path: (-len(Mul.make_args(path)), str(path)))


def _states_in(expression: Expr) -> set[Expr]:
    """The states an expression depends on, also inside maps."""
    if isinstance(expression, Scalar):
        return set()
    if isinstance(expression, Factor):
        return {expression} if expression.name in state_names() else set()
    if isinstance(expression, Application):
        return _states_in(expression.argument)
    found = set()
    for argument in expression.args:
        if isinstance(argument, Expr):
            found |= _states_in(argument)
    return found
