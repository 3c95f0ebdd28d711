"""The four layers once more, by components: integer matrices, SymPy's own ``diff``, no ordered algebra.

Near a point that is off every kink a ReLU network is a polynomial, so its derivatives come out exactly.
"""

from __future__ import annotations

import random
from itertools import product

from sympy import Add, Expr, Matrix, Rational, Symbol, eye, zeros

from resnotes.symbolic.algebra import Application, Factor, Partial, evaluate
from resnotes.symbolic.printing import SETTINGS, BookPrinter, aligned, latex, term_order
from resnotes.symbolic.symbols import E

SIZE = 2


class ExactFourLayers:
    """The notes' network with integer weights and ``n = 2``, evaluated at an integer point.

    Parameters
    ----------
    weights, biases : sequence of four
        W_1, ..., W_4, each (2, 2), and b_1, ..., b_4, each (2,), of integers.
    x1, g5 : sequence of two integers
        The input, and the gradient at the output.

    Raises
    ------
    ValueError
        If a component of a pre-activation is 0, where ReLU has no derivative.
    """

    def __init__(self, weights, biases, x1, g5):
        self.numbers = {"x1": Matrix([int(entry) for entry in x1]), "g5": Matrix([[int(entry) for entry in g5]])}
        for k, (weight, bias) in enumerate(zip(weights, biases, strict=True), start=1):
            self.numbers[f"W{k}"] = Matrix([[int(entry) for entry in row] for row in weight])
            self.numbers[f"b{k}"] = Matrix([int(entry) for entry in bias])
        self.states, self.before = self._forward(self.numbers, None)
        if any(entry == 0 for vector in self.before.values() for entry in vector):
            raise ValueError(
                f"weights, biases, x1: got pre-activations {[list(y) for y in self.before.values()]}, want none of them 0"
            )
        self.masks = {k: [1 if entry > 0 else 0 for entry in vector] for k, vector in self.before.items()}

    @classmethod
    def drawn(cls, seed: int) -> ExactFourLayers:
        """With small random integers; the first draw without a zero pre-activation is taken."""
        generator = random.Random(seed)

        def integers(rows, low=-3, high=3):
            return [generator.randint(low, high) for _ in range(rows)]

        while True:
            weights = [[integers(SIZE) for _ in range(SIZE)] for _ in range(4)]
            try:
                return cls(weights, [integers(SIZE) for _ in range(4)], integers(SIZE), integers(SIZE, 1, 4))
            except ValueError:
                continue

    @staticmethod
    def _forward(q, masks, states=None):
        """States and pre-activations; with masks given, ReLU is the mask, which is exact near the point."""
        x, before = dict(states or {1: q["x1"]}), {}
        for k in (2, 3, 4, 5):
            if k in x:
                continue
            z = q[f"W{k - 1}"] * x[k - 1] + q[f"b{k - 1}"]
            before[k] = z + x[k - 2] if k in (3, 5) else z
            factors = masks[k] if masks else [1 if entry > 0 else 0 for entry in before[k]]
            x[k] = Matrix([m * entry for m, entry in zip(factors, before[k], strict=True)])
        return x, before

    def _differentiate(self, name: str, of: int | None = None, hold: dict | None = None) -> Matrix:
        """d loss / d quantity, entry by entry, or the Jacobian of a state, with SymPy's ``diff``."""
        value = self.states[int(name[1])] if name.startswith("x") else self.numbers[name]
        symbols = Matrix(value.rows, value.cols, lambda r, c: Symbol(f"v_{r}_{c}"))
        quantities, states = dict(self.numbers), {1: self.numbers["x1"]}
        if name.startswith("x"):
            k = int(name[1])
            states = {**{m: self.states[m] for m in range(1, k)}, **(hold or {}), k: symbols}
        else:
            quantities[name] = symbols
        x, _ = self._forward(quantities, self.masks, states)
        point = {symbol: entry for symbol, entry in zip(symbols, value, strict=True)}
        if of is not None:
            return x[of].jacobian(symbols).subs(point)
        loss = (self.numbers["g5"] * x[5])[0]
        gradient = symbols.applyfunc(lambda symbol: loss.diff(symbol).subs(point))
        return gradient.T if name.startswith("x") else gradient

    def value_of(self, node):
        """Value of a symbol of the backward-pass chapter."""
        if isinstance(node, Partial):
            by = f"{node.by.name}{node.by.indices[0]}"
            if node.of == E:
                return self._differentiate(by)
            of = int(node.of.indices[0])
            held = {m: self.states[m] for m in range(1, of) if m != int(node.by.indices[0])}
            return self._differentiate(by, of=of, hold=held)
        if not getattr(node, "indices", ()):
            return Rational(node)
        k = int(node.indices[0])
        if node.name == "g":
            return self._differentiate(f"x{k}")
        if node.name == "ubar":  # y_k moves as the bias that is added to it
            return self._differentiate(f"b{k - 1}").T
        if node.name == "D":
            return Matrix.diag(*self.masks[k])
        if node.name == "J":
            return self.numbers[f"W{k}"]
        if node.name == "x":
            return self.states[k]
        if node.name == "y":
            return self.before[k]
        if node.name == "W":
            return self.numbers[f"W{k}"]
        if node.name == "gprinted":
            local = [self._local(5, 4), self._local(4, 3), self._local(3, 2)]
            through = self.numbers["g5"] * local[0] * local[1]
            if k == 2:
                return through * local[2]
            return through + self.numbers["g5"] * self._differentiate("x3", of=5)
        raise KeyError(f"no value by components for {node}")

    def _local(self, of, by):
        return self._differentiate(f"x{by}", of=of, hold={m: self.states[m] for m in range(1, of) if m != by})


