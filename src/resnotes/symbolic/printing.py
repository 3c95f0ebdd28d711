"""From expression to LaTeX: the one printer whose output the book displays.

The number 1 prints as the identity matrix ``I`` where it is added to matrices. Terms of a sum stand in the
order of the field's habit: the shortcut first, then what passes through branches, shorter paths first.
"""

from __future__ import annotations

from sympy import Abs, Add, Eq, Expr, Ge, Le, Mul, S, binomial, fraction
from sympy.printing.latex import LatexPrinter

from resnotes.symbolic.algebra import Application, Factor, Mean, OrderedSum, Partial, Scalar, Transpose, _OverIndex
from resnotes.symbolic.symbols import branch_names, heads, state_names, traces


def branches(term: Expr) -> int:
    """How many branches a term passes through (sums and products count once, after everything finite)."""
    if isinstance(term, Factor):
        return int(term.name in branch_names())
    if isinstance(term, Application):
        return int(term.function.name in branch_names())
    if isinstance(term, OrderedSum):
        return 100 + branches(term.term)
    return sum(branches(argument) for argument in term.args if isinstance(argument, Expr))


def skipped(term: Expr) -> int:
    """How many states the derivatives in a term lead past: over a shortcut more than through a branch."""
    spans = (
        node.of.indices[0] - node.by.indices[0]
        for node in term.atoms(Partial)
        if all(isinstance(state, Factor) and state.indices for state in node.args)
    )
    return max((int(span) for span in spans if span.is_Integer), default=0)


def term_order(term: Expr, number_last: bool = False):
    """Sort key of a term within a sum: fewest branches first, then over the most states, the shortest, and by text."""
    negative = term.could_extract_minus_sign()
    return (
        negative,
        branches(term),
        number_last and term.is_Number,
        not term.is_Number,
        -skipped(term),
        len(Mul.make_args(term)),
        str(term),
    )


def in_order(terms: Add, orders: dict | None = None) -> list[Expr]:
    """The terms of a sum as they are printed: as `orders` has them, which maps sums to their terms, else by `term_order`."""
    if orders and terms in orders:
        return list(orders[terms])
    index_sum = all(term.is_integer for term in terms.args)  # l + 1, but 1 + r
    return sorted(terms.args, key=lambda term: term_order(term, index_sum))


#: What the book asks of SymPy's own printer.
SETTINGS = {"fold_short_frac": False, "ln_notation": False, "inv_trig_style": "full"}


