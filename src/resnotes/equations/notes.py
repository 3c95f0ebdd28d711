"""The equations of chapters 1 to 6."""

from __future__ import annotations

from functools import partial

from sympy import Expr, Integer, S, lambdify, oo

from resnotes import verify
from resnotes.equations.entry import Equation, chain, derived, eq, together
from resnotes.symbolic import (
    at_least,
    backward_pass,
    components,
    forward_pass,
    lambda_scaling,
    merge_point,
    unrolled_sum,
)
from resnotes.symbolic.algebra import Factor, L, OrderedSum, Partial, Rule, Scalar, i, l
from resnotes.symbolic.derivation import DEEPEST, compare
from resnotes.symbolic.quantities import E, F, H, J, g, loss_gradient, x
from resnotes.verify import CheckError

# Index values for the symbolic checks.

DEPTHS = tuple({l: Integer(low), L: Integer(high)} for high in range(1, DEEPEST + 1) for low in range(high))
BLOCKS = tuple(
    {backward_pass.K: Integer(depth), backward_pass.k: Integer(inside)}
    for depth in range(2, 7)
    for inside in range(1, depth)
)

FORWARD, BACKWARD, MERGE = "01_forward_pass", "02_backward_pass", "03_merge_point"
SCALING, UNROLLED, AT_LEAST = "04_lambda_scaling", "05_unrolled_sum", "06_at_least"

_any_units = verify.Units
_scaled = partial(verify.Units, shortcuts="scale", after=False)
_identity = partial(verify.Units, shortcuts="identity", after=False)
_apart = partial(verify.Merge, source="apart")
_square = partial(verify.Merge, square=True)
_projected = partial(verify.Merge, source="projected")


CHAIN = ("|J_i|_2 <= c / L for every unit", "c < L")


def _one(kind: str):
    return partial(verify.OneUnit, kind=kind)


def _four_layer_rules() -> tuple[Rule, ...]:
    """Ground truth of the four layers: each gradient by elimination of differentials."""
    graph = forward_pass.four_layer_graph()
    return (*(Rule(g(k), backward_pass.eliminated(k)) for k in (1, 2, 3, 4)), *graph.rules())


def _by_components(pairs) -> int:
    return components.check(pairs)


def _block_check(pairs) -> int:
    """Both block statements against the chain rule on the graph, for every position in blocks of up to 6."""
    comparisons = 0
    for depth, position, truth in backward_pass.block_cases():
        for left, right in pairs:
            at_input = left == loss_gradient(backward_pass.a(0))
            if at_input != (position == 0):
                continue
            values = {backward_pass.K: Integer(depth), backward_pass.k: Integer(position)}
            difference = compare(right, truth, (), values)
            comparisons += 1
            if difference != 0:
                raise ValueError(f"K = {depth}, position {position}: got {right}, want {truth}")
    return comparisons


def _component_check(loss, by_logits=False):
    return lambda pairs: sum(forward_pass.check_component_gradient(loss, right, by_logits) for _, right in pairs)


def _softmax_jacobian_check(pairs) -> int:
    return sum(forward_pass.check_softmax_jacobian(right) for _, right in pairs)


def _by_enumeration(pairs) -> int:
    return unrolled_sum.check_by_length(pairs)


def _unit_graph_rules() -> tuple[Rule, ...]:
    return (Rule(g(l), g(l + 1) * Factor("D", l) * (H(l) + J(l))),)


def _merge_rules(source: Expr = merge_point.u) -> tuple[Rule, ...]:
    graph = merge_point.asked_graph(source)
    return (
        *graph.rules(),
        *(
            Rule(loss_gradient(s), graph.eliminate(s, merge_point.y, merge_point.g))
            for s in (merge_point.u, merge_point.x)
        ),
        Rule(Factor("gstop", merge_point.u), merge_point.g * J_W),
        Rule(Factor("Winv"), merge_point.W**-1),
    )


J_W = merge_point.J * merge_point.W
_projected_by_components = partial(merge_point.check_by_components, projected=True)


