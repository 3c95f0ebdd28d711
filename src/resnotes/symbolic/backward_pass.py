"""Chapter 2: the backward pass of the notes' four layers, and of every residual unit."""

from __future__ import annotations

from functools import lru_cache

from sympy import Add, Expr, Integer, Symbol

from resnotes.symbolic.algebra import (
    Factor,
    L,
    Map,
    OrderedProduct,
    OrderedSum,
    Partial,
    Rule,
    Transpose,
    expanded,
    i,
    j,
    l,
    map_tree,
)
from resnotes.symbolic.calculus import Differential, Graph, coefficient, differential, weight_gradient
from resnotes.symbolic.derivation import Derivation, Induction, Step
from resnotes.symbolic.forward_pass import four_layer_graph, unit
from resnotes.symbolic.symbols import D, E, F, H, J, W, b, g, loss_gradient, matrix, x, y

#: g_k is short for the row of derivatives of the loss with respect to x_k.
k = Symbol("k", integer=True)
gradient_definition = (g(k), loss_gradient(x(k)))

POSITIVE_PART = "ReLU'(0) = 0"


def _g(state: Expr) -> Expr:
    return g(state.indices[0])


@lru_cache
def local_derivatives() -> tuple[tuple[Expr, Expr], ...]:
    """The six direct partial derivatives of the four layers, computed from the forward equations."""
    return tuple((rule.left, rule.right) for rule in reversed(four_layer_graph().rules()))


#: The chain rule on the graph: one term for each later state; where x_j does not use x_k, its direct derivative is 0.
graph_rule = (g(k), OrderedSum(g(j) * Partial(x(j), x(k)), (j, k + 1, 5)))


def direct_derivatives() -> tuple[Rule, ...]:
    """Every direct derivative of a state with respect to an earlier one, also those that are 0."""
    graph = four_layer_graph()
    return tuple(
        Rule(Partial(x(of), x(by)), graph.local(x(of), x(by))) for by in range(1, 5) for of in range(by + 1, 6)
    )


@lru_cache
def by_differentials() -> Derivation:
    """The loss when x_3 alone is nudged: the d of each later state is substituted from its own equation, until dx_3 is left."""
    graph = four_layer_graph()
    put_in = {n: Rule(Differential(x(n)), differential(graph.equations[x(n)], (x(3), x(4)))) for n in (4, 5)}
    d_loss = g(5) * Differential(x(5))
    with_x5 = map_tree(d_loss, put_in[5])
    with_x4 = map_tree(with_x5, put_in[4])
    return Derivation(
        Differential(E),
        (
            Step(d_loss, "what $g_5$ means", (Rule(Differential(E), d_loss),)),
            Step(with_x5, "$dx_5$ from above", (put_in[5],)),
            Step(with_x4, "$dx_4$ from above", (put_in[4],)),
            Step(factored(coefficient(with_x4, x(3))) * Differential(x(3)), "$dx_3$ taken out on the right"),
        ),
        name="backward-by-differentials",
        assumptions=(POSITIVE_PART,),
        rests_on=("forward-four-layers", "backward-row"),
    )


@lru_cache
def four_layer_gradient(index: int) -> Derivation:
    """g_index of the notes' network, index in 1..4: chain rule, local derivatives, what is known already."""
    graph = four_layer_graph()
    by_chain_rule = graph.pullback(x(index), _g)
    with_locals = map_tree(
        by_chain_rule, lambda node: graph.local(node.of, node.by) if isinstance(node, Partial) else None
    )
    users = graph.users(x(index))
    steps = [
        Step(by_chain_rule, "chain rule: one term for each use", _definition(index)),
        Step(with_locals, "local derivatives", tuple(graph.rules())),
    ]
    known = [four_layer_gradient(user.indices[0]) for user in users if user != x(5)]
    if index == 1:  # x_1 feeds x_2 and x_3; g_2 is g_3 times something, so g_3 comes out in front
        known_rules = (four_layer_gradient(2).steps[1].expression,)
        first = map_tree(with_locals, Rule(g(2), known_rules[0]))
        steps.append(Step(first, "substitute $g_2$", (Rule(g(2), known_rules[0]),)))
        steps.append(Step(factored(first), "$g_3 D_3$ in front"))
        steps.append(
            Step(
                map_tree(factored(first), four_layer_gradient(3).rule()),
                "substitute $g_3$",
                (four_layer_gradient(3).rule(),),
            )
        )
    elif known:
        put_in = tuple(derivation.rule() for derivation in known)
        first = map_tree(with_locals, lambda node: next((r(node) for r in put_in if r(node) is not None), None))
        names = ", ".join(f"$g_{user.indices[0]}$" for user in users if user != x(5))
        steps.append(Step(first, f"substitute {names}", put_in))
        if first.is_Add:
            steps.append(Step(factored(first), "common factors in front"))
    return Derivation(
        g(index),
        tuple(steps),
        name=f"backward-g{index}",
        assumptions=(POSITIVE_PART,),
        rests_on=("forward-four-layers", "backward-local", *(d.name for d in known)),
    )