def check(pairs, seeds=range(8)) -> int:
    """Both sides of equations of the four layers, exactly, at a few integer points.

    Raises
    ------
    ValueError
        With the point's seed and both values.
    """
    comparisons = 0
    for seed, (left, right) in product(seeds, pairs):
        if left.has(Application) or right.has(Application):
            raise ValueError(f"pairs: got {left} = {right}, want derivatives, no maps")
        case = ExactFourLayers.drawn(seed)
        try:
            sides = [evaluate(side, case.value_of, eye) for side in (left, right)]
        except KeyError as error:
            raise ValueError(
                f"by components: {left} = {right} names what the network does not have: {error}"
            ) from error
        sides = [side if hasattr(side, "shape") else side * eye(SIZE) if side else zeros(1, SIZE) for side in sides]
        comparisons += 1
        if sides[0] != sides[1]:
            raise ValueError(
                f"by components, seed {seed}: got {sides[1].tolist()} for {right}, want {sides[0].tolist()} for {left}"
            )
    return comparisons


class _InNumbers(BookPrinter):
    """The book's printer with the value of every symbol in its place."""

    def __init__(self, case: ExactFourLayers):
        super().__init__(SETTINGS)
        self.case = case

    def _print_Factor(self, expr, exp=None):
        return self._print(self.case.value_of(expr))


class Worked:
    """Formulas with the numbers of one network put in, a line each.

    Parameters
    ----------
    case : ExactFourLayers
    rows : sequence of sequences
        What stands on each line: a pair ``(left, right)`` is shown as ``left = right = right in numbers = value``, a
        product as ``product = product in numbers = value``, a single symbol with its value. A sum takes a second line
        with the values of its terms.

    Raises
    ------
    ValueError
        If the right side of a pair has another value than the left, which SymPy's ``diff`` gives.
    """

    def __init__(self, case: ExactFourLayers, rows):
        self.case = case
        self.lines = []
        for row in rows:
            shown = r" \qquad ".join(map(self._shown, row)).replace("=", "&=", 1)
            self.lines += shown.splitlines()

    def _shown(self, entry: Expr | tuple[Expr, Expr]) -> str:
        left, right = entry if isinstance(entry, tuple) else (entry, entry)
        value = evaluate(right, self.case.value_of, eye)
        if left != right and value != (want := self.case.value_of(left)):
            raise ValueError(f"rows: got {left} = {right} = {value.tolist()}, want {want.tolist()}")
        sides = [latex(left), latex(right), _InNumbers(self.case).doprint(right), latex(value)]
        if isinstance(right, Factor):
            del sides[2]
        if isinstance(right, Add):
            terms = (evaluate(term, self.case.value_of, eye) for term in sorted(right.args, key=term_order))
            sides.insert(3, " + ".join(map(latex, terms)))
            return " = ".join(sides[:3]) + "\n &= " + " = ".join(sides[3:])
        return " = ".join(dict.fromkeys(sides))

    def __repr__(self) -> str:
        return f"Worked: {len(self.lines)} lines"

    def _repr_latex_(self) -> str:
        return f"$$\n{aligned(self.lines)}\n$$"
