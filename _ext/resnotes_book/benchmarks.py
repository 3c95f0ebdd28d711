"""The page of benchmarks, written from benchmarks/results.json while the book is built."""

import base64
import io
import json
from pathlib import Path

from .generated import fill

PAGE = "chapters/benchmarks"
MARKER = "<!-- the benchmarks: written by _ext/resnotes_book/benchmarks.py when the book is built -->"
RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results.json"
TORCH = RESULTS.with_name("torch.json")
TITLES = {
    "chain": "Forward and backward through a residual chain",
    "jacobian": "The Jacobian over 100 units",
    "paths": "The Jacobian by path length",
    "training": "Training",
    "verify": "Checking what the book says",
}
TEXTS = {
    "chain": "Units x + W₂ relu(W₁ x + b₁) + b₂, a batch of 64, the gradients of all states and all parameters. "
    "`network` is `Network.forward` and `Network.backward` with their checks. `plain NumPy` is the same formulas in a "
    "loop without checks, which keeps nothing but what is asked for. `jax` is compiled, `torch` eager.",
    "jacobian": "At one input, of units x + W₂ tanh(W₁ x + b₁) + b₂, the forward pass included.",
    "paths": "Width 4. All paths one by one end where 2ⁿ does. No transform is used: the sums are exact to rounding, part "
    "by part.",
    "training": "An epoch of plain gradient descent, 22 batches of 64, width 32, the losses' gradients included.",
}
# Lines and markers of the figures.
STYLES = {"network": "o-", "plain NumPy": "v:", "jax": "s--", "torch": "^-.", "by length": "o-", "one by one": "^-."}


def seconds(value):
    """A time with three figures."""
    for unit, size in (("s", 1), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value / 1e-9:.3g} ns"


def ratio(entry):
    """A ratio with its quartiles."""
    values = entry["ratio"]
    return f"{values['median']:.2f} ({values['low']:.2f}–{values['high']:.2f})"


def quietness(run):
    """Whether other work shared the processor when a run began."""
    return "on a quiet machine" if run["load_before"] < 0.5 else f"at a load of {run['load_before']:.1f} by other work"


def size_text(size):
    """Sizes in words: width and depth first, the dtype last."""
    words = [f"{key} {value}" for key, value in size.items() if key != "dtype"]
    return ", ".join([*words, *([size["dtype"]] if "dtype" in size else [])])


def slower(workloads):
    """Sentences about every alternative that was faster than ours somewhere, the worst first."""
    sentences = []
    for name, entry in workloads.items():
        found = {}
        for case in entry.get("cases", ()):
            ours, *others = case["ways"]
            for way in others:
                median = case["ways"][way]["ratio"]["median"]
                found.setdefault(way, []).append((median, size_text(case["size"])))
        for way, ratios in found.items():
            lost = sorted(ratio for ratio in ratios if ratio[0] < 1)
            if lost:
                least, place = lost[0]
                text = (
                    f"{TITLES[name]}: {way} was faster than `{ours}` in {len(lost)} of {len(ratios)} measurements. "
                    f"At worst it took {least:.2f} of the time ({place})."
                )
                sentences.append((least, text))
    return [text for _, text in sorted(sentences)]


def table(cases):
    """Our time and the others' ratios to it, for cases whose first has all the ways."""
    ours, *others = max((case["ways"] for case in cases), key=len)
    lines = ["| Size | " + " | ".join([f"{ours}, time", *others]) + " |", "| --- " * (len(others) + 2) + "|"]
    for case in cases:
        ways = case["ways"]
        cells = [seconds(ways[ours]["seconds"]["median"]), *(ratio(ways[w]) if w in ways else "" for w in others)]
        lines.append(f"| {size_text(case['size'])} | {' | '.join(cells)} |")
    return lines


def picture(draw, title, alt):
    """A figure as an image element, the drawing inside it."""
    import matplotlib
    from matplotlib.figure import Figure

    settings = {"svg.fonttype": "none", "svg.hashsalt": title, "font.family": "sans-serif", "font.size": 10}
    with matplotlib.rc_context(settings):
        figure = Figure(figsize=(6.6, 3.6), layout="constrained", facecolor="white")
        axes = figure.subplots()
        draw(axes)
        axes.set_title(title, fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=8)
        stream = io.BytesIO()
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    data = base64.b64encode(stream.getvalue()).decode("ascii")
    return [
        "",
        "```{raw} html",
        f'<img class="benchmark" width="634" height="346" style="height:auto;margin-bottom:1rem" alt="{alt}" '
        f'src="data:image/svg+xml;base64,{data}">',
        "```",
        "",
    ]


def relative(cases):
    """A figure of the others' times in units of ours, and the sentence that says the same in words."""
    ours, *others = cases[0]["ways"]
    ratios = {way: [case["ways"][way]["ratio"]["median"] for case in cases] for way in others}

    def draw(axes):
        labels = ["{width}×{depth}\n{dtype}".format_map(case["size"]) for case in cases]
        for way, values in ratios.items():
            axes.semilogy(range(len(cases)), values, STYLES[way], label=way, markersize=5)
        axes.axhline(1, color="tab:blue", linewidth=1, label=ours)
        axes.set_xticks(range(len(cases)), labels, fontsize=7)
        axes.set_ylabel(f"time, {ours} = 1")
        axes.set_ylim(top=2.5 * axes.get_ylim()[1])  # room for the legend

    words = ", ".join(f"{way} from {min(values):.2f} to {max(values):.2f}" for way, values in ratios.items())
    return picture(draw, "One pass forward and back", f"Times relative to those of {ours}: {words}.")


