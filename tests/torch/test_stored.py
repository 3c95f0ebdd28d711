"""The stored reports are those that are made now, and they tell the planted faults apart."""

import json
import math

import pytest

from tools.torch_reports import BLOCK, FACTORIES, FOLDER, made

STORED = {path.stem: json.loads(path.read_text("utf-8")) for path in FOLDER.glob("*.json")}


def differences(one, other, place=""):
    """Where two stored values differ by more than one in a million, or in more than a number.

    What is lost in an addition is counted entry by entry, and one on the edge may fall on either side: a hundredth.
    """
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return [found for key in one for found in differences(one[key], other[key], f"{place}.{key}")]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [found for k, (a, b) in enumerate(zip(one, other)) for found in differences(a, b, f"{place}[{k}]")]
    numbers = isinstance(one, float) and isinstance(other, float)
    least = 0.01 if "lost" in place else 1e-9
    same = math.isclose(one, other, rel_tol=1e-6, abs_tol=least) if numbers else one == other
    return [] if same else [f"{place}: {one} and {other}"]


@pytest.mark.parametrize("name", FACTORIES)
def test_a_stored_report_is_made_again(name):
    """A release of ours alone asks for no new report: what it says is compared, not who made it."""
    now, stored = made(name), dict(STORED[name])
    of_others = [{**report.pop("about")["versions"], "resnotes": None} for report in (now, stored)]
    assert of_others[0] == of_others[1], "make torch-reports, after other versions"
    assert differences(now, stored) == []


def test_every_report_is_stored_and_small():
    assert set(STORED) == set(FACTORIES)
    assert all((FOLDER / f"{name}.json").stat().st_size < 60_000 for name in STORED)


def test_a_difference_is_seen():
    stored = STORED["preresnet20"]
    changed = {**stored, "share": [stored["share"][0] * (1 + 2e-6), *stored["share"][1:]]}
    assert len(differences(stored, changed)) == 1 and differences(stored, stored) == []


def farthest(name):
    unit, part, value, _ = STORED[name]["outliers"][0]
    return unit, part, value


def test_the_planted_faults_are_told_apart():
    """The MLP of the third block is unit 5 of twelve."""
    unit = 2 * BLOCK + 1
    assert STORED["healthy"]["outliers"] == []
    assert farthest("weak_output") == (unit, "layer after", pytest.approx(-3))
    named, part, value = farthest("exploding_branch")
    assert (named, part) == (unit, "branch") and value > 1
    named, part, value = farthest("dead_branch")
    assert (named, part) == (unit, "branch") and value < -4


def test_how_much_of_the_gradient_comes_by_the_shortcuts_alone():
    """Of the start of a pre-activation ResNet-20 and of GPT-2 small: about a hundredth, most through some branches."""
    for name, units, most in (("preresnet20", 9, 4), ("gpt2", 24, 3)):
        share = STORED[name]["share"]
        assert len(share) == units + 1 and 0 < share[0] < 0.03
        assert abs(max(range(units + 1), key=share.__getitem__) - most) <= 1
