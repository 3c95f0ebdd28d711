"""A report as a picture that can be asked: what each unit does to the gradient, along which paths it comes, in which formats.

The reports come from `resnotes.report` with the page, or from a file that a reader drops on it. What is said and drawn of
them stands in network_report.js.
"""

from functools import lru_cache

import numpy as np
import traitlets

from resnotes import _validate
from resnotes.explorers._base import Checked, Explorer, bundle, refusing, style
from resnotes.network import Affine, Unit, relu
from resnotes.reports import Report, report
from resnotes.shortcuts import Identity, Scale

#: Decimals of the carried numbers, so that the page is the same whatever processor made it.
DECIMALS = 4
DEPTH, WIDTH = 30, 8
#: Of the fields of `Report.as_dict`, those that are shown.
SHOWN = (
    "inputs", "samples", "depth", "log10_gradient", "log10_gain", "log10_after", "log10_shortcut", "log10_branch",
    "share", "log10_cancellation", "limits", "log10_total", "verdict", "worst_unit", "worst_share",
)  # fmt: skip
#: What a report on a PyTorch model has besides: where its units are, and up to which path length shares are told apart.
OPTIONAL = ("names", "lengths")


def carried(found):
    """What the explorer carries of a report: the fields that it shows, rounded.

    Parameters
    ----------
    found : Report or dict
        A report, of `resnotes.report` or `resnotes.torch.report`, or what its `as_dict` gives.

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        If it is neither.
    """
    whole = found.as_dict() if isinstance(found, Report) else found
    if not isinstance(whole, dict) or not set(SHOWN) <= set(whole):
        _validate.refuse("of", _validate.describe(found), "a report, or a dict of reports by name")
    return {name: _rounded(whole[name]) for name in (*SHOWN, *OPTIONAL) if name in whole}


def _rounded(value):
    if isinstance(value, float):
        return round(value, DECIMALS) + 0.0
    if isinstance(value, dict):
        return {key: _rounded(entry) for key, entry in value.items()}
    return [_rounded(entry) for entry in value] if isinstance(value, list) else value


def _units(bad):
    """Thirty units x + W ReLU(x) with weak branches, but for those in `bad`: unit -> (shortcut, factor of the branch)."""
    rng = np.random.default_rng(14)
    weights = 0.2 * rng.normal(size=(DEPTH, WIDTH, WIDTH)) / np.sqrt(WIDTH)
    made = [bad.get(k, (Identity(), 1.0)) for k in range(DEPTH)]
    return [Unit([relu, Affine(factor * W)], shortcut) for W, (shortcut, factor) in zip(weights, made, strict=True)]


@lru_cache(maxsize=1)
def standard():
    """The reports on four networks of thirty units, by name; always the same ones."""
    weak, strong = (Scale(1e-4), 1e-4), (Identity(), 5e4)
    networks = {
        "all well": {},
        "a weak shortcut": {17: weak},
        "a strong branch": {5: strong},
        "one of each": {17: weak, 5: strong},
    }
    return {name: carried(report(_units(bad))) for name, bad in networks.items()}


def _reports(value, name):
    wanted = "a dict of what `carried` returns of reports, by name"
    if not isinstance(value, dict) or not value:
        _validate.refuse(name, _validate.describe(value), wanted)
    for key, found in value.items():
        if not isinstance(key, str) or not isinstance(found, dict) or not set(SHOWN) <= set(found):
            _validate.refuse(name, _validate.describe({key: found}), wanted)
    return value


def _unit(value, name):
    return _validate.whole_number(value, name, 0)


def _text(value, name):
    if not isinstance(value, str):
        _validate.refuse(name, _validate.describe(value), "the name of a report")
    return value


class NetworkReport(Explorer):
    """Explorer: a report on a network, unit by unit.

    Every trait can be set, observed and linked. On the page a reader may drop the file that
    ``python -m resnotes report mine.npz --json`` writes.

    Parameters
    ----------
    report : str
        The name of one of `reports`; "one of each", or the first of your own, by default.
    unit : int
        The unit looked at, from 0; 17, or the one most to blame, by default.
    reports : dict
        Name -> what `carried` returns of a report. It is part of no link.
    of : Report, or dict of str to Report, optional
        Your own reports instead of the book's. What `as_dict` gives will do for a report.

    Raises
    ------
    ValueError
        If a value is of the wrong kind or out of its range; the message names it, what came and what was wanted.

    Examples
    --------
    >>> from resnotes.explorers import NetworkReport
    >>> NetworkReport(report="a strong branch", unit=5)
    NetworkReport(report='a strong branch', unit=5)
    """

    name = "network_report"
    state_names = ("report", "unit")
    carried = ("reports",)
    _esm = bundle("network_report")
    _css = style("network_report")

    report = Checked(_text, "one of each")
    unit = Checked(_unit, 17)
    reports = Checked(_reports, {})

    def __init__(self, *, of=None, **state):
        if of is not None:
            named = of if isinstance(of, dict) and not set(SHOWN) <= set(of) else {"your own": of}
            reports = {name: carried(found) for name, found in named.items()}
            first, found = next(iter(reports.items()))
            state = {"report": first, "unit": found["worst_unit"] or 0, "reports": reports, **state}
        super().__init__(**{"reports": standard(), **state})

    @traitlets.validate("report", "unit", "reports")
    def _together(self, proposal):
        state = {name: getattr(self, name) for name in (*self.state_names, *self.carried)}
        state[proposal.trait.name] = proposal.value
        with refusing():
            if state["report"] not in state["reports"]:
                _validate.refuse("report", repr(state["report"]), f"one of {', '.join(state['reports'])}")
            last = state["reports"][state["report"]]["depth"] - 1
            if state["unit"] > last:
                _validate.refuse("unit", state["unit"], f"a whole number from 0 to {last}")
        return proposal.value
