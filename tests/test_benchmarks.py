"""The stored measurements are whole, and the page says what they say, the losses first."""

import copy
import importlib.util
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results.json"


@pytest.fixture(scope="module")
def writer():
    """The extension's module by itself: its package needs Sphinx."""
    spec = importlib.util.spec_from_file_location("written", ROOT / "_ext/resnotes_book/benchmarks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def results():
    return json.loads(RESULTS.read_text("utf-8"))


def runs(results):
    for name, entry in results["workloads"].items():
        for run in entry["runs"]:
            yield name, run


def test_every_figure_is_whole(results):
    assert {"chain", "jacobian", "paths", "sweeps", "symbolic", "training", "verify"} == set(results["workloads"])
    for name, run in runs(results):
        assert run["threads"] in (1, 2) and re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", run["when"])
        if name == "verify":
            times = [row["seconds"] for row in run["checks"]]
            assert times == sorted(times, reverse=True) and 0 < sum(times) < run["whole"]
            continue
        # The kernel is named beside every figure, and the pinned one is the one that was asked for.
        assert run["kernel"] and (run["pinned"] is None or run["kernel"][0].startswith(run["pinned"]))
        assert run["cases"]
        for case in run["cases"]:
            assert case["rounds"] >= 5 and len(case["ways"]) >= 1
            for way in case["ways"].values():
                for entry in (way["seconds"], way["ratio"]):
                    assert 0 < entry["low"] <= entry["median"] <= entry["high"] < float("inf")
                assert way.get("difference", 0) < 1e-2


def test_results_name_no_machine_and_no_path():
    text = RESULTS.read_text("utf-8")
    assert not re.search(r"[/\\](home|root|tmp|work|Users|usr)\b", text)


def test_the_page_says_first_what_is_slower(writer, results):
    text = writer.page(results)
    titles = re.findall(r"^## (.*)", text, re.MULTILINE)
    assert titles[:2] == ["Where ours is slower", "What was aimed at"]
    assert set(titles[2:]) == {writer.TITLES[name] for name in results["workloads"]}
    lost = re.search(r"## Where ours is slower\n(.*?)\n## ", text, re.DOTALL)[1]
    worst, count = {}, 0
    for name, run in runs(results):
        for case in run.get("cases", ()):
            for way in case["order"][1:]:
                median = case["ways"][way]["ratio"]["median"]
                if way not in ("limit", *writer.OWN) and median < 1:
                    key = (writer.TITLES[name], way, case["order"][0])
                    worst[key], count = min(worst.get(key, 1), median), count + 1
    sentences = lost.strip().splitlines()
    assert len(sentences) == max(len(worst), 1)
    assert count == sum(int(n) for n in re.findall(r"in (\d+) of \d+ measurements", lost))
    for (title, way, ours), median in worst.items():
        start, end = f"- {title}: {way} was faster than `{ours}`", f"At worst it took {median:.2f} of the time"
        assert any(line.startswith(start) and end in line for line in sentences), (title, way)
    assert text.count("<img ") == text.count('alt="') >= 3


def test_the_page_follows_the_figures(writer, results):
    """A ratio changed in the file is another sentence and another verdict on the page."""
    changed = copy.deepcopy(results)
    for name, run in runs(changed):
        if name == "jacobian":
            for case in run["cases"]:
                case["ways"]["torch"]["ratio"] = {"low": 0.1, "median": 0.12, "high": 0.2}
    text, before = writer.page(changed), writer.page(results)
    said = "The Jacobian over 100 units: torch was faster than `workspace`"
    assert said in text and said not in before and "At worst it took 0.12 of the time" in text
    assert re.search(r"PyTorch's Jacobian \| 0.12 times as fast at worst \| \*\*not met\*\*", text)


def test_times_have_three_figures(writer):
    assert [writer.seconds(v) for v in (12.34, 0.01234, 2.5e-5, 3e-8)] == ["12.3 s", "12.3 ms", "25 µs", "30 ns"]