def build() -> list[Equation]:
    k = forward_pass.k
    four = partial(
        Equation,
        chapter=BACKWARD,
        world=verify.FourLayers,
        rules=_four_layer_rules(),
        method="symbolic",
        exact=_by_components,
        assumptions=(backward_pass.POSITIVE_PART,),
    )
    definition = partial(Equation, method="definition")
    derivation = backward_pass.four_layer_gradient
    g3, g2, g1 = derivation(3), derivation(2), derivation(1)
    component = partial(Equation, chapter=FORWARD, world=verify.Components, method="symbolic")
    lower_limit = unrolled_sum.wrong_lower_limit()
    bound = partial(Equation, chapter=AT_LEAST, method="numeric")
    entries = [
        # 1. Forward pass
        definition("forward-affine", FORWARD, eq(*forward_pass.affine), world=verify.FourLayers),
        definition("forward-four-layers", FORWARD, together(forward_pass.four_layers), world=verify.FourLayers),
        definition("forward-unit", FORWARD, together(forward_pass.unit), world=_any_units),
        Equation(
            "forward-as-units",
            FORWARD,
            together((d.quantity, d.result) for d in forward_pass.as_units()),
            "symbolic",
            world=verify.FourLayers,
            proofs=forward_pass.as_units(),
            rests_on=("forward-four-layers",),
        ),
        definition("forward-softmax", FORWARD, eq(*forward_pass.softmax_definition), world=verify.Components),
        definition(
            "forward-loss",
            FORWARD,
            eq(*forward_pass.cross_entropy),
            world=verify.Components,
            rests_on=("forward-softmax",),
        ),
        component(
            "forward-loss-gradient",
            expression=eq(Partial(E, forward_pass.output(k)), forward_pass.cross_entropy_gradient),
            exact=_component_check(forward_pass.cross_entropy[1]),
            rests_on=("forward-loss", "forward-softmax"),
            proofs=(forward_pass.loss_by_logarithms(), forward_pass.loss_gradient()),
            assumptions=("p need not sum to 1",),
        ),
        definition("forward-literal", FORWARD, eq(*forward_pass.literal), world=verify.Components),
        component(
            "forward-literal-gradient",
            expression=eq(Partial(Scalar("Eliteral"), forward_pass.output(k)), forward_pass.literal_gradient),
            exact=_component_check(forward_pass.literal[1]),
            rests_on=("forward-literal",),
            proofs=(forward_pass.literal_derivation(),),
            assumptions=("every component of x_5 positive",),
        ),
        definition("forward-squared", FORWARD, eq(*forward_pass.squared), world=verify.Components),
        component(
            "forward-squared-gradient",
            expression=eq(Partial(Scalar("Esquared"), forward_pass.output(k)), forward_pass.squared_gradient),
            exact=_component_check(forward_pass.squared[1]),
            rests_on=("forward-squared",),
            proofs=(forward_pass.squared_derivation(),),
        ),
        definition("forward-logits", FORWARD, eq(*forward_pass.output_of_logits), world=verify.Logits),
        component(
            "forward-softmax-jacobian",
            expression=eq(*forward_pass.output_by_logits),
            world=verify.Logits,
            exact=_softmax_jacobian_check,
            rests_on=("forward-logits",),
        ),
        component(
            "forward-logits-gradient",
            expression=eq(Partial(Scalar("Eliteral"), forward_pass.logit(k)), forward_pass.logits_gradient),
            world=verify.Logits,
            exact=_component_check(forward_pass.literal[1], by_logits=True),
            proofs=(forward_pass.logits_derivation(),),
            rests_on=("forward-literal", "forward-logits", "forward-softmax-jacobian"),
            assumptions=("x_5 = softmax(z)", "p need not sum to 1"),
        ),
        # 2. Backward pass
        definition("backward-row", BACKWARD, eq(*backward_pass.gradient_definition), world=verify.FourLayers),
        four(
            "backward-local", expression=together(backward_pass.local_derivatives()), rests_on=("forward-four-layers",)
        ),
        four(
            "backward-g4",
            expression=eq(g(4), derivation(4).result),
            proofs=(derivation(4),),
            rests_on=("backward-local", "backward-row"),
        ),
        four("backward-g3", expression=eq(g(3), g3.result), proofs=(g3,), rests_on=("backward-g4", "backward-local")),
        four(
            "backward-g2",
            expression=chain(g(2), g2.steps[1].expression, g2.result),
            proofs=(g2,),
            rests_on=("backward-g3", "backward-local"),
        ),
        four(
            "backward-g1",
            expression=chain(g(1), g1.steps[3].expression, g1.result),
            proofs=(g1,),
            rests_on=("backward-g2", "backward-g3", "backward-local"),
        ),
        four(
            "backward-four-paths",
            expression=eq(g(1), backward_pass.four_paths().result),
            proofs=(backward_pass.four_paths(),),
            rests_on=("backward-g1",),
        ),
        four(
            "backward-double-count",
            expression=derived(backward_pass.double_count()),
            proofs=(backward_pass.double_count(),),
            rests_on=("backward-g3",),
            rules=(
                *_four_layer_rules(),
                Rule(Factor("gprinted", 3), backward_pass.double_count().steps[0].expression + g(3)),
            ),
        ),
        four(
            "backward-lost-skip",
            expression=derived(backward_pass.lost_skip()),
            proofs=(backward_pass.lost_skip(),),
            rests_on=("backward-g2",),
            rules=(
                *_four_layer_rules(),
                Rule(Factor("gprinted", 2), g(2) - backward_pass.lost_skip().steps[0].expression),
            ),
        ),
        Equation(
            "backward-weights",
            BACKWARD,
            together(backward_pass.parameter_gradients()),
            "symbolic",
            assumptions=(backward_pass.POSITIVE_PART,),
            world=verify.FourLayers,
            exact=_by_components,
            rests_on=("forward-affine", "backward-row"),
        ),
        Equation(
            "backward-unit",
            BACKWARD,
            eq(g(l), backward_pass.unit_gradient().result),
            "symbolic",
            world=_any_units,
            rules=_unit_graph_rules(),
            proofs=(backward_pass.unit_gradient(),),
            rests_on=("forward-unit", "backward-row"),
        ),
        Equation(
            "backward-product",
            BACKWARD,
            eq(g(l), backward_pass.all_units().right),
            "induction",
            world=_any_units,
            rules=(backward_pass.unit_rule(),),
            index_values=DEPTHS,
            proofs=(backward_pass.all_units(), backward_pass.all_units_expanded()),
            rests_on=("backward-unit",),
        ),
        Equation(
            "backward-block-inside",
            BACKWARD,
            eq(*backward_pass.block_inside),
            "exhaustive",
            world=partial(verify.Block, shallowest=2),
            exact=_block_check,
            assumptions=("ReLU'(0) = 0", "1 <= k < K"),
            rests_on=("backward-unit",),
        ),
        Equation(
            "backward-block-input",
            BACKWARD,
            eq(*backward_pass.block_input),
            "exhaustive",
            world=verify.Block,
            exact=_block_check,
            assumptions=("identity shortcut",),
            rests_on=("backward-block-inside",),
        ),
        Equation(
            "backward-own-block",
            BACKWARD,
            eq(*backward_pass.own_block),
            "symbolic",
            world=_any_units,
            rests_on=("backward-unit",),
            index_values=({},),
            rules=(Rule(backward_pass.own_block[0], backward_pass.own_block_by_differentials()),),
            assumptions=("theta_l occurs in the branch of unit l alone",),
        ),
        Equation(
            "backward-stop",
            BACKWARD,
            derived(backward_pass.stopped()),
            "symbolic",
            world=_any_units,
            proofs=(backward_pass.stopped(),),
            rests_on=("backward-unit",),
            rules=(*_unit_graph_rules(), Rule(Factor("gstop", l), g(l + 1) * Factor("D", l) * J(l))),
        ),
        # 3. Merge point
        definition("merge-question", MERGE, together(merge_point.definition), world=_apart),
        Equation(
            "merge-local",
            MERGE,
            together(merge_point.local_derivatives()),
            "symbolic",
            world=_apart,
            rules=tuple(merge_point.asked_graph().rules()),
            rests_on=("merge-question",),
        ),
        Equation(
            "merge-copies",
            MERGE,
            together(merge_point.copies()),
            "symbolic",
            world=_apart,
            rests_on=("merge-local",),
            rules=tuple(
                Rule(loss_gradient(s), merge_point.asked_graph().eliminate(s, merge_point.y, merge_point.g))
                for s in (merge_point.o, merge_point.x)
            ),
        ),
        Equation(
            "merge-fan-out",
            MERGE,
            chain(loss_gradient(merge_point.u), *(s.expression for s in merge_point.fan_out().steps)),
            "symbolic",
            world=verify.Merge,
            rules=_merge_rules(),
            proofs=(merge_point.fan_out(),),
            rests_on=("merge-question", "merge-copies"),
        ),
        Equation(
            "merge-weight",
            MERGE,
            eq(*merge_point.own_weight()),
            "symbolic",
            world=_apart,
            exact=merge_point.check_by_components,
            assumptions=("W occurs in x = W u alone",),
            rests_on=("merge-question", "merge-copies"),
        ),
        Equation(
            "merge-inverse",
            MERGE,
            derived(merge_point.as_asked()),
            "symbolic",
            world=_square,
            rules=_merge_rules(),
            proofs=(merge_point.as_asked(),),
            tolerance=1e-7,
            assumptions=merge_point.as_asked().assumptions,
            rests_on=("merge-fan-out",),
        ),
        Equation(
            "merge-constant",
            MERGE,
            derived(merge_point.constant()),
            "symbolic",
            world=verify.Merge,
            rules=_merge_rules(),
            proofs=(merge_point.constant(),),
            rests_on=("merge-fan-out",),
        ),
        Equation(
            "merge-distance",
            MERGE,
            eq(*merge_point.distance),
            "induction",
            world=verify.Distance,
            proofs=(merge_point.distance_induction(), merge_point.check_graphs),
            rests_on=("merge-copies",),
            exact=_distance_check,
        ),
        definition("merge-projected", MERGE, eq(*merge_point.projected), world=_projected),
        Equation(
            "merge-projected-gradient",
            MERGE,
            together(merge_point.projected_gradient()),
            "symbolic",
            world=_projected,
            exact=_projected_by_components,
            rests_on=("merge-projected", "merge-copies"),
        ),
        Equation(
            "merge-columns",
            MERGE,
            together(merge_point.as_columns()),
            "symbolic",
            world=_projected,
            exact=_projected_by_components,
            rests_on=("merge-projected-gradient",),
        ),
        Equation(
            "merge-padded",
            MERGE,
            eq(*merge_point.padded),
            "numeric",
            world=verify.Padded,
            assumptions=("k runs over the components of o",),
            rests_on=("merge-projected-gradient",),
        ),
        definition("merge-after", MERGE, eq(*merge_point.after), world=verify.MergeAfter),
        Equation(
            "merge-after-gradient",
            MERGE,
            together(merge_point.after_gradient()),
            "symbolic",
            world=verify.MergeAfter,
            exact=merge_point.check_by_components,
            rests_on=("merge-after", "merge-copies"),
        ),
        # 4. Lambda scaling
        definition("scaling-unit", SCALING, eq(*lambda_scaling.unit), world=_scaled),
        definition("scaling-shortcut-product", SCALING, eq(*lambda_scaling.shortcut_product), world=_scaled),
        definition("scaling-branch-hat", SCALING, eq(*_hat_at_l()), world=_scaled),
        Equation(
            "scaling-forward",
            SCALING,
            eq(x(L), lambda_scaling.forward_sum()),
            "induction",
            (lambda_scaling.STATES,),
            world=_scaled,
            rules=(lambda_scaling.state_rule(),),
            index_values=DEPTHS,
            proofs=(lambda_scaling.forward(),),
            rests_on=("scaling-unit",),
        ),
        Equation(
            "scaling-forward-hat",
            SCALING,
            eq(x(L), lambda_scaling.forward_hat().result),
            "induction",
            (lambda_scaling.STATES,),
            world=_scaled,
            rules=(lambda_scaling.state_rule(), *lambda_scaling.hat_rules()),
            index_values=DEPTHS,
            proofs=(lambda_scaling.forward_hat(),),
            rests_on=("scaling-forward", "scaling-shortcut-product", "scaling-branch-hat"),
        ),
        Equation(
            "scaling-unit-gradient",
            SCALING,
            eq(g(l), lambda_scaling.unit_gradient().result),
            "symbolic",
            (lambda_scaling.STATES,),
            world=_scaled,
            rules=(Rule(g(l), g(l + 1) * (Scalar("lambda", l) + J(l))),),
            proofs=(lambda_scaling.unit_gradient(),),
            rests_on=("scaling-unit", "backward-unit"),
        ),
        Equation(
            "scaling-jacobian",
            SCALING,
            eq(g(l), lambda_scaling.jacobian().right),
            "induction",
            (lambda_scaling.STATES,),
            world=_scaled,
            rules=(lambda_scaling.gradient_rule(),),
            index_values=DEPTHS,
            proofs=(lambda_scaling.jacobian(),),
            rests_on=("scaling-unit-gradient",),
        ),
        Equation(
            "scaling-two-terms",
            SCALING,
            eq(g(l), lambda_scaling.two_term_induction().right),
            "induction",
            (lambda_scaling.STATES,),
            world=_scaled,
            rules=(lambda_scaling.gradient_rule(),),
            index_values=DEPTHS,
            proofs=(lambda_scaling.two_term_induction(), lambda_scaling.two_term_derivation(), _sum_derivative_check),
            rests_on=("scaling-jacobian", "scaling-forward"),
        ),
        Equation(
            "scaling-two-terms-hat",
            SCALING,
            eq(*lambda_scaling.two_terms_hat),
            "exhaustive",
            (lambda_scaling.STATES,),
            world=_scaled,
            exact=lambda_scaling.check_two_terms_hat,
            rests_on=("scaling-two-terms", "scaling-shortcut-product", "scaling-branch-hat"),
        ),
        Equation(
            "scaling-log-size",
            SCALING,
            eq(*lambda_scaling.log_size),
            "exhaustive",
            ("no lambda_i is 0",),
            world=_scaled,
            exact=lambda_scaling.check_log_size,
            rests_on=("scaling-shortcut-product",),
        ),
        Equation(
            "scaling-scalar",
            SCALING,
            eq(*lambda_scaling.scalar_chain),
            "symbolic",
            ("n = 1, every unit the same",),
            world=verify.ScalarChain,
            proofs=(lambda_scaling.scalar_derivation(),),
            rests_on=("scaling-jacobian",),
        ),
        Equation(
            "scaling-below",
            SCALING,
            eq(lambda_scaling.below, lambda_scaling.below_closed),
            "induction",
            world=verify.Plain,
            proofs=(lambda_scaling.check_below,),
        ),
        Equation(
            "scaling-above",
            SCALING,
            eq(lambda_scaling.above, lambda_scaling.above_closed),
            "citation",
            reference="dlmf",
            exact=_above_check,
        ),
        # 5. Unrolled sum
        Equation(
            "unrolled-forward",
            UNROLLED,
            eq(*unrolled_sum.state),
            "induction",
            (unrolled_sum.IDENTITY,),
            world=_identity,
            rules=(unrolled_sum.state_rule(),),
            index_values=DEPTHS,
            proofs=(unrolled_sum.forward(),),
            rests_on=("forward-unit",),
        ),
        Equation(
            "unrolled-lower-limit",
            UNROLLED,
            derived(lower_limit),
            "exhaustive",
            (unrolled_sum.IDENTITY,),
            world=_identity,
            proofs=(lower_limit,),
            rests_on=("unrolled-forward",),
            rules=(Rule(x(i + 1), x(i) + F(i)(x(i)), index=i, low=S.Zero, high=L - 1),),
            index_values=DEPTHS,
        ),
        Equation(
            "unrolled-term",
            UNROLLED,
            chain(unrolled_sum.T(l), unrolled_sum.term_definition, unrolled_sum.term),
            "induction",
            (unrolled_sum.IDENTITY,),
            world=_identity,
            exact=unrolled_sum.check_term,
            proofs=(unrolled_sum.term_induction(),),
            rests_on=("unrolled-forward",),
        ),
        Equation(
            "unrolled-two-terms",
            UNROLLED,
            chain(g(l), g(L) + g(L) * unrolled_sum.T(l), unrolled_sum.two_terms().right),
            "induction",
            (unrolled_sum.IDENTITY,),
            world=_identity,
            index_values=DEPTHS,
            rules=(unrolled_sum.gradient_rule(), Rule(unrolled_sum.T(l), unrolled_sum.term)),
            proofs=(unrolled_sum.two_terms(), unrolled_sum.two_terms_expanded()),
            rests_on=("unrolled-term", "backward-unit"),
        ),
        Equation(
            "unrolled-scalar-term",
            UNROLLED,
            eq(*unrolled_sum.scalar_term),
            "exhaustive",
            ("one number per state, every unit x + r x",),
            world=verify.ScalarChain,
            exact=unrolled_sum.check_scalar,
            rests_on=("unrolled-term",),
        ),
        Equation(
            "unrolled-cancel",
            UNROLLED,
            chain(
                unrolled_sum.row + unrolled_sum.row * unrolled_sum.M, unrolled_sum.row * (1 + unrolled_sum.M), S.Zero
            ),
            "symbolic",
            ("g M = -g",),
            world=verify.Cancelling,
            exact=unrolled_sum.check_cancel,
            proofs=(unrolled_sum.cancel(),),
            rests_on=("unrolled-two-terms",),
        ),
        Equation(
            "unrolled-count",
            UNROLLED,
            eq(*unrolled_sum.count),
            "exhaustive",
            ("n from 0 to 8 by listing the paths",),
            world=verify.Plain,
            cases=30,
            exact=unrolled_sum.check_count,
        ),
        Equation(
            "unrolled-by-length",
            UNROLLED,
            together((unrolled_sum.by_length_start, unrolled_sum.by_length_step)),
            "exhaustive",
            world=_any_units,
            exact=_by_enumeration,
            rests_on=("backward-product",),
        ),
        Equation(
            "unrolled-all-lengths",
            UNROLLED,
            eq(*unrolled_sum.by_length_total),
            "exhaustive",
            world=_any_units,
            exact=_by_enumeration,
            rests_on=("unrolled-by-length", "backward-product"),
        ),
        Equation(
            "unrolled-binomial",
            UNROLLED,
            eq(*unrolled_sum.binomial_weights),
            "exhaustive",
            ("one number per state, every unit lambda x + r x",),
            world=verify.ScalarChain,
            exact=unrolled_sum.check_scalar,
            rests_on=("unrolled-all-lengths", "scaling-scalar"),
        ),
        Equation(
            "unrolled-share",
            UNROLLED,
            eq(*unrolled_sum.share),
            "exhaustive",
            ("one number per state, every unit lambda x + r x", "lambda + r is not 0"),
            world=verify.ScalarChain,
            exact=unrolled_sum.check_scalar,
            rests_on=("unrolled-binomial",),
        ),
        Equation(
            "unrolled-mean",
            UNROLLED,
            eq(*unrolled_sum.mean_length),
            "exhaustive",
            ("one number per state, every unit lambda x + r x", "lambda + r is not 0"),
            world=verify.ScalarChain,
            exact=unrolled_sum.check_scalar,
            rests_on=("unrolled-share",),
        ),
        Equation(
            "unrolled-general-terms",
            UNROLLED,
            eq(g(l), unrolled_sum.general_terms().right),
            "induction",
            world=_any_units,
            rules=(unrolled_sum.general_rule(),),
            index_values=DEPTHS,
            proofs=(unrolled_sum.general_terms(),),
            rests_on=("backward-unit",),
        ),
        # 6. What is true instead of "at least"
        bound("at-least-lower", expression=at_least.lower, world=verify.OneUnit, tight=_one("shrinking")),
        bound("at-least-upper", expression=at_least.upper, world=verify.OneUnit, tight=_one("growing")),
        Equation(
            "at-least-growth",
            AT_LEAST,
            eq(*at_least.growth),
            "symbolic",
            world=verify.OneUnit,
            rules=(at_least.norm_squared,),
            proofs=(at_least.growth_derivation(),),
        ),
        Equation(
            "at-least-both-signs",
            AT_LEAST,
            eq(*at_least.both_signs),
            "symbolic",
            world=verify.OneUnit,
            rules=(at_least.norm_squared,),
            proofs=(at_least.both_signs_derivation(),),
        ),
        Equation(
            "at-least-zero-mean",
            AT_LEAST,
            eq(*at_least.zero_mean),
            "numeric",
            world=verify.RandomBranch,
            assumptions=("E J = 0", "J independent of g"),
            rests_on=("at-least-growth",),
        ),
        Equation(
            "at-least-isotropic",
            AT_LEAST,
            eq(*at_least.isotropic),
            "numeric",
            world=verify.RandomDirection,
            assumptions=("every direction of g equally likely",),
            rests_on=("at-least-growth",),
        ),
        bound(
            "at-least-entrywise",
            expression=at_least.entrywise,
            world=_one("nonnegative"),
            tight=_one("zero"),
            assumptions=("J >= 0 and g >= 0 entrywise",),
        ),
        bound(
            "at-least-chain-lower",
            expression=at_least.chain_lower,
            world=verify.Chain,
            tight=partial(verify.Chain, kind="shrinking"),
            rests_on=("at-least-lower",),
            assumptions=CHAIN,
        ),
        bound(
            "at-least-chain-upper",
            expression=at_least.chain_upper,
            world=verify.Chain,
            rests_on=("at-least-upper",),
            tight=partial(verify.Chain, kind="growing"),
            tight_tolerance=1e-4,
            assumptions=CHAIN,
        ),
    ]
    return entries


