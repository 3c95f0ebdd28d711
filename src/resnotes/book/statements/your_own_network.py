"""What shows the sentences of chapter 14."""

import ast
from importlib.resources import files

import numpy as np

from resnotes import Affine, Network, Unit, relu, report
from resnotes.book.statements.places import close, settings, small
from resnotes.book.statements.statement import Grounds
from resnotes.paths import jacobian_by_length
from resnotes.shortcuts import Identity

UNITS = small({"w": (3,), "x": (), "g": ()}, limit=1500, also=[{"w": [1, -0.5, 2], "x": 1, "g": 1}, {"w": [-0.75, 3, 1], "x": 2, "g": 1}])  # fmt: skip


def network(weights):
    return Network([Unit([Affine([[w]])], Identity()) for w in weights])


def rows(s):
    net = network(s.w)
    return np.abs(np.ravel(net.backward(net.forward([s.x]), [s.g]).states))


def logs_add(s):
    sizes = rows(s)
    return not sizes.all() or close(np.log(sizes[:-1] / sizes[1:]).sum(), np.log(sizes[0] / sizes[-1]))


def gains_add(s):
    sizes = rows(s)
    return not sizes.all() or close((sizes[:-1] / sizes[1:]).sum(), sizes[0] / sizes[-1])


def lengths(s):
    net = network(s.w)
    parts = np.ravel(jacobian_by_length(net, net.forward([s.x])))
    return parts / parts.sum() if parts.sum() else None


def shares(s, test):
    found = lengths(s)
    return found is None or test(found)


def cancel(s):
    """A negative share stands beside paths whose sizes add up to more than their sum."""
    return shares(s, lambda found: (found >= -1e-12).all() or np.abs(found).sum() > 1 + 1e-9)


#: Two units with matrices that blame one or the other by the gradient that arrives.
TWO = Network([Unit([Affine(np.diag([999.0, 0.0]))], Identity()), Unit([Affine(np.diag([0.0, 999.0]))], Identity())])


def worst(g):
    return report(TWO, np.ones(2), np.array(g)).worst_unit


def total(net):
    return report(net, np.ones(1), np.ones(1)).log10_total


FAULTS = Network([Unit([Affine([[99.0]])], Identity()), Unit([Affine([[-0.99]])], Identity())])
DEAD = Network([Unit([Affine([[1.0]], [-5.0]), relu, Affine([[1.0]])], Identity())])
SOUND = Network([Unit([Affine([[9.0]])], Identity())] * 3)  # all alike, and one has to be named


def parameters():
    """The parameters of resnotes.torch.report, read off its source: PyTorch need not be there."""
    tree = ast.parse((files("resnotes") / "torch" / "reports.py").read_text("utf-8"))
    (function,) = (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "report")
    needed = len(function.args.args) - len(function.args.defaults)
    return [argument.arg for argument in function.args.args][:needed]


ONE = settings(report=("of two units",))

GROUNDS = {
    "report-remember-blame": (
        Grounds(UNITS, {"add": logs_add}, false={"add": gains_add}),
        Grounds(
            ONE,
            {"along": lambda s: worst([1.0, 0.0]) != worst([0.0, 1.0])},
            false={"along": lambda s: worst([1.0, 0.0]) == worst([0.0, 1.0])},
        ),
    ),
    "report-remember-factors": Grounds(
        ONE,
        {"look": lambda s: all(word in str(report(TWO)) for word in ("after", "shortcut", "branch"))},
        false={"look": lambda s: "before" in str(report(TWO)).splitlines()[0]},
    ),
    "report-remember-shares": Grounds(
        UNITS,
        {"one": lambda s: shares(s, lambda found: close(found.sum(), 1)), "negative": cancel},
        false={
            "one": lambda s: shares(s, lambda found: close(np.abs(found).sum(), 1)),
            "negative": lambda s: shares(s, lambda found: (found >= -1e-12).all() or not found.all()),
        },
    ),
    "report-remember-moment": Grounds(
        ONE,
        {"moment": lambda s: not hasattr(report(TWO), "loss"), "blame": lambda s: report(SOUND, np.ones(1), np.ones(1)).worst_unit is not None},
        false={"moment": lambda s: hasattr(report(TWO), "loss"), "blame": lambda s: total(SOUND) < 2},
    ),
    "report-remember-total": Grounds(
        ONE,
        {
            "faults": lambda s: abs(total(FAULTS)) < 0.1 and all(abs(unit) > 1 for unit in (np.log10(100), np.log10(0.01))),
            "dead": lambda s: total(DEAD) == 0,
        },
        false={"faults": lambda s: abs(total(FAULTS)) > 1, "dead": lambda s: total(DEAD) != 0},
    ),
    "report-remember-calls": Grounds(
        ONE,
        {"calls": lambda s: parameters() == ["model", "inputs", "loss"] and report(list(TWO.units)) is not None},
        false={"calls": lambda s: parameters() == ["model"]},
    ),
}  # fmt: skip