class BookPrinter(LatexPrinter):
    """SymPy's LaTeX printer, taught the ordered algebra."""

    orders = None

    def _name(self, name, indices):
        if name in traces():
            return rf"\operatorname{{tr}}({self._name(traces()[name], indices)})"
        head = heads().get(name, name)
        if not indices:
            return head
        between = ":" if name == "Lambda" else ", "
        return f"{head}_{{{between.join(self._print(k) for k in indices)}}}"

    def _print_Factor(self, expr, exp=None):
        text = self._name(expr.name, expr.indices)
        return text if exp is None else f"{text}^{{{exp}}}"

    _print_Scalar = _print_Factor

    def _print_Map(self, expr):
        return self._name(expr.name, expr.indices)

    def _print_Application(self, expr):
        inside = self._print(expr.argument)
        return f"{self._print(expr.function)}({inside})"

    def _print_Partial(self, expr):
        if isinstance(expr.of, OrderedSum):  # too tall for a numerator
            return rf"\frac{{\partial}}{{\partial {self._print(expr.by)}}} {self._print(expr.of)}"
        return rf"\frac{{\partial {self._in_product(expr.of)}}}{{\partial {self._print(expr.by)}}}"

    def _print_Differential(self, expr):
        return rf"d{self._print(expr.args[0])}"

    def _print_Transpose(self, expr):
        inner = self._print(expr.args[0])
        return rf"{inner}^{{\top}}" if isinstance(expr.args[0], Factor) else rf"\left({inner}\right)^{{\top}}"

    def _print__TransposedProduct(self, expr):
        inside = " ".join(self._in_product(f, last=False) for f in expr.args)
        return rf"\left({inside}\right)^{{\top}}"

    def _print_Norm(self, expr, exp=None):
        foot = f"_{{{expr.kind}}}" if expr.kind else ""
        text = rf"\left\lVert {self._print(expr.args[0])} \right\rVert{foot}"
        return text if exp is None else f"{text}^{{{exp}}}"

    def _print_Mean(self, expr, exp=None):
        return rf"\mathbb{{E}}\left[{self._print(expr.args[0])}\right]"

    def _print_over_index(self, sign, first, last, expr):
        body = self._print(expr.term)
        if isinstance(expr.term, Add):
            body = rf"\left({body}\right)"
        index = self._print(expr.index)
        return rf"{sign}_{{{index}={self._print(first)}}}^{{{self._print(last)}}} {body}"

    def _print_OrderedProduct(self, expr):
        first, last = (expr.low, expr.high) if expr.is_commutative else (expr.high, expr.low)
        return self._print_over_index(r"\prod", first, last, expr)

    def _print_OrderedSum(self, expr):
        return self._print_over_index(r"\sum", expr.low, expr.high, expr)

    def _print_Pow(self, expr):
        if isinstance(expr.base, _OverIndex) and expr.exp.is_Integer and expr.exp > 0:
            return rf"\left({self._print(expr.base)}\right)^{{{self._print(expr.exp)}}}"
        return super()._print_Pow(expr)

    def _print_log(self, expr, exp=None):
        if exp is None and isinstance(expr.args[0], Abs):
            return rf"\log \left|{self._print(expr.args[0].args[0])}\right|"
        return super()._print_log(expr, exp)

    def _print_polygamma(self, expr, exp=None):
        if exp is None and expr.args[0] == 0:  # digamma
            return rf"\psi\left({self._print(expr.args[1])}\right)"
        return super()._print_polygamma(expr, exp)

    def _print_Add(self, expr, order=None):
        matrices = any(not term.is_commutative for term in expr.args)
        text = ""
        for term in in_order(expr, self.orders):
            if matrices and term.is_commutative:
                part = (
                    "I"
                    if term is S.One
                    else "-I"
                    if term is S.NegativeOne
                    else rf"{self._in_product(term, last=False)} I"
                )
            else:
                part = self._print(term)
            text += part if not text else (f" - {part[1:].lstrip()}" if part.startswith("-") else f" + {part}")
        return text

    def _needs_mul_brackets(self, expr, first=False, last=False):
        return (isinstance(expr, _OverIndex) and not last) or super()._needs_mul_brackets(expr, first, last)

    def _in_product(self, factor, last=True):
        text = self._print(factor)
        if isinstance(factor, Add) or (isinstance(factor, _OverIndex) and not last):
            return rf"\left({text}\right)"
        return text

    def _print_Mul(self, expr):
        scalars, factors = expr.args_cnc()
        if not factors:
            return self._print_scalar_product(expr, scalars)
        scalar, sign = Mul(*scalars), ""
        if scalar.could_extract_minus_sign():
            scalar, sign = -scalar, "-"
        parts = [] if scalar == 1 else [self._in_product(scalar, last=False)]
        factors = _joined_transposes(factors)
        parts += [self._in_product(f, last=(k == len(factors) - 1)) for k, f in enumerate(factors)]
        return sign + " ".join(parts)

    def _print_scalar_product(self, expr, scalars):
        """Numbers, then named scalars, then the rest; fractions as SymPy sets them."""

        def below_the_line(power):  # n - k is no negative exponent
            return not power.exp.is_Add and power.exp.could_extract_minus_sign()

        plain = all(not (s.is_Rational and s.q != 1) and not (s.is_Pow and below_the_line(s)) for s in scalars)
        if not plain and any(self._opens_to_the_right(s) for s in scalars):
            sign = "- " if expr.could_extract_minus_sign() else ""
            above, below = fraction(-expr if sign else expr)
            return rf"{sign}\frac{{{self._print_in_order(Mul.make_args(above))}}}{{{self._print(below)}}}"
        if not plain or not expr.has(Factor):
            return super()._print_Mul(expr)
        sign = ""
        if expr.could_extract_minus_sign():
            sign, scalars = "-", [s for s in Mul.make_args(-expr) if s != 1]
        return sign + self._print_in_order(scalars)

    @staticmethod
    def _opens_to_the_right(scalar):
        """A trace or a mean: it stands after the other factors."""
        return isinstance(scalar, Mean) or (isinstance(scalar, Scalar) and scalar.name in traces())

    def _print_in_order(self, scalars):
        ordered = sorted(
            (s for s in scalars if s != 1),
            key=lambda s: (
                not s.is_Number,
                not s.is_Symbol,
                not isinstance(s, (_OverIndex, binomial)),
                isinstance(s, Mean),
                self._opens_to_the_right(s),
                not isinstance(s, Scalar),
                s.is_Function,
                str(s),
            ),
        )
        return " ".join(self._in_product(s, last=(k == len(ordered) - 1)) for k, s in enumerate(ordered))