def _definition(index: int) -> tuple[Rule, ...]:
    """g_index as the elimination of differentials gives it: an algorithm other than the chain rule on the graph."""
    graph = four_layer_graph()
    return (
        Rule(g(index), graph.eliminate(x(index), x(5), g(5))),
        *graph.rules(),
        *(Rule(g(other), graph.eliminate(x(other), x(5), g(5))) for other in range(index + 1, 5)),
    )


def factored(expression: Expr) -> Expr:
    """A sum of ordered products with the factors that all terms start with in front."""
    terms = [list(term.args_cnc()[1]) for term in Add.make_args(expanded(expression))]
    front = []
    while all(terms) and len({term[0] for term in terms}) == 1:
        front.append(terms[0][0])
        terms = [term[1:] for term in terms]
    rest = Add(*(_product(term) for term in terms))
    return _product([*front, rest])


def _product(factors) -> Expr:
    total = 1
    for factor in factors:
        total = total * factor
    return total


@lru_cache
def four_paths() -> Derivation:
    """g_1 as the sum of its four paths, found by walking the graph and, beside it, by multiplying out."""
    closed = four_layer_gradient(1)
    walked = Add(*(g(5) * path for path in four_layer_graph().paths(x(1), x(5))))
    return Derivation(
        g(1),
        (Step(closed.result, "the closed form", (closed.rule(),)), Step(walked, "one term for each path")),
        name="backward-four-paths",
        assumptions=(POSITIVE_PART,),
        rests_on=("backward-g1",),
    )


@lru_cache
def double_count() -> Derivation:
    """What is too much when the branch is counted once by itself and once inside the total derivative."""
    total = factored(four_layer_gradient(3).result)  # g_5 (total derivative of x_5 with respect to x_3)
    once_more = g(5) * D(5) * J(4) * D(4) * J(3)
    return Derivation(
        Factor("gprinted", 3) - g(3),
        (
            Step(
                once_more + total - g(3),
                "path through $F_4$, plus the total derivative",
                (Rule(Factor("gprinted", 3), once_more + total),),
            ),
            Step(once_more, "the total derivative is $g_3$ already", (four_layer_gradient(3).rule(),)),
        ),
        name="backward-double-count",
        rests_on=("backward-g3",),
    )


@lru_cache
def lost_skip() -> Derivation:
    """What is missing from g_2 when only the path through every layer is taken."""
    one_path = g(5) * D(5) * J(4) * D(4) * J(3) * D(3) * J(2)
    return Derivation(
        g(2) - Factor("gprinted", 2),
        (
            Step(g(2) - one_path, "the chain through all layers", (Rule(Factor("gprinted", 2), one_path),)),
            Step(
                g(5) * D(5) * D(3) * J(2),
                "the other path takes the skip from $x_3$ to $x_5$",
                (four_layer_gradient(2).rule(),),
            ),
        ),
        name="backward-lost-skip",
        rests_on=("backward-g2",),
    )


# Every residual unit.


@lru_cache
def unit_gradient() -> Derivation:
    """One unit: g_l = g_{l+1} D_l (H_l + J_l)."""
    graph = Graph({y(l): unit[0][1], x(l + 1): unit[1][1]})
    local_rules = tuple(graph.rules())
    by_chain_rule = g(l + 1) * Partial(x(l + 1), y(l)) * Partial(y(l), x(l))
    return Derivation(
        g(l),
        (
            Step(
                by_chain_rule,
                "chain rule through $y_l$",
                (Rule(g(l), graph.eliminate(x(l), x(l + 1), g(l + 1))), *local_rules),
            ),
            Step(
                map_tree(by_chain_rule, lambda n: graph.local(n.of, n.by) if isinstance(n, Partial) else None),
                "local derivatives",
                local_rules,
            ),
        ),
        name="backward-unit",
        rests_on=("forward-unit", "backward-row"),
        cases=({},),
    )


def unit_rule() -> Rule:
    """The recurrence as a rule for l <= i <= L - 1."""
    return Rule(g(i), g(i + 1) * D(i) * (H(i) + J(i)), index=i, low=l, high=L - 1)


def jacobian_product(low=l, high=L - 1) -> Expr:
    """The product of D_i (H_i + J_i) from the loss down."""
    return OrderedProduct(D(i) * (H(i) + J(i)), (i, low, high))


