"""Chapter 12: its equations, and the random cases that check them."""

from __future__ import annotations

from functools import partial

import numpy as np

from resnotes.book.cases import Units, branch_forward
from resnotes.book.oracles import complex_step_jacobian, same
from resnotes.book.registry import Equation, derived, eq, together
from resnotes.network import Network, Unit
from resnotes.shortcuts import Scale
from resnotes.symbolic import training


class ScaledBranches(Units):
    """A random network of units with one factor on all shortcuts and a number at the end of each branch.

    Parameters
    ----------
    rng : numpy Generator
    fresh : bool
        Whether every branch's number is 0, and nothing comes after the additions.
    """

    def __init__(self, rng, fresh=False):
        self.fresh = fresh
        super().__init__(rng, shortcuts="scale", after=not fresh)
        sent = self.net.backward(self.trace, self.g_out)
        for k in range(self.depth):
            same(sent.units[k].branch[-1].weight, self.gradient_by_scale(k), f"Scale.backward, unit {k}")

    def _draw(self, rng, depth, n, shortcuts, after):
        net, start = Units._draw(rng, depth, n, shortcuts, after)
        factor = net.units[0].shortcut.weight
        scales = np.zeros(depth) if self.fresh else rng.normal(size=depth)
        units = [
            Unit([*unit.branch, Scale(scale)], Scale(factor), unit.after)
            for unit, scale in zip(net.units, scales, strict=True)
        ]
        return Network(units), start

    def gradient_by_scale(self, k):
        """d loss / d beta_k through the whole rest of the network."""
        unit, x = self.net.units[k], self.trace.states[k]
        branch, carried = self._branch(k, x), unit.shortcut.forward(x)

        def output(scale):
            return self._from(k + 1, unit.after.forward(carried + scale * branch))

        return float(self.g_out @ complex_step_jacobian(output, [unit.branch[-1].weight])[:, 0])

    def _branch(self, k, x):
        """What the branch makes of a state, before its number."""
        unit = self.net.units[k]
        return branch_forward(Unit(unit.branch[:-1], unit.shortcut, unit.after), x)

    def value_lambda(self):
        return float(self.net.units[0].shortcut.weight)

    def value_beta(self, k):
        return float(self.net.units[int(k)].branch[-1].weight)

    def value_J(self, k):
        return complex_step_jacobian(lambda x: self._branch(int(k), x), self.trace.states[int(k)])

    def value_partial(self, node):
        return (
            self.gradient_by_scale(int(node.by.indices[0])) if node.by.name == "beta" else super().value_partial(node)
        )

    def apply_F(self, function, x):
        return self._branch(int(function.indices[0]), x)


TRAINING = "12_training"


def build() -> list[Equation]:
    """The entries, in the order in which the chapter shows them."""
    gradient, scale, start = training.unit_gradient(), training.scale_gradient(), training.start_derivation()
    case = ScaledBranches
    return [
        Equation("training-unit", TRAINING, together(training.unit), "definition", case=case),
        Equation(
            "training-gradient",
            TRAINING,
            derived(gradient),
            "symbolic",
            case=case,
            proofs=(gradient,),
        ),
        Equation(
            "training-scale",
            TRAINING,
            derived(scale),
            "symbolic",
            case=case,
            proofs=(scale,),
        ),
        Equation(
            "training-start",
            TRAINING,
            eq(*training.start),
            "exhaustive",
            start.assumptions,
            case=partial(case, fresh=True),
            proofs=(start,),
        ),
    ]
