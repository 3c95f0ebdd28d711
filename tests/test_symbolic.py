"""The symbolic half: ordered algebra, derivations, inductions; and that it fails when a line is damaged."""

import dataclasses
import subprocess
import sys

import pytest
from sympy import Eq, Integer, Mul, S, Symbol, expand

from resnotes.symbolic import (
    Derivation,
    DerivationError,
    Induction,
    Step,
    algebra,
    backward_pass,
    components,
    forward_pass,
    lambda_scaling,
    merge_point,
    unrolled_sum,
)
from resnotes.symbolic.algebra import (
    Factor,
    L,
    OrderedProduct,
    OrderedSum,
    Rule,
    Scalar,
    Transpose,
    canonical,
    count_terms,
    evaluate,
    expanded,
    i,
    j,
    l,
    normal,
    peel,
    rewrite,
    unroll,
)
from resnotes.symbolic.calculus import Graph, differential
from resnotes.symbolic.symbols import D, F, H, J, W, g, lam, x

DERIVATIONS = [
    *forward_pass.as_units(),
    forward_pass.softmax_derivation(),
    forward_pass.loss_gradient(),
    *(backward_pass.four_layer_gradient(k) for k in (1, 2, 3, 4)),
    backward_pass.by_differentials(),
    backward_pass.weight_nudge(),
    backward_pass.four_paths(),
    backward_pass.double_count(),
    backward_pass.lost_skip(),
    backward_pass.unit_gradient(),
    backward_pass.all_units_expanded(),
    backward_pass.inside_block(),
    backward_pass.at_block_input(),
    backward_pass.stopped(),
    merge_point.fan_out(),
    merge_point.as_asked(),
    merge_point.constant(),
    lambda_scaling.forward_hat(),
    lambda_scaling.unit_gradient(),
    lambda_scaling.two_term_derivation(),
    lambda_scaling.scalar_derivation(),
    unrolled_sum.two_terms_expanded(),
    unrolled_sum.wrong_lower_limit(),
]
INDUCTIONS = [
    backward_pass.all_units(),
    merge_point.distance_induction(),
    lambda_scaling.forward(),
    lambda_scaling.jacobian(),
    lambda_scaling.two_term_induction(),
    unrolled_sum.forward(),
    unrolled_sum.two_terms(),
]


def name_of(item):
    return item.name


@pytest.mark.parametrize("derivation", DERIVATIONS, ids=name_of)
def test_every_line_follows_from_the_one_before(derivation):
    assert derivation.check() >= len(derivation.steps)


@pytest.mark.parametrize("derivation", DERIVATIONS, ids=name_of)
def test_a_damaged_last_line_is_named(derivation):
    last = derivation.steps[-1]
    damaged = dataclasses.replace(last, expression=2 * last.expression)
    broken = dataclasses.replace(derivation, steps=(*derivation.steps[:-1], damaged))
    with pytest.raises(DerivationError, match=f"line {len(derivation.steps)}"):
        broken.check()


@pytest.mark.parametrize("induction", INDUCTIONS, ids=name_of)
def test_inductions_hold(induction):
    assert induction.check() == 2


def test_an_empty_product_of_matrices_prints_as_the_identity():
    assert r"I &= \prod_{i=-1}^{0} J_{i}" in merge_point.distance_induction().latex()


@pytest.mark.parametrize("induction", INDUCTIONS, ids=name_of)
def test_a_claim_that_is_off_by_a_factor_has_no_base_case(induction):
    with pytest.raises(DerivationError, match="base case"):
        dataclasses.replace(induction, right=2 * induction.right).check()


def test_a_claim_with_its_limit_off_by_one_fails_its_step():
    claim = g(L) * OrderedProduct(D(i) * (H(i) + J(i)), (i, l + 1, L))
    with pytest.raises(DerivationError, match="base case|induction step"):
        dataclasses.replace(backward_pass.all_units(), right=claim).check()


def test_a_claim_with_swapped_factors_fails_its_step():
    claim = g(L) * OrderedProduct((H(i) + J(i)) * D(i), (i, l, L - 1))
    with pytest.raises(DerivationError, match="induction step"):
        dataclasses.replace(backward_pass.all_units(), right=claim).check()


def test_the_notes_upper_limit_fails():
    claim = x(l) + OrderedSum(F(i)(x(i)), (i, l, L))
    with pytest.raises(DerivationError):
        dataclasses.replace(unrolled_sum.forward(), right=claim).check()


def test_products_run_from_the_loss_down_and_may_be_empty():
    product = OrderedProduct(J(i), (i, 1, 3))
    assert product.unrolled() == J(3) * J(2) * J(1)
    assert OrderedProduct(J(i), (i, 4, 3)).unrolled() == 1
    assert OrderedSum(J(i), (i, 4, 3)).unrolled() == 0
    with pytest.raises(ValueError, match="empty range"):
        OrderedProduct(J(i), (i, 5, 3)).unrolled()
    with pytest.raises(ValueError, match="integers"):
        OrderedProduct(J(i), (i, l, 3)).unrolled()


