"""Ordered algebra: factors that do not commute, products that run from the loss down, sums.

Columns are states, rows are gradients, everything between them is a matrix; the number 1 stands for
the identity matrix wherever a matrix is meant. SymPy keeps the order of non-commutative factors, so
its own ``Add``, ``Mul`` and ``expand`` do the algebra. What it lacks is here: quantities with a
symbolic index, a product that runs downwards, and a sum that never reorders what it adds up.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from sympy import (
    Add,
    Expr,
    Function,
    Mul,
    S,
    Symbol,
    acos,
    cos,
    erf,
    exp,
    expand,
    gamma,
    log,
    sin,
    sympify,
    tan,
    tanh,
)
from sympy.core.symbol import Str

#: Indices used throughout: unit ``l``, depth ``L``, and the bound indices ``i`` and ``j``.
l, L = Symbol("l", integer=True), Symbol("L", integer=True)
i, j = Symbol("i", integer=True), Symbol("j", integer=True)


class Factor(Expr):
    """A quantity with a name and indices, such as ``J_l``. It commutes with nothing.

    Parameters
    ----------
    name : str
        Its name in code; the printer knows how to set it.
    *indices : int or Expr
        Unit, layer or component indices.
    """

    is_commutative = False

    def __new__(cls, name, *indices):
        return Expr.__new__(cls, Str(str(name)), *map(sympify, indices))

    @property
    def name(self) -> str:
        return self.args[0].name

    @property
    def indices(self) -> tuple:
        return self.args[1:]

    def _sympystr(self, printer):
        return self.name + "".join(f"_{printer._print(k)}" for k in self.indices)


class Scalar(Factor):
    """A scalar with a name and indices, such as ``lambda_i``. It commutes."""

    is_commutative = True


class Map(Expr):
    """A function of a state: its name, its indices, and the symbol of its Jacobian."""

    is_commutative = False

    def __new__(cls, name, jacobian, *indices):
        return Expr.__new__(cls, Str(str(name)), jacobian, *map(sympify, indices))

    @property
    def name(self) -> str:
        return self.args[0].name

    @property
    def jacobian(self) -> Expr:
        return self.args[1]

    @property
    def indices(self) -> tuple:
        return self.args[2:]

    def __call__(self, argument):
        return Application(self, argument)


class Application(Expr):
    """A map applied to a state. Rewriting does not look inside: F(x) is one quantity."""

    is_commutative = False

    def __new__(cls, function, argument):
        return Expr.__new__(cls, function, sympify(argument))

    function = property(lambda self: self.args[0])
    argument = property(lambda self: self.args[1])

    def _sympystr(self, printer):
        indices = "".join(f"_{printer._print(k)}" for k in self.function.indices)
        return f"{self.function.name}{indices}({printer._print(self.argument)})"


class Partial(Expr):
    """The derivative of a state (or of the loss) with respect to a state, in numerator layout."""

    is_commutative = False

    def __new__(cls, of, by):
        return Expr.__new__(cls, of, by)

    of = property(lambda self: self.args[0])
    by = property(lambda self: self.args[1])

    def _sympystr(self, printer):
        return f"d{printer._print(self.of)}/d{printer._print(self.by)}"


class Transpose(Expr):
    """The transpose, which reverses a product."""

    is_commutative = False

    def __new__(cls, expression):
        if isinstance(expression, Transpose):
            return expression.args[0]
        if isinstance(expression, Add):
            return Add(*(cls(term) for term in expression.args))
        if isinstance(expression, Mul):
            scalars, factors = expression.args_cnc()
            return Mul(*scalars, *(cls(factor) for factor in reversed(factors)))
        if sympify(expression).is_commutative:
            return sympify(expression)
        return Expr.__new__(cls, expression)

    def _sympystr(self, printer):
        return f"{printer._print(self.args[0])}^T"


class Norm(Expr):
    """A norm, a number: Euclidean for a row or column, spectral (``"2"``) or Frobenius (``"F"``) for a matrix.

    ``"1"`` is the sum of all sizes of entries.
    """

    is_commutative = True
    is_nonnegative = True

    def __new__(cls, expression, kind=""):
        return Expr.__new__(cls, sympify(expression), Str(str(kind)))

    @property
    def kind(self) -> str:
        return self.args[1].name

    def _sympystr(self, printer):
        return f"|{printer._print(self.args[0])}|{self.kind}"


class Mean(Expr):
    """The expectation over whatever is random, of a number."""

    is_commutative = True

    def __new__(cls, expression):
        return Expr.__new__(cls, sympify(expression))


class _OverIndex(Expr):
    """What a product and a sum over an index share: a term, the index, and two limits."""

    def __new__(cls, term, *limits):
        index, low, high = limits[0] if len(limits) == 1 else limits
        return Expr.__new__(cls, sympify(term), index, sympify(low), sympify(high))

    term = property(lambda self: self.args[0])
    index = property(lambda self: self.args[1])
    low = property(lambda self: self.args[2])
    high = property(lambda self: self.args[3])

    @property
    def is_commutative(self):
        return self.term.is_commutative

    @property
    def free_symbols(self):
        inside = self.term.free_symbols - {self.index}
        return inside | self.low.free_symbols | self.high.free_symbols

    def _eval_subs(self, old, new):
        if old == self.index:  # the bound index is nobody else's
            return self.with_limits(self.low._subs(old, new), self.high._subs(old, new))
        return None

    def at(self, value) -> Expr:
        """The term with the index set to ``value``."""
        return self.term.subs(self.index, value)

    def with_limits(self, low, high) -> Expr:
        """The same term over other limits."""
        return self.func(self.term, self.index, low, high)

    def is_empty(self) -> bool:
        """Whether the range is known to be empty: its upper limit is one below its lower."""
        return (self.high - self.low) == -1

    def values(self) -> range:
        """The index values, for integer limits."""
        if not (self.low.is_Integer and self.high.is_Integer):
            raise ValueError(f"limits: got {self.low} and {self.high}, want integers to expand over")
        if self.high < self.low - 1:
            raise ValueError(f"limits: got {self.low} to {self.high}, want at least an empty range")
        return range(int(self.low), int(self.high) + 1)


class OrderedProduct(_OverIndex):
    """A product whose index falls from its upper limit to its lower, the factor nearest the loss first.

    ``OrderedProduct(J(i), (i, l, L - 1))`` is ``J_{L-1} ... J_{l+1} J_l``; an empty range gives 1.
    SymPy's own ``Product`` multiplies upwards and reads reversed limits as reciprocals.
    """

    def unrolled(self) -> Expr:
        """All factors written out, for limits that are numbers."""
        return Mul(*(self.at(value) for value in reversed(self.values())))

    def without_lowest(self) -> Expr:
        """The same with the factor of the lowest index split off."""
        return self.with_limits(self.low + 1, self.high) * self.at(self.low)

    def without_highest(self) -> Expr:
        """The same with the factor of the highest index split off."""
        return self.at(self.high) * self.with_limits(self.low, self.high - 1)

    empty = S.One

    def _sympystr(self, printer):
        return _range_text("Prod", self, printer)


class OrderedSum(_OverIndex):
    """A finite sum of ordered terms; an empty range gives 0."""

    def unrolled(self) -> Expr:
        """All terms written out, for limits that are numbers."""
        return Add(*(self.at(value) for value in self.values()))

    def without_lowest(self) -> Expr:
        """The same with the term of the lowest index split off."""
        return self.at(self.low) + self.with_limits(self.low + 1, self.high)

    def without_highest(self) -> Expr:
        """The same with the term of the highest index split off."""
        return self.with_limits(self.low, self.high - 1) + self.at(self.high)

    empty = S.Zero

    def _sympystr(self, printer):
        return _range_text("Sum", self, printer)


def _range_text(name, node, printer) -> str:
    term, index, low, high = map(printer._print, node.args)
    return f"{name}({term}, {index}={low}..{high})"


def map_tree(expression: Expr, change: Callable[[Expr], Expr | None], inside: bool = False) -> Expr:
    """Rebuild an expression from the top: where ``change`` returns something, that replaces the node.

    Arguments of an :class:`Application` are left alone, unless ``inside`` is set.
    """
    changed = change(expression)
    if changed is not None:
        return changed
    if not expression.args or isinstance(expression, (Factor, Map)):
        return expression
    if isinstance(expression, Application) and not inside:
        return expression
    return expression.func(*(map_tree(a, change, inside) if isinstance(a, Expr) else a for a in expression.args))


def unroll(expression: Expr, values: dict | None = None) -> Expr:
    """Set indices to integers and write every product and sum out.

    Its length grows as the expression does; the expansion of a product of sums grows as 2^depth, see
    :func:`expanded`.
    """
    expression = sympify(expression).subs(values or {})

    def change(node):
        if isinstance(node, _OverIndex):
            return unroll(node.unrolled())
        return None

    return map_tree(expression, change)


#: Above this many binary factors a product of sums is not expanded: 2^16 terms are enough for anyone.
LARGEST_EXPANSION = 16


def expanded(expression: Expr) -> Expr:
    """Multiply out, keeping the order of the factors.

    Raises
    ------
    ValueError
        If more than 2^16 terms would come out.
    """
    terms = count_terms(expression)
    if terms > 2**LARGEST_EXPANSION:
        raise ValueError(
            f"expression: got one that expands to {terms} terms, want at most 2^{LARGEST_EXPANSION}; "
            "the number of paths doubles with every unit"
        )
    return expand(expression)


def count_terms(expression: Expr) -> int:
    """How many monomials the expression has when it is multiplied out (before any cancel)."""
    if isinstance(expression, Add):
        return sum(map(count_terms, expression.args))
    if isinstance(expression, Mul):
        count = 1
        for factor in expression.args:
            count *= count_terms(factor)
        return count
    if expression.is_Pow and expression.exp.is_Integer and expression.exp > 0:
        return count_terms(expression.base) ** int(expression.exp)
    return 1


@dataclass(frozen=True)
class Rule:
    """A definition or an earlier result that a step may use: ``left`` may be replaced by ``right``.

    With an ``index``, it is a rule for every value of that index from ``low`` to ``high``, for example
    ``g_i -> g_{i+1} D_i (H_i + J_i)`` for ``l <= i <= L - 1``. With ``inside`` it also applies to the arguments
    of maps.
    """

    left: Expr
    right: Expr
    index: Symbol | None = None
    low: Expr | None = None
    high: Expr | None = None
    inside: bool = False

    def __call__(self, node: Expr, values: dict | None = None) -> Expr | None:
        """What the rule makes of a node, or None where it does not apply."""
        if self.index is None:
            return self.right if node == self.left else None
        if type(node) is not type(self.left) or len(node.args) != len(self.left.args):
            return None
        value = node.args[-1] - self.left.args[-1] + self.index
        if self.index in value.free_symbols or self.left.subs(self.index, value) != node:
            return None
        low, high = (None if e is None else e.subs(values or {}) for e in (self.low, self.high))
        if (low is not None and (value < low) == True) or (high is not None and (value > high) == True):  # noqa: E712
            return None
        return self.right.subs(self.index, value)


def rewrite(expression: Expr, rules, values: dict | None = None) -> Expr:
    """Apply the rules until none applies any more."""

    def change(node):
        for rule in rules:
            new = rule(node, values)
            if new is not None:
                return new
        return None

    for _ in range(1000):
        new = map_tree(expression, change, any(rule.inside for rule in rules))
        if new == expression:
            return expression
        expression = new
    raise ValueError(f"rules: got a set that still changes {expression} after 1000 rounds, want one that ends")


def peel(expression: Expr, limit: Expr, end: str) -> Expr:
    """Split one term off every product and sum whose lower (``end="low"``) or upper limit is ``limit``.

    Outer ranges are split before inner ones: in what remains of a sum over ``i`` the inner range that ends
    at ``i`` is not empty, so it may be split too.
    """

    def change(node):
        if not isinstance(node, _OverIndex):
            return None
        if node.is_empty():
            return node.empty
        if (node.low if end == "low" else node.high) != limit:
            return None
        split = node.without_lowest() if end == "low" else node.without_highest()
        return map_tree(split, change)

    return map_tree(expression, change)


def normal(expression: Expr) -> Expr:
    """Multiply out, also under sums, and pull out of each sum what does not depend on its index."""

    def change(node):
        if not isinstance(node, OrderedSum):
            return None
        if node.is_empty():
            return node.empty
        body = normal(node.term)
        return Add(*(_pulled_out(term, node) for term in Add.make_args(body)))

    return expand(canonical(expanded(map_tree(expression, change))))


def canonical(expression: Expr, level: int = 0) -> Expr:
    """The expression with its bound indices named by how deep they lie, so that names make no difference."""

    def change(node):
        if not isinstance(node, _OverIndex):
            return None
        name = Symbol(f"bound_{level}", integer=True)
        return node.func(canonical(node.at(name), level + 1), name, node.low, node.high)

    return map_tree(expression, change)


def _pulled_out(term: Expr, total: OrderedSum) -> Expr:
    """The sum of ``term``, with the factors on its two sides that do not hold the index in front of it."""
    scalars, factors = term.args_cnc()
    bound = total.index
    outside = [factor for factor in scalars if bound not in factor.free_symbols]
    inside = [factor for factor in scalars if bound in factor.free_symbols]
    left, right = [], []
    while factors and bound not in factors[0].free_symbols:
        left.append(factors.pop(0))
    while factors and bound not in factors[-1].free_symbols:
        right.insert(0, factors.pop())
    return Mul(*outside, *left, OrderedSum(Mul(*inside, *factors), *total.args[1:]), *right)


def monomials(expression: Expr) -> list[Expr]:
    """The terms of the expanded expression."""
    return list(Add.make_args(expanded(expression)))


def evaluate(expression: Expr, value_of: Callable[[Expr], object], eye: Callable[[int], object], apply=None):
    """Put values in: matrices for ordered factors, numbers for scalars.

    Parameters
    ----------
    expression : Expr
        With its ranges written out (:func:`unroll`) or with integer limits.
    value_of : callable
        Factor or partial derivative -> a two-dimensional array (a state is a column, a gradient a row), scalar,
        number or elementary function of numbers -> a number. It raises ``KeyError`` for what it does not know.
    eye : callable
        Size -> identity matrix of the same kind; where a number is added to a matrix it multiplies this.
    apply : callable, optional
        (map, value of its argument) -> value.
    """

    def value(node):
        if isinstance(node, _OverIndex):
            return value(node.unrolled())
        if isinstance(node, Application):
            return apply(node.function, value(node.argument))
        if isinstance(node, (Factor, Partial, Norm, Mean)):
            return value_of(node)
        if isinstance(node, Transpose):
            inner = value(node.args[0])
            return inner.mT if hasattr(inner, "mT") else inner.T  # a stack of matrices has its index in front
        if isinstance(node, Add):
            total = value(node.args[0])
            for term in node.args[1:]:
                total = _plus(total, value(term), eye)
            return total
        if isinstance(node, Mul):
            total = value(node.args[0])
            for factor in node.args[1:]:
                total = _times(total, value(factor))
            return total
        if node.is_Pow:
            base, exponent = value(node.base), value(node.exp)
            if not hasattr(base, "shape"):
                return base**exponent
            total = eye(base.shape[0])
            for _ in range(int(exponent)):
                total = total @ base
            return total
        if node.is_Number or node.is_NumberSymbol:
            return value_of(node)
        if isinstance(node, Function):
            return _elementary(node.func, [value(argument) for argument in node.args], value_of)
        return value_of(node)

    return value(sympify(expression))


#: Functions of one float, which need no expression of SymPy's for their value.
ELEMENTARY = {f: getattr(math, f.__name__) for f in (exp, log, sin, cos, tan, acos, tanh, erf, gamma)}


def _elementary(function, arguments, value_of):
    if function in ELEMENTARY and isinstance(arguments[0], float) and len(arguments) == 1:
        try:
            return ELEMENTARY[function](arguments[0])
        except (ValueError, OverflowError):  # as the root of a negative number in an altered form: SymPy's value
            pass
    return value_of(function(*arguments))


def _plus(left, right, eye):
    if hasattr(left, "shape") != hasattr(right, "shape"):
        matrix, number = (left, right) if hasattr(left, "shape") else (right, left)
        return matrix + number * eye(matrix.shape[-1])
    return left + right


def _times(left, right):
    return left @ right if hasattr(left, "shape") and hasattr(right, "shape") else left * right