@lru_cache
def all_units() -> Induction:
    """Every depth: g_l = g_L prod D_i (H_i + J_i)."""
    return Induction(
        g(l),
        g(L) * jacobian_product(),
        unit_gradient().result,
        variable=l,
        base=L,
        downwards=True,
        name="backward-product",
        rests_on=("backward-unit",),
    )


@lru_cache
def all_units_expanded() -> Derivation:
    """The same statement, checked by writing it out for all 0 <= l < L <= 6."""
    return Derivation(
        g(l),
        (Step(g(L) * jacobian_product(), "unit after unit", (unit_rule(),)),),
        name="backward-product-expanded",
        rests_on=("backward-unit",),
    )


# Parameters of the four layers.


@lru_cache
def parameter_gradients() -> tuple[tuple[Expr, Expr], ...]:
    """d loss / d W_k and d b_k, k = 4..1, from dE = g_{k+1} D_{k+1} (dW_k x_k + db_k)."""
    pairs = []
    for index in (4, 3, 2, 1):
        total = _loss_moved_by(index, Differential(W(index)) * x(index) + Differential(b(index)))
        pairs.append((loss_gradient(W(index)), weight_gradient(total, W(index))))
        pairs.append((loss_gradient(b(index)), weight_gradient(total, b(index))))
    return tuple(pairs)


def _loss_moved_by(index: int, moved: Expr) -> Expr:
    """d loss when the output of layer ``index`` moves by ``moved`` while its input x_index is held fixed."""
    equation = four_layer_graph().equations[x(index + 1)]
    output = Factor("z", index)
    d_sum = differential(equation.argument.xreplace({F(index)(x(index)): output}), [output])
    return g(index + 1) * equation.function.jacobian * map_tree(d_sum, Rule(Differential(output), moved))


@lru_cache
def weight_nudge() -> Derivation:
    """The loss when W_4 alone is nudged."""
    d_loss, d_sum = g(5) * Differential(x(5)), D(5) * Differential(y(5))
    d_weight = Differential(W(4)) * x(4)
    return Derivation(
        Differential(E),
        (
            Step(d_loss, "what $g_5$ means", (Rule(Differential(E), d_loss),)),
            Step(g(5) * d_sum, "the ReLU after $y_5$", (Rule(Differential(x(5)), d_sum),)),
            Step(
                _loss_moved_by(4, d_weight),
                "in $y_5 = x_3 + W_4x_4 + b_4$ only $W_4$ moves",
                (Rule(Differential(y(5)), d_weight),),
            ),
        ),
        name="backward-weight-nudge",
        assumptions=(POSITIVE_PART,),
        rests_on=("forward-affine", "forward-four-layers", "backward-row"),
    )


# The same by hand, in numbers.


def forward_by_hand() -> list[list[Expr | tuple[Expr, Expr]]]:
    """For each layer the sum that goes into its ReLU, biases left out, then the state and the Jacobian to be shown."""
    rows = []
    for state, equation in four_layer_graph().equations.items():
        number = state.indices[0]
        without_bias = Rule(F(number - 1)(x(number - 1)), W(number - 1) * x(number - 1))
        rows.append([(y(number), map_tree(equation.argument, without_bias)), state, D(number)])
    return rows


def at_sum(number: int) -> Expr:
    """The gradient at y_number, the sum that goes into the ReLU of x_number."""
    return Factor("ubar", number)


def backward_by_hand() -> list[list[tuple[Expr, Expr]]]:
    """From g_5 down: each gradient through its ReLU, then the next one from those that are known by then."""
    lines = []
    for number in (5, 4, 3, 2):
        before = four_layer_gradient(number - 1).steps[1].expression
        products = {g(k) * D(k): at_sum(k) for k in range(2, 6)}
        lines.append([(at_sum(number), g(number) * D(number))])
        lines.append([(g(number - 1), Add(*(_at_sums(term, products) for term in Add.make_args(before))))])
    return lines


def _at_sums(term: Expr, products: dict[Expr, Expr]) -> Expr:
    """A term g_k D_k ... with the gradient at y_k for its first two factors."""
    first, second, *rest = term.args_cnc()[1]
    return _product([products[first * second], *rest])


def parameters_by_hand(number: int) -> list[list[tuple[Expr, Expr]]]:
    """The gradients of one weight matrix and of its bias."""
    arrived = Transpose(at_sum(number + 1))
    return [[(loss_gradient(W(number)), arrived * Transpose(x(number)))], [(loss_gradient(b(number)), arrived)]]


# A block of K layers: a_0 = x_l, a_k = ReLU(F_k(a_{k-1})), y = a_0 + F_K(a_{K-1}).

K = Symbol("K", integer=True, positive=True)
upstream = Factor("ubar")

a = matrix("a")