def test_a_bound_index_is_nobody_elses():
    total = OrderedSum(J(i), (i, 0, i))
    assert total.subs(i, Integer(2)) == OrderedSum(J(i), (i, 0, 2))
    assert total.free_symbols == {i}
    assert canonical(OrderedSum(J(i), (i, 0, L))) == canonical(OrderedSum(J(j), (j, 0, L)))


def test_peeling_both_ends():
    product = OrderedProduct(J(i), (i, l, L - 1))
    assert peel(product, l, "low") == OrderedProduct(J(i), (i, l + 1, L - 1)) * J(l)
    assert peel(product, L - 1, "high") == J(L - 1) * OrderedProduct(J(i), (i, l, L - 2))
    assert peel(OrderedProduct(J(i), (i, l, l - 1)), l, "low") == 1


def test_normal_pulls_constants_out_of_a_sum_on_their_own_side():
    assert normal(OrderedSum(g(L) * J(i) * J(l), (i, 0, 3))) == expand(
        canonical(g(L) * OrderedSum(J(i), (i, 0, 3)) * J(l))
    )


def test_expansion_is_refused_beyond_sixteen_factors():
    long = unroll(OrderedProduct(1 + J(i), (i, 0, 16)))
    assert count_terms(long) == 2**17
    with pytest.raises(ValueError, match=r"2\^16"):
        expanded(long)
    assert len(expanded(unroll(OrderedProduct(1 + J(i), (i, 0, 9)))).args) == 2**10


def test_transposes_reverse_products():
    assert Transpose(J(2) * J(1)) == Transpose(J(1)) * Transpose(J(2))
    assert Transpose(Transpose(J(1))) == J(1)
    assert Transpose(3 * J(1) + 2) == 3 * Transpose(J(1)) + 2


def test_rules_match_an_index_within_its_range_only():
    rule = Rule(x(i + 1), x(i) + F(i)(x(i)), index=i, low=S.One, high=S(2))
    assert rewrite(x(3), [rule]) == x(1) + F(1)(x(1)) + F(2)(x(2))
    assert rewrite(x(4), [rule]) == x(4)
    with pytest.raises(ValueError, match="1000 rounds"):
        rewrite(J(1), [Rule(J(1), J(1) + 1)])


def test_the_three_roads_to_a_gradient_meet():
    graph = forward_pass.four_layer_graph()
    for k in (1, 2, 3, 4):
        pulled = graph.gradient(x(k), x(5), g(5))
        eliminated = graph.eliminate(x(k), x(5), g(5))
        walked = sum((g(5) * path for path in graph.paths(x(k), x(5))), S.Zero)
        assert expand(pulled - eliminated) == 0 == expand(pulled - walked)


def test_differentials_keep_the_order_of_factors():
    weight, state = W(1), x(1)
    both = differential(weight * state, [weight, state])
    from resnotes.symbolic.calculus import Differential

    assert both == weight * Differential(state) + Differential(weight) * state


def test_graph_without_a_way_gives_no_gradient():
    graph = Graph({x(2): F(1)(x(1)), x(4): F(3)(x(3))})
    assert graph.gradient(x(1), x(4), g(4)) == 0


WHOLE = ([[[1, 0], [1, 1]], [[1, -1], [-1, 1]], [[1, 2], [-1, 1]], [[-2, 1], [1, 1]]], [[0, 0]] * 4, [2, -1], [1, 1])


def test_a_backward_pass_by_hand_shows_its_numbers():
    case = components.ExactFourLayers(*WHOLE)
    g4, g3 = backward_pass.backward_by_hand()[1:4:2]
    row = r"\left[\begin{matrix}%d & %d\end{matrix}\right]"
    shown = components.Worked(case, [g3])._repr_latex_()
    assert shown.index(r"\bar g_{5} + \bar g_{4} J_{3}") < shown.index(
        f"{row % (0, 1)} + {row % (1, 2)} = {row % (1, 3)}"
    )
    assert "D_{5} &= " in components.Worked(case, [[D(5)]])._repr_latex_()
    with pytest.raises(ValueError, match=r"rows: got g_3 = .* = \[\[1, 1\]\], want \[\[1, 3\]\]"):
        components.Worked(case, [[(g(3), g4[0][1])]])
    assert r"\left[\begin{matrix}2 & -1\\-2 & 1\end{matrix}\right]" in (
        components.Worked(case, backward_pass.parameters_by_hand(1))._repr_latex_()
    )


def test_no_numbers_at_a_kink():
    with pytest.raises(ValueError, match="want none of them 0"):
        components.ExactFourLayers(*WHOLE[:2], [0, 0], [1, 1])


def test_lines_of_a_derivation_keep_the_order_of_their_terms():
    for index in (3, 1):
        by_rule, with_locals, *_ = (line[1] for line in backward_pass.four_layer_gradient(index).lines())
        first = [term.split()[0] for term in by_rule.split(" + ")]
        assert first == [term.split()[0] for term in with_locals.split(" + ")] and len(first) == 2


