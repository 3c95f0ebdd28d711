"""The stored measurements are whole, and the page says what they say, the losses first."""

import copy
import importlib.util
import itertools
import json
import math
import re
from pathlib import Path

import pytest

from benchmarks import measure

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
        assert run["processor"]
        assert run["threads"] in (1, 2) and re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", run["when"])
        if name == "verify":
            times = [row["seconds"] for row in run["checks"]]
            assert times == sorted(times, reverse=True) and 0 < sum(times) < run["whole"]
            continue
        # The kernel is named beside every figure, and the pinned one is the one that was asked for.
        assert run["kernel"] and (run["pinned"] is None or run["kernel"][0].startswith(run["pinned"]))
        assert run["cases"]
        for case in run["cases"]:
            assert case["rounds"] >= 5 and case["aside"] >= 0 and len(case["ways"]) >= 1
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


def test_what_all_cases_share_is_said_once(writer, results):
    run = results["workloads"]["chain"]["runs"][0]
    text = writer.page(results)
    assert f"**{writer.configuration(run)}**, batch 64, measured" in text and not re.search(
        r"^\| .*batch 64", text, re.MULTILINE
    )
    assert "| width 16, depth 100, float64 |" in text
    run["cases"][0]["size"]["batch"] = 32
    assert writer.common(run) == {} and writer.table(run)[2].startswith("| width 16, depth 100, batch 32, float64 |")
    run["cases"] = run["cases"][:1]  # one case has no size that others share
    assert writer.common(run) == {} and writer.table(run)[2].startswith("| width 16, depth 100, batch 32, float64 |")


def test_the_page_says_how_many_rounds_were_set_aside(writer, results):
    chain = results["workloads"]["chain"]["runs"][0]
    for number, case in enumerate(chain["cases"]):
        case["aside"], case["rounds"] = number, 10
    count = len(chain["cases"])
    aside = count * (count - 1) // 2
    assert f", {aside} of {aside + 10 * count} rounds set aside\n" in writer.page(results)
    for case in chain["cases"]:
        case["aside"] = 0
    assert "set aside" not in writer.company(chain)


def test_the_page_says_what_another_processor_measured(writer, results):
    for _, run in runs(results):
        run["processor"] = results["machine"]["processor"]
    assert "another processor" not in writer.page(results)
    results["workloads"]["training"]["runs"][1]["processor"] = "An Older One"
    text = writer.page(results)
    assert text.count("another processor") == 1
    assert "## Training\n\nMeasured on another processor: An Older One.\n" in text


def test_times_have_three_figures(writer):
    assert [writer.seconds(v) for v in (12.34, 0.01234, 2.5e-5, 3e-8)] == ["12.3 s", "12.3 ms", "25 µs", "30 ns"]


class Beats:
    """A pulse that is known beforehand: two beats for each round."""

    def __init__(self, rounds):
        self.rounds, self.quickest = [beat for pair in rounds for beat in pair], 1.0

    def __call__(self):
        return self.rounds.pop(0)


def counted(monkeypatch, **options):
    """A case in which a turn of either way takes as many seconds as `ours` was called before."""
    calls = {"ours": 0, "theirs": 0}

    def way(name):
        def run():
            calls[name] += 1

        return run

    monkeypatch.setattr(measure, "turn", lambda run: run() or calls["ours"])
    return measure.Case({}, {name: way(name) for name in calls}, **options)


CALM, SLOW = (1.0, 1.1), (1.0, 1.6)


def test_rounds_beside_a_slow_pulse_are_set_aside(monkeypatch):
    case = counted(monkeypatch, rounds=6, seconds=math.inf)
    pulse = Beats([CALM, SLOW, CALM, (1.6, 1.0), CALM, CALM, CALM, CALM])
    seconds, aside = measure.timed(case, pulse)
    assert aside == 2 and not pulse.rounds
    assert [len(values) for values in seconds.values()] == [6, 6]
    assert seconds["ours"] == [1, 3, 5, 6, 7, 8]


def with_a_clock(monkeypatch):
    """A second passes at each look at the clock: a round takes one, and two more pass around it."""
    ticks = itertools.count()
    monkeypatch.setattr(measure.time, "perf_counter", lambda: float(next(ticks)))


def test_time_spent_in_slow_rounds_does_not_count(monkeypatch):
    case = counted(monkeypatch, rounds=100, seconds=6.5)
    with_a_clock(monkeypatch)
    monkeypatch.setattr(measure, "PATIENCE", math.inf)
    seconds, aside = measure.timed(case, Beats([SLOW] * 6 + [CALM] * 9))
    assert aside == 6 and seconds["ours"] == [7, 8, 9, 10, 11, 12, 13]


def test_without_calm_rounds_the_five_calmest_count(monkeypatch):
    case = counted(monkeypatch, rounds=6, seconds=0)
    with_a_clock(monkeypatch)
    monkeypatch.setattr(measure, "PATIENCE", 20)
    pulse = Beats([(1.5 + k / 10, 1.0) for k in (4, 1, 9, 3, 2, 8, 0)] + [CALM])
    seconds, aside = measure.timed(case, pulse)
    assert aside == 2 and len(pulse.rounds) == 2 and seconds["ours"] == [1, 2, 4, 5, 7]


def test_arrays_lie_elsewhere_every_few_rounds(monkeypatch):
    """What is made anew runs once before it is timed."""
    made, called = itertools.count(1), []

    def elsewhere():
        number = next(made)
        return {"ours": lambda: called.append(number) or number}

    monkeypatch.setattr(measure, "turn", lambda way: way())
    case = measure.Case({}, {"ours": lambda: 0, "theirs": lambda: 9}, rounds=5, seconds=math.inf, elsewhere=elsewhere)
    seconds, _ = measure.timed(case, Beats([CALM] * 5))
    assert measure.SITTING == 2 and seconds == {"ours": [0, 0, 1, 1, 2], "theirs": [9] * 5}
    assert called == [1, 1, 1, 2, 2] and case.ways["ours"]() == 0


def test_the_pulse_remembers_its_quickest(monkeypatch):
    times = iter([[3.0, 2.0, 4.0], [5.0, 6.0, 7.0], [9.0, 1.0, 1.5]])
    monkeypatch.setattr(measure.timeit, "repeat", lambda *_, **__: next(times))
    pulse = measure.Pulse()
    assert [(pulse(), pulse.quickest) for _ in range(3)] == [(2.0, 2.0), (5.0, 2.0), (1.0, 1.0)]
