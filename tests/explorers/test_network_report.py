"""A report on a network: files that a reader drops, good and bad."""

import json

import numpy as np
import pytest

from resnotes import report
from resnotes.explorers import network_report
from resnotes.recipes import RECIPES

from .cases import CASES
from .modules import run

PARSE = "(module, texts) => texts.map(module.parse)"


def stored(**changed):
    """The text that ``--json`` prints for a small network, with some fields changed; `...` takes one out."""
    weights = np.random.default_rng(5).normal(size=(4, 2, 3, 3))
    found = {**report(RECIPES["identity shortcuts"].network(weights)).as_dict(), **changed}
    return json.dumps({key: value for key, value in found.items() if value is not ...})


def test_a_file_of_the_command_line_is_read():
    (read,) = run("network_report", PARSE, [stored()])
    assert read == {"report": json.loads(stored())}


def test_a_dead_network_can_be_shown():
    """Numbers that are not finite come as text."""
    dead = RECIPES["no shortcuts"].network(np.zeros((4, 2, 3, 3)))
    (read,) = run("network_report", PARSE, [json.dumps(report(dead).as_dict())])
    state = {"report": "dead", "unit": 0, "reports": {"dead": read["report"]}}
    said = run("network_report", "(module, state) => module.readout(state)", state)
    assert said == (
        "4 units: the gradient vanishes, nothing arrives at the input. Most to blame is unit 3: 100 % of the change, on a "
        "log scale. Nothing arrives at unit 0."
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not JSON"),
        ("[1, 2]", "holds no report"),
        ("null", "holds no report"),
        (stored(depth=0), "depth: the file has 0, wanted a whole number from 1 to 2000"),
        (stored(depth=5), "log10_gradient: the file has a list of 5, wanted a list of 6 numbers"),
        (stored(log10_branch=[0, 0, "much", 0]), "log10_branch: the file has a list of 4, wanted a list of 4 numbers"),
        (stored(log10_gain=...), "log10_gain: the file has nothing"),
        (stored(share="all"), 'share: the file has "all"'),
        (stored(limits=None), "limits: the file has null"),
        (stored(verdict="fine"), 'verdict: the file has "fine"'),
        (stored(worst_unit=4), "worst_unit: the file has 4, wanted a unit from 0 to 3, or null"),
    ],
)
def test_a_bad_file_is_refused_with_a_reason(text, said):
    (read,) = run("network_report", PARSE, [text])
    assert "report" not in read
    assert said in read["problem"]


def test_on_the_page_a_file_is_shown_and_a_bad_one_leaves_what_stands(opened, site, tmp_path):
    live = opened(f"{site}/{CASES['network_report'].page}", "network_report")
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(stored(), "utf-8")
    bad.write_text("{}", "utf-8")
    chooser = live.root.locator("input[type=file]")
    chooser.set_input_files(good)
    live.root.locator("option[value='from your file']").wait_for(state="attached")
    assert live.readout.startswith("4 units:")
    chooser.set_input_files(bad)
    live.root.get_by_text("depth: the file has nothing").wait_for()
    assert live.readout.startswith("4 units:")


def test_what_is_carried_is_what_is_needed():
    """A file of all fields and the carried ones are the same to the module."""
    shown = network_report.carried(report(RECIPES["pre-LN"].network(np.ones((3, 1, 4, 4))), np.arange(4.0)))
    (read,) = run("network_report", PARSE, [json.dumps(shown)])
    assert read == {"report": shown}