def test_by_components_agrees_and_catches():
    right = backward_pass.four_layer_gradient(1).result
    assert components.check([(g(1), right)]) == 8
    for wrong in (
        g(5) * D(5) * (1 + J(4) * D(4) * J(3)) * (1 + J(2) * D(2) * J(1)),  # a mask lost
        g(5) * D(5) * (1 + J(3) * D(4) * J(4)) * D(3) * (1 + J(2) * D(2) * J(1)),  # factors swapped
        g(5) * D(5) * (J(4) * D(4) * J(3)) * D(3) * (1 + J(2) * D(2) * J(1)),
    ):  # a skip lost
        with pytest.raises(ValueError, match="by components"):
            components.check([(g(1), wrong)])


def test_evaluate_multiplies_the_identity_where_a_number_is_added():
    import numpy as np

    matrix = np.array([[0.0, 1.0], [2.0, 3.0]])
    value = evaluate(2 + J(1), lambda node: matrix if isinstance(node, Factor) else float(node), np.eye)
    assert np.array_equal(value, matrix + 2 * np.eye(2))


def test_component_gradients_catch_a_wrong_one():
    with pytest.raises(ValueError, match="want"):
        forward_pass.check_component_gradient(forward_pass.cross_entropy[1], forward_pass.squared_gradient)


def test_by_length_catches_a_lost_path():
    left, right = unrolled_sum.by_length_step
    with pytest.raises(ValueError, match="differ"):
        unrolled_sum.check_by_length([(left, right.args[0])], largest=2)


def test_a_step_shows_its_rule_and_the_error_names_line_and_both_sides():
    wrong = Derivation(g(1), (Step(g(2) * J(1), "chain rule", (Rule(g(1), g(2) * J(1)),)), Step(g(2), "wishful")))
    with pytest.raises(DerivationError, match=r"line 2 \(wishful\).*g_2.*g_2\*J_1"):
        wrong.check()
    assert r"\text{chain rule}" in wrong.latex()
    assert wrong._repr_latex_().startswith("$$")


def test_growth_with_depth_is_not_exponential_without_expanding():
    deep = Derivation(
        g(0),
        (
            Step(
                unroll(g(64) * OrderedProduct(1 + J(i), (i, 0, 63))),
                "units",
            ),
        ),
    )
    assert len(Mul.make_args(deep.result)) == 65


def test_symbolic_half_imports_no_numpy_half():
    code = (
        "import sys, resnotes.symbolic, resnotes.symbolic.backward_pass, resnotes.symbolic.merge_point, "
        "resnotes.symbolic.lambda_scaling, resnotes.symbolic.unrolled_sum, resnotes.symbolic.components;"
        "bad = [m for m in sys.modules if m.startswith('resnotes.book')]; print(bad)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_no_import_statement_crosses_the_halves():
    import ast
    from pathlib import Path

    import resnotes

    root = Path(resnotes.__file__).parent
    numeric = {"shortcuts", "losses", "magnitudes", "network", "paths", "four_layer", "_validate"}
    for path in root.glob("symbolic/*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert not (set((node.module or "").split(".")) & numeric), path
                assert not (node.level == 2), f"{path} reaches out of symbolic/"
            if isinstance(node, ast.Import):
                assert not any(alias.name.startswith(("resnotes", "numpy")) for alias in node.names), path
    for name in numeric:
        for node in ast.walk(ast.parse((root / f"{name}.py").read_text())):
            if isinstance(node, ast.ImportFrom):
                assert "symbolic" not in (node.module or "") and all(a.name != "symbolic" for a in node.names), name


def test_lambda_and_scalars_commute_and_factors_do_not():
    assert lam(1) * J(1) == J(1) * lam(1)
    assert J(1) * J(2) != J(2) * J(1)
    assert Scalar("w", 1).is_commutative and not Factor("w", 1).is_commutative
    assert Eq(Symbol("a"), Symbol("a")) == True  # noqa: E712
    assert isinstance(backward_pass.all_units(), Induction)


@pytest.mark.parametrize("multiply_out", [algebra.expanded, algebra.normal])
def test_a_product_that_grows_as_the_number_of_paths_is_refused(multiply_out):
    """Sixteen units have 65536 paths; a seventeenth would double them."""
    product = backward_pass.jacobian_product()
    with pytest.raises(ValueError, match=r"expression: got one that expands to 131072 terms, want at most 2\^16"):
        multiply_out(algebra.unroll(product, {algebra.l: 0, algebra.L: 17}))
    small = multiply_out(algebra.unroll(product, {algebra.l: 0, algebra.L: 6}))
    assert len(small.args) == 2**6
    # Not multiplied out, the same product has one factor more a unit, at any depth.
    assert len(algebra.unroll(product, {algebra.l: 0, algebra.L: 64}).args) == 2 * 64