def growth(cases):
    """A figure of the times against the depth, and the sentence that says the same in words."""
    series = {}
    for case in cases:
        for way, found in case["ways"].items():
            series.setdefault(way, []).append((case["size"]["depth"], found["seconds"]["median"]))

    def draw(axes):
        for way, points in series.items():
            axes.loglog(*zip(*points, strict=True), STYLES[way], label=way, markersize=4)
        axes.set_xlabel("units")
        axes.set_ylabel("seconds")

    ends = (
        f"{way} from {seconds(points[0][1])} at {points[0][0]} to {seconds(points[-1][1])} at {points[-1][0]}"
        for way, points in series.items()
    )
    return picture(draw, TITLES["paths"], f"{TITLES['paths']}, against units: {'; '.join(ends)}.")


def verify_section(entry):
    checks = entry["checks"]
    lines = [
        f"`python -m resnotes verify` took {seconds(entry['whole'])} for {len(checks)} checks; the slowest:",
        "",
        "| Check | Kind | Time |",
        "| --- | --- | --- |",
    ]
    return lines + [f"| {row['name']} | {row['kind']} | {seconds(row['seconds'])} |" for row in checks[:20]]


def fold(title, lines):
    """Lines behind a heading that opens them."""
    return [f"::::{{admonition}} {title}", ":class: dropdown", "", *lines, "::::", ""]


def section(name, entry):
    if name == "verify":
        return fold(TITLES[name], verify_section(entry))
    lines = [TEXTS[name], ""]
    if name in ("chain", "paths"):
        lines += (relative if name == "chain" else growth)(entry["cases"])
    place = f"{' and '.join(entry['kernel'])}, measured {entry['when']} UTC at a load of {entry['load']}"
    return fold(TITLES[name], [*lines, *table(entry["cases"]), "", f"One thread, {place}."])


def glance(workloads):
    """A row for each workload: a case of middling cost, and how many times as long the others take."""
    lines = ["| What | Of what size | Takes | Others, in units of it |", "| --- | --- | ---: | --- |"]
    for name, entry in workloads.items():
        if name == "verify":
            lines.append(f"| {TITLES[name]} | {len(entry['checks'])} checks | {seconds(entry['whole'])} | |")
            continue
        ours, *_ = max((case["ways"] for case in entry["cases"]), key=len)
        ordered = sorted(entry["cases"], key=lambda case: case["ways"][ours]["seconds"]["median"])
        case = ordered[len(ordered) // 2]
        others = [
            f"{way} {found['ratio']['median']:.{2 if found['ratio']['median'] < 10 else 0}f}"
            for way, found in case["ways"].items()
            if way != ours
        ]
        took = seconds(case["ways"][ours]["seconds"]["median"])
        lines.append(f"| {TITLES[name]} | {size_text(case['size'])} | {took} | {', '.join(others)} |")
    return lines


def page(results):
    """The page as MyST text."""
    workloads, machine = results["workloads"], results["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    losing = slower(workloads)
    lines = [
        f"Measured on {machine['processor']}, {machine['cores']} cores, {machine['memory_GiB']} GiB, "
        f"{machine['system']}, Python {machine['python']}; {packages}.",
        "",
        "## Where ours is slower",
        "",
        *(f"- {text}" for text in losing),
        *([] if losing else ["Nowhere in these measurements."]),
        "",
        "## In short",
        "",
        *glance(workloads),
        "",
        "## In full",
        "",
    ]
    for name, entry in workloads.items():
        lines += section(name, entry)
    return "\n".join(lines)


def torch_section(found):
    """What a report on a PyTorch model costs beside one forward and backward pass of it."""
    ways = list(next(iter(found["models"].values()))["ratios"])
    packages = ", ".join(f"{name} {version}" for name, version in found["packages"].items())
    rows = [
        [name, str(one["units"]), seconds(one["seconds"]), *(f"{one['ratios'][way]:.2f}" for way in ways)]
        for name, one in found["models"].items()
    ]
    lines = [
        "`resnotes.torch.report` of a batch beside one forward and backward pass of it, as the ratio of their times. A "
        "report without lengths sends one row back, each length one more.",
        "",
        *(
            f"| {' | '.join(row)} |"
            for row in [["Model", "Units", "One pass", *ways], ["---"] * (3 + len(ways)), *rows]
        ),
        "",
        *(
            f"In a training of {name}, `Watch(every={one['watch']['every']})` adds {100 * one['watch']['added']:.1f} % to "
            f"the time (median of {len(one['watch']['blocks'])} pairs of blocks of training, with it and without)."
            for name, one in found["models"].items()
            if "watch" in one
        ),
        f"One thread; {packages}.",
    ]
    return "\n".join(fold("The report on a PyTorch model", lines))


def written(app):
    parts = [page(json.loads(RESULTS.read_text("utf-8")))]
    if TORCH.is_file():  # where it was measured
        parts.append(torch_section(json.loads(TORCH.read_text("utf-8"))))
    return "\n".join(parts)


def setup(app):
    fill(app, PAGE, MARKER, written)
