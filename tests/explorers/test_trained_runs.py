"""The stored runs: those of the chapter's cell, which are those of the package's training; a dot is chosen."""

import re

import pytest

from resnotes.explorers import TrainedRuns, trained_runs
from resnotes.training import Settings, sweep, train_seeds
from tools import training_data

from .cases.trained_runs import CASE, ratio
from .modules import said


def settings(**others):
    chosen = {"depth": 4, "shortcut": 0.9, "activation": "pre", "scale": "1", "seed": 0, "width": 16, "batch": 64}
    return Settings(**{**chosen, "steps": 60, "rate": 0.05, "every": 10, **others})


def test_the_stored_runs_are_those_of_the_chapter():
    assert training_data.RUNS.read_text("utf-8") == training_data.trained_runs()


@pytest.mark.parametrize(
    "others", [{}, {"scale": "skipinit", "shortcut": 0}, {"scale": "1/sqrt(L)", "activation": "post", "shortcut": 1.1}]
)
def test_the_stored_runs_are_those_of_the_package(others):
    made = trained_runs.carried(sweep([settings(seed=seed, **others) for seed in range(5)], processes=1))
    (group,) = made["groups"]
    names = ("depth", "shortcut", "scale", "place")
    (stored,) = [one for one in trained_runs.STORED["groups"] if all(one[name] == group[name] for name in names)]
    assert stored == group
    assert made["measured"] == trained_runs.STORED["measured"] == list(range(0, 61, 10))


def test_runs_that_are_not_alike_are_refused():
    with pytest.raises(ValueError, match="^of: got none, wanted runs that differ in λ, depth"):
        TrainedRuns(of=[])
    small = {"width": 8, "batch": 16, "steps": 2, "every": 1}
    mixed = [*train_seeds([settings(**small)]), *train_seeds([settings(**{**small, "rate": 0.1})])]
    with pytest.raises(ValueError, match="^of: got runs of 2 kinds"):
        TrainedRuns(of=mixed)
    with pytest.raises(ValueError, match=re.escape("runs: got {} of type dict, wanted what `carried` returns")):
        TrainedRuns(runs={})


def test_a_dot_is_chosen_by_pointer_and_a_setting_without_runs_gives_way(opened, site):
    live = opened(f"{site}/{CASE.page}", CASE.name)
    chart = live.root.get_by_role("img", name="Every run as a dot")
    # The last of them: many of the first lie in one place, where nothing arrives.
    x, y = re.findall(r"M(\S+) (\S+)h0", chart.locator(".rx-runs-skipinit.rx-runs-1").get_attribute("d"))[-1]
    chart.scroll_into_view_if_needed()
    chart.click(position={"x": float(x), "y": float(y)})
    assert "λ = 1.1, 20 units, branches of scale SkipInit" in live.readout
    assert chart.locator(".rx-chosen").count() == 1
    chart.hover(position={"x": float(x), "y": float(y)})
    assert chart.locator(".rx-probe-said").count() == 3
    live.root.get_by_role("button", name="shortcut 0.9 instead of 1").click()
    live.root.get_by_text("More controls").click()
    live.root.get_by_role("combobox", name="ReLU").select_option("after")
    # After the addition λ = 0.9 was not run with 100 units.
    assert live.readout == said(TrainedRuns(shortcut=0.9, depth=20, scale="root", place="after", seed=4))


def test_the_column_of_those_that_learn():
    """What the chapter says below the picture."""
    runs = [run for group in trained_runs.STORED["groups"] for run in group["runs"] if run["lost"] is None]
    half = [ratio(run) for run in runs if run["right"][-1] >= 0.5]
    assert len(half) > 100
    assert 1 / 3 < 10 ** min(half) < 10 ** max(half) < 20
    beside = [run["right"][-1] for run in runs if not 1 / 100 < 10 ** ratio(run) < 20]
    assert len(beside) > 20
    assert max(beside) < 0.2