def _hat_at_l():
    return lambda_scaling.branch_hat[0].subs(i, l), lambda_scaling.branch_hat[1].subs(i, l)


def _sum_derivative_check() -> int:
    """The sum in the two-term form is d/dx_l of sum F-hat_i(x_i), by differentials, for all l < L <= 5."""
    comparisons = 0
    for high in range(1, 6):
        for low in range(high):
            stated = next(term for term in lambda_scaling.two_terms().args if isinstance(term, OrderedSum))
            difference = compare(
                stated, lambda_scaling.derivative_of_sum(low, high), (), {l: Integer(low), L: Integer(high)}
            )
            comparisons += 1
            if difference != 0:
                raise CheckError(f"l = {low}, L = {high}: the derivative of the sum differs by {difference}")
    return comparisons


def _distance_check(pairs) -> int:
    comparisons = 0
    for steps in range(1, 7):
        truth = merge_point.distance_graph(steps).eliminate(merge_point.z(0), merge_point.y, merge_point.g)
        for _, right in pairs:
            difference = compare(right, truth, (), {merge_point.m: Integer(steps)})
            comparisons += 1
            if difference != 0:
                raise ValueError(f"m = {steps}: got {right}, want {truth}")
    return comparisons


def _above_check(pairs) -> int:
    """Enclose the infinite product between partial products: P_N <= P <= P_N exp(1/N)."""
    from mpmath import mp, mpf

    last = 20000
    with mp.workdps(30):
        for left, right in pairs:
            if left.high != oo:
                raise ValueError(f"upper limit: got {left.high}, want infinity")
            factor = lambdify(left.index, left.term, "mpmath")
            product = mp.fprod(factor(mpf(number)) for number in range(int(left.low), last + 1))
            stated = mpf(str(right.evalf(30)))
            if not product <= stated <= product * mp.exp(mpf(1) / last):
                raise ValueError(
                    f"right side: got {stated}, want a value between {product} and {product} exp(1/{last})"
                )
    return len(pairs)
