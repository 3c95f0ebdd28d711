"""The stored measurements are whole, and the page says what they say, the losses first."""

import copy
import json
import re
from pathlib import Path

import numpy as np
import pytest

from _ext.resnotes_book import benchmarks as written
from benchmarks import measure

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results.json"


@pytest.fixture
def writer():
    """The extension's module."""
    return written


@pytest.fixture
def results():
    return json.loads(RESULTS.read_text("utf-8"))


def test_every_figure_is_whole(writer, results):
    assert set(results["workloads"]) == set(writer.TITLES)
    for name, entry in results["workloads"].items():
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", entry["when"]) and entry["load"] >= 0
        if name == "verify":
            times = [row["seconds"] for row in entry["checks"]]
            assert times == sorted(times, reverse=True) and 0 < sum(times) < entry["whole"]
            continue
        assert entry["kernel"] and entry["cases"]
        for case in entry["cases"]:
            assert case["rounds"] >= 5 and len(case["ways"]) >= 1
            for way in case["ways"].values():
                for found in (way["seconds"], way["ratio"]):
                    assert 0 < found["low"] <= found["median"] <= found["high"] < float("inf")
                assert way.get("difference", 0) < 1e-2


def test_results_name_no_machine_and_no_path():
    text = RESULTS.read_text("utf-8")
    assert not re.search(r"[/\\](home|root|tmp|work|Users|usr)\b", text)


def test_the_page_says_first_what_is_slower(writer, results):
    text = writer.page(results)
    titles = re.findall(r"^## (.*)", text, re.MULTILINE)
    folds = re.findall(r"^::::\{admonition\} (.*)", text, re.MULTILINE)
    assert titles == ["Where ours is slower", "In short", "In full"]
    assert folds == [writer.TITLES[name] for name in results["workloads"]]
    short = re.search(r"## In short\n(.*?)\n## ", text, re.DOTALL)[1]
    assert all(f"| {title} | " in short for title in folds)
    lost = re.search(r"## Where ours is slower\n(.*?)\n## ", text, re.DOTALL)[1]
    worst = {}
    for name, entry in results["workloads"].items():
        for case in entry.get("cases", ()):
            ours, *others = case["ways"]
            for way in others:
                median = case["ways"][way]["ratio"]["median"]
                if median < 1:
                    key = (writer.TITLES[name], way, ours)
                    worst[key] = min(worst.get(key, 1), median)
    assert len(lost.strip().splitlines()) == max(len(worst), 1)
    for (title, way, ours), median in worst.items():
        start, end = f"- {title}: {way} was faster than `{ours}`", f"At worst it took {median:.2f} of the time"
        assert any(line.startswith(start) and end in line for line in lost.splitlines()), (title, way)
    assert text.count("<img ") == text.count('alt="') >= 2


def test_the_page_follows_the_figures(writer, results):
    """A ratio changed in the file is another sentence on the page."""
    changed = copy.deepcopy(results)
    for case in changed["workloads"]["jacobian"]["cases"]:
        case["ways"]["torch"]["ratio"] = {"low": 0.1, "median": 0.12, "high": 0.2}
    text = writer.page(changed)
    assert "The Jacobian over 100 units: torch was faster than `network` in 2 of 2" in text
    assert "At worst it took 0.12 of the time" in text and "| 0.12 (0.10–0.20) |" in text


def test_times_have_three_figures(writer):
    assert [writer.seconds(v) for v in (12.34, 0.01234, 2.5e-5, 3e-8)] == ["12.3 s", "12.3 ms", "25 µs", "30 ns"]


def test_ways_take_turns_and_are_compared_first(monkeypatch):
    calls = []
    ways = {name: (lambda name=name: calls.append(name) or [np.ones(2)]) for name in ("ours", "theirs")}
    monkeypatch.setattr(measure, "turn", lambda way: len(way()) * len(calls))
    found = measure.measured(measure.Case({}, ways, rounds=4))
    assert calls == ["ours", "theirs", "ours", "theirs", "theirs", "ours", "ours", "theirs", "theirs", "ours"]
    # ours took 3, 6, 7, 10 and theirs 4, 5, 8, 9
    assert found["ways"]["ours"]["seconds"]["median"] == 6.5 and found["ways"]["theirs"]["seconds"]["median"] == 6.5
    assert found["ways"]["theirs"]["ratio"]["high"] == pytest.approx((8 / 7 + (4 / 3 - 8 / 7) / 4))
    assert found["ways"]["theirs"]["difference"] == 0


@pytest.mark.parametrize("other", [np.ones(3), np.array([1.0, 1.1]), np.array([1.0, np.nan])])
def test_what_differs_is_not_timed(other):
    case = measure.Case({}, {"ours": lambda: [np.ones(2)], "theirs": lambda: [other]})
    with pytest.raises(ValueError, match="theirs: got"):
        measure.measured(case)
