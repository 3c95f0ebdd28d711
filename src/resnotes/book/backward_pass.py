"""Chapter 2: its equations, and the random cases that check them."""

from __future__ import annotations

from functools import partial

from sympy import Integer

from resnotes.book.cases import Block, FourLayers, Units, units
from resnotes.book.registry import DEPTHS, Equation, chain, derived, eq, together
from resnotes.symbolic import (
    backward_pass,
    components,
    forward_pass,
)
from resnotes.symbolic.algebra import (
    Factor,
    Rule,
    l,
    unroll,
)
from resnotes.symbolic.derivation import compare
from resnotes.symbolic.symbols import H, J, g, loss_gradient

CHAPTER = "02_backward_pass"


def _four_layer_rules() -> tuple[Rule, ...]:
    """Ground truth of the four layers: each gradient by elimination of differentials."""
    graph = forward_pass.four_layer_graph()
    return (*(Rule(g(k), backward_pass.eliminated(k)) for k in (1, 2, 3, 4)), *graph.rules())


def _by_components(pairs) -> int:
    return components.check(pairs)


#: Values of k for a statement about every state of the four layers but the last.
STATES = tuple({backward_pass.k: Integer(number)} for number in range(1, 5))


def _at_every_state(pairs) -> int:
    return _by_components([(unroll(left, at), unroll(right, at)) for at in STATES for left, right in pairs])


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


def _unit_graph_rules() -> tuple[Rule, ...]:
    return (Rule(g(l), g(l + 1) * Factor("D", l) * (H(l) + J(l))),)


def build() -> list[Equation]:
    """The entries, in the order in which the chapter shows them."""
    four = partial(
        Equation,
        chapter=CHAPTER,
        case=FourLayers.drawn,
        rules=_four_layer_rules(),
        method="symbolic",
        exact=_by_components,
        assumptions=(backward_pass.POSITIVE_PART,),
    )
    definition = partial(Equation, method="definition")
    derivation = backward_pass.four_layer_gradient
    g3, g2, g1 = derivation(3), derivation(2), derivation(1)
    return [
        definition("backward-row", CHAPTER, eq(*backward_pass.gradient_definition), case=FourLayers.drawn),
        four(
            "backward-local", expression=together(backward_pass.local_derivatives()), rests_on=("forward-four-layers",)
        ),
        four(
            "backward-graph",
            expression=eq(*backward_pass.graph_rule),
            exact=_at_every_state,
            rules=(*_four_layer_rules(), *backward_pass.direct_derivatives()),
            index_values=STATES,
            rests_on=("backward-row",),
        ),
        four(
            "backward-g4",
            expression=eq(g(4), derivation(4).result),
            proofs=(derivation(4),),
            rests_on=("backward-local", "backward-row"),
        ),
        four(
            "backward-g3",
            expression=eq(g(3), g3.result),
            proofs=(g3, backward_pass.by_differentials()),
            rests_on=("backward-g4", "backward-local"),
        ),
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
        Equation(
            "backward-weights",
            CHAPTER,
            together(backward_pass.parameter_gradients()),
            "symbolic",
            assumptions=(backward_pass.POSITIVE_PART,),
            case=FourLayers.drawn,
            exact=_by_components,
            proofs=(backward_pass.weight_nudge(),),
            rests_on=("forward-affine", "backward-row"),
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
            "backward-unit",
            CHAPTER,
            eq(g(l), backward_pass.unit_gradient().result),
            "symbolic",
            case=units,
            rules=_unit_graph_rules(),
            proofs=(backward_pass.unit_gradient(),),
            rests_on=("forward-unit", "backward-row"),
        ),
        Equation(
            "backward-product",
            CHAPTER,
            eq(g(l), backward_pass.all_units().right),
            "induction",
            case=units,
            rules=(backward_pass.unit_rule(),),
            index_values=DEPTHS,
            proofs=(backward_pass.all_units(), backward_pass.all_units_expanded()),
            rests_on=("backward-unit",),
        ),
        Equation(
            "backward-block-inside",
            CHAPTER,
            eq(*backward_pass.block_inside),
            "exhaustive",
            case=partial(Block.drawn, shallowest=2),
            exact=_block_check,
            proofs=(backward_pass.inside_block(),),
            assumptions=("ReLU'(0) = 0", "1 <= k < K"),
            rests_on=("backward-unit",),
        ),
        Equation(
            "backward-block-input",
            CHAPTER,
            eq(*backward_pass.block_input),
            "exhaustive",
            case=Block.drawn,
            exact=_block_check,
            proofs=(backward_pass.at_block_input(),),
            assumptions=("identity shortcut",),
            rests_on=("backward-block-inside",),
        ),
        Equation(
            "backward-own-block",
            CHAPTER,
            eq(*backward_pass.own_block),
            "symbolic",
            case=Units,
            rests_on=("backward-unit",),
            index_values=({},),
            rules=(Rule(backward_pass.own_block[0], backward_pass.own_block_by_differentials()),),
            assumptions=("the forward values are given", "theta_l occurs in the branch of unit l alone"),
        ),
        Equation(
            "backward-stop",
            CHAPTER,
            derived(backward_pass.stopped()),
            "symbolic",
            case=Units,
            proofs=(backward_pass.stopped(),),
            rests_on=("backward-unit",),
            rules=(*_unit_graph_rules(), Rule(Factor("gstop", l), g(l + 1) * Factor("D", l) * J(l))),
        ),
    ]