def block_graph(depth: int) -> Graph:
    """A block of ``depth`` layers around which the identity skips."""
    equations = {a(m): Map("ReLU", D(m))(F(m)(a(m - 1))) for m in range(1, depth)}
    equations[y(0)] = a(0) + F(depth)(a(depth - 1))
    return Graph(equations)


def inside_product(first, last) -> Expr:
    """D_m J_m for m from last down to first."""
    return OrderedProduct(D(j) * J(j), (j, first, last))


block_inside = (loss_gradient(a(k)), upstream * J(K) * inside_product(k + 1, K - 1))
block_input = (loss_gradient(a(0)), upstream * (1 + J(K) * inside_product(1, K - 1)))


@lru_cache
def inside_block() -> Derivation:
    """The gradient at a_k, 1 <= k < K: each state inside is used once, by the next layer."""
    depth = 6  # the layers of the block that the lines are compared in
    used_once = (
        *(Rule(loss_gradient(a(m)), loss_gradient(a(m + 1)) * D(m + 1) * J(m + 1)) for m in range(1, depth - 1)),
        Rule(loss_gradient(a(depth - 1)), upstream * J(depth)),
    )
    once = loss_gradient(a(k + 1)) * D(k + 1) * J(k + 1)
    return Derivation(
        loss_gradient(a(k)),
        (
            Step(once, "one use, by layer $k + 1$", used_once),
            Step(
                loss_gradient(a(k + 2)) * D(k + 2) * J(k + 2) * D(k + 1) * J(k + 1),
                "the same at $a_{k+1}$",
                used_once,
            ),
            Step(loss_gradient(a(K - 1)) * inside_product(k + 1, K - 1), "and so on, up to $a_{K-1}$", used_once),
            Step(block_inside[1], "one use of $a_{K-1}$, by layer $K$, and no ReLU before the addition", used_once),
        ),
        name="backward-block-inside",
        assumptions=(POSITIVE_PART,),
        rests_on=("backward-graph",),
        cases=tuple({K: Integer(depth), k: Integer(at)} for at in range(1, depth - 2)),
    )


@lru_cache
def at_block_input() -> Derivation:
    """The gradient at a_0, which is used twice: by layer 1, and by the skip into the sum y_l."""
    first = Rule(loss_gradient(a(1)), block_inside[1].subs(k, 1))
    through = loss_gradient(a(1)) * D(1) * J(1)
    return Derivation(
        loss_gradient(a(0)),
        (
            Step(
                upstream + through, "two uses: the skip, and layer 1", (Rule(loss_gradient(a(0)), upstream + through),)
            ),
            Step(map_tree(upstream + through, first), "substitute the gradient at $a_1$", (first,)),
            Step(block_input[1], r"$\bar g$ in front; $D_1J_1$ is the factor $j = 1$"),
        ),
        name="backward-block-input",
        rests_on=("backward-block-inside",),
        cases=tuple({K: Integer(depth)} for depth in range(2, 7)),
    )


def block_cases(largest: int = 6):
    """(depth, position, gradient by the chain rule on the graph) for every position in every small block."""
    for depth in range(1, largest + 1):
        graph = block_graph(depth)
        for position in range(depth):
            yield depth, position, graph.gradient(a(position), y(0), upstream)


# What a shortcut changes, and what it cannot change.

theta = Factor("theta", l)
own_block = (loss_gradient(theta), g(l + 1) * D(l) * Partial(F(l)(x(l)), theta))


def own_block_by_differentials() -> Expr:
    """d loss / d theta_l: only F_l(x_l) moves with theta_l, the shortcut does not."""
    branch = Factor("z", l)
    dy = differential(unit[0][1].xreplace({F(l)(x(l)): branch}), [branch])
    moved = Partial(F(l)(x(l)), theta) * Differential(theta)
    d_loss = g(l + 1) * D(l) * map_tree(dy, lambda node: moved if node == Differential(branch) else None)
    return coefficient(d_loss, theta)


@lru_cache
def stopped() -> Derivation:
    """Stop the gradient on the shortcut: g_l loses g_{l+1} D_l H_l, and keeps what came through the branch."""
    return Derivation(
        g(l) - Factor("gstop", l),
        (
            Step(
                g(l + 1) * D(l) * (H(l) + J(l)) - g(l + 1) * D(l) * J(l),
                "with and without what flows back over the shortcut",
                (unit_gradient().rule(), Rule(Factor("gstop", l), g(l + 1) * D(l) * J(l))),
            ),
            Step(g(l + 1) * D(l) * H(l), "the branch cancels"),
        ),
        name="backward-stop",
        rests_on=("backward-unit",),
        cases=({},),
    )


def eliminated(index: int) -> Expr:
    """g_index by elimination of differentials, for cross-checks."""
    return four_layer_graph().eliminate(x(index), x(5), g(5))