class _TransposedProduct(Expr):
    """Only for printing: B^T A^T shown as (A B)^T."""

    is_commutative = False


def _is_state(factor):
    return isinstance(factor, Factor) and factor.name in state_names()


def _joined_transposes(factors):
    """Neighbouring transposes as the transpose of one product, the way one reads it.

    An outer product, a state times a row, stays the column of the row times the row of the state.
    """
    joined, run = [], []
    for factor in [*factors, None]:
        if isinstance(factor, Transpose):
            run.append(factor)
            continue
        outer = [run.pop()] if len(run) > 1 and _is_state(run[-1].args[0]) else []
        if len(run) > 1:
            joined.append(_TransposedProduct(*(transposed.args[0] for transposed in reversed(run))))
        else:
            joined += run
        joined += outer
        run = []
        if factor is not None:
            joined.append(factor)
    return joined


def latex(expression: Expr, orders: dict | None = None, printer: type[BookPrinter] = BookPrinter) -> str:
    """LaTeX of an expression of the book, without delimiters; `orders` as `in_order` takes them."""
    prints = printer(SETTINGS)
    prints.orders = orders
    return prints.doprint(expression)


#: A right-hand side longer than this (in LaTeX characters) is broken before its plus signs.
LONGEST_LINE = 110


def side(expression: Expr, of: Expr, orders: dict | None = None) -> str:
    """One side of an equation; a lone 1 that stands for a matrix prints as I."""
    return "I" if expression == 1 and of.is_commutative is False else latex(expression, orders)


def _broken(expression: Expr, text: str, orders: dict | None = None) -> list[str]:
    """A long sum, one term a line."""
    if not isinstance(expression, Add) or len(text) <= LONGEST_LINE or len(expression.args) < 3:
        return [text]
    terms = [side(term, expression, orders) for term in in_order(expression, orders)]
    return [terms[0], *(rf"\quad {term}" if term.startswith("-") else rf"\quad + {term}" for term in terms[1:])]


#: How relations print.
SIGNS = {Eq: "=", Ge: r"\ge", Le: r"\le"}


def relation(left: Expr, sign: str, right: Expr) -> str:
    """An inequality on one line."""
    return f"{side(left, right)} {sign} {side(right, left)}"


def equation(*sides: Expr, orders: dict | None = None) -> str:
    """A chain of equal expressions: on one line for two short sides, else broken at its equal signs."""
    left, *others = sides
    lines = []
    for number, other in enumerate(others):
        first, *rest = _broken(other, side(other, left, orders), orders)
        lines += [f"{side(left, others[0]) if number == 0 else ''} &= {first}", *(f"&{line}" for line in rest)]
    return aligned(lines) if len(lines) > 1 else lines[0].replace(" &= ", " = ", 1)


def system(equations) -> str:
    """Several equations, one a line, aligned at their equal signs."""
    return aligned(f"{side(left, right)} &= {side(right, left)}" for left, right in equations)


def aligned(lines) -> str:
    """Lines with ``&`` at the place to align, as one ``aligned`` block; tall lines get room between them."""
    lines = list(lines)
    end = r" \\[0.6em]" if any(tall in line for line in lines for tall in (r"\frac", r"\begin{matrix}")) else r" \\"
    return "\\begin{aligned}\n" + f"{end}\n".join(lines) + "\n\\end{aligned}"
