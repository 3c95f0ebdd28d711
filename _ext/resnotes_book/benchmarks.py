"""The page of benchmarks, written from benchmarks/results.json while the book is built."""

import base64
import io
import json
from pathlib import Path

PAGE = "chapters/benchmarks"
MARKER = "<!-- the benchmarks: written by _ext/resnotes_book/benchmarks.py when the book is built -->"
RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results.json"
TITLES = {
    "chain": "Forward and backward through a residual chain",
    "jacobian": "The Jacobian over 100 units",
    "paths": "The Jacobian by path length",
    "sweeps": "Sweeps over 201 shortcuts",
    "symbolic": "Derivations",
    "training": "Training",
    "verify": "Checking every equation",
}
TEXTS = {
    "chain": "Units x + W₂ relu(W₁ x + b₁) + b₂, a batch of 64, the gradients of all states and all parameters. "
    "`workspace` is `resnotes.workspace.Workspace`, `network` is `Network.forward` and `Network.backward` in "
    "new arrays. The parameters of all units lie side by side, in one array of each kind, as `jax` takes them; "
    "`parameters apart` is a workspace where each is an array by itself. `jax` is compiled, `torch` eager. "
    "The limit is the six matrix products of each unit, their results kept, laid out so that none has to turn "
    "a matrix.",
    "jacobian": "At one input, of units x + W₂ tanh(W₁ x + b₁) + b₂, the forward pass included. `workspace` takes the "
    "Jacobian along with it (`Workspace.jacobian(x)`); `jacobian alone` is what the workspace takes where the "
    "forward pass is there already. `network` is as above. The limit is two matrix products a unit.",
    "paths": "Width 4. All paths one by one end where 2ⁿ does. `jax` is the same recursion, compiled, on arrays of full "
    "length; it includes the forward pass. No transform is used: the sums are exact to rounding, part by part.",
    "sweeps": "The scalar chain at 1000 depths, and the norm of the gradient at every unit of a chain of width 16.",
    "symbolic": "The gradient of a chain in SymPy, by the form that each chapter derives and by `sympy.diff` of the composed "
    "expression. Both are compared with numbers in them first.",
    "training": "An epoch of plain gradient descent of all networks, 22 batches of 64, width 32, the losses' gradients "
    "included, one network after the other. `jax, vmap` takes all networks in one compiled step.",
}
# What was aimed at on one thread with OpenBLAS's own kernel: text, workload, way, sizes, the ratio wanted, and to which
# way of ours, where it is not the first.
TARGETS = (
    ("never slower than compiled JAX, width 16", "chain", "jax", {"width": 16}, 1.0),
    ("never slower than compiled JAX, width 64", "chain", "jax", {"width": 64}, 1.0),
    ("4 times as fast as PyTorch, width 16", "chain", "torch", {"width": 16}, 4.0),
    ("twice as fast as PyTorch, width 64", "chain", "torch", {"width": 64}, 2.0),
    ("within 2 times the limit, width 16", "chain", "limit", {"width": 16}, 1 / 2),
    ("within 1.45 times the limit, width 64", "chain", "limit", {"width": 64}, 1 / 1.45),
    ("4 times as fast as PyTorch's Jacobian", "jacobian", "torch", {}, 4.0),
    ("not slower than compiled JAX's Jacobian, width 64", "jacobian", "jax", {"width": 64}, 1.0),
    ("the same once the forward pass is there", "jacobian", "jax", {"width": 64}, 1.0, "jacobian alone"),
)
# Absolute times: text, workload, sizes, our way, seconds.
TIMES = (
    ("1000 units by path length in 30 ms", "paths", {"depth": 1000}, "by length", 0.030),
    ("201 shortcuts at 1000 depths in 5 ms", "sweeps", {"workload": "scalar chain"}, "power_sweep", 0.005),
)


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


def configuration(run):
    kernel = f", {' and '.join(run['kernel'])}" if run.get("kernel") else ""
    pinned = ", pinned" if run["pinned"] else ""
    return f"{run['threads']} thread{'s' if run['threads'] > 1 else ''}{kernel}{pinned}"


def quietness(run):
    """Whether other work shared the processor when a run began."""
    return "on a quiet machine" if run["load_before"] < 0.5 else f"at a load of {run['load_before']:.1f} by other work"


def company(run):
    """How much of the processors' time went to other work while a workload ran, and how many rounds were set aside."""
    text = "other work unknown"
    if run["others"] is not None:
        text = f"while other work took {run['others']:.1%} of the processors' time"
    aside, rounds = (sum(case[key] for case in run.get("cases", ())) for key in ("aside", "rounds"))
    return f"{text}, {aside} of {aside + rounds} rounds set aside" if aside else text


def size_text(size):
    """Sizes in words; in the file they stand by name, here width and depth come first and the format last."""
    first = ("workload", "chapter", "width", "depth")
    keys = (
        [key for key in first if key in size] + sorted(size.keys() - {*first, "dtype"}) + ["dtype"] * ("dtype" in size)
    )
    return ", ".join(
        str(size[key]) if key in ("dtype", "workload", "chapter") else f"{key} {size[key]}" for key in keys
    )


def plain_run(entry):
    """One thread and OpenBLAS's own choice."""
    return next((run for run in entry["runs"] if run["threads"] == 1 and not run["pinned"]), None)


def matching(run, sizes):
    return [case for case in run["cases"] if sizes.items() <= case["size"].items()]


def slower(workloads):
    """Sentences about every alternative that was faster than ours somewhere, the worst first."""
    found = {}
    for name, entry in workloads.items():
        for run in entry["runs"]:
            for case in run.get("cases", ()):
                ours, *others = case["order"]
                for way in others:
                    if way not in ("limit", *OWN):
                        ratios = found.setdefault((TITLES[name], way, ours), [])
                        place = f"{size_text(case['size'])}; {configuration(run)}"
                        ratios.append((case["ways"][way]["ratio"]["median"], place))
    sentences = []
    for (title, way, ours), ratios in found.items():
        lost = sorted(ratio for ratio in ratios if ratio[0] < 1)
        if lost:
            least, place = lost[0]
            text = (
                f"{title}: {way} was faster than `{ours}` in {len(lost)} of {len(ratios)} measurements. "
                f"At worst it took {least:.2f} of the time ({place})."
            )
            sentences.append((least, text))
    return [text for _, text in sorted(sentences)]


# Ways of ours beside the first.
OWN = ("jacobian alone", "network", "parameters apart", "forward and by length", "ours, multiplied out")


def times_ours(case, way, ours=None):
    """Another way's time in units of ours: of the first way, or of the one named."""
    median = lambda name: case["ways"][name]["ratio"]["median"]  # noqa: E731
    return median(way) / (median(ours) if ours else 1)


def targets(workloads):
    """Rows: what was aimed at, what was measured, whether it is met."""
    rows = []
    for text, name, way, sizes, wanted, *ours in TARGETS:
        run = plain_run(workloads[name]) if name in workloads else None
        if run:
            worst = min(times_ours(case, way, *ours) for case in matching(run, sizes))
            verdict = "met" if worst >= wanted else "**not met**"
            measured = f"{1 / worst:.2f} times the limit" if way == "limit" else f"{worst:.2f} times as fast"
            rows.append(f"| {text} | {measured} at worst | {verdict} |")
    for text, name, sizes, way, wanted in TIMES:
        run = plain_run(workloads[name]) if name in workloads else None
        if run:
            median = max(case["ways"][way]["seconds"]["median"] for case in matching(run, sizes))
            rows.append(f"| {text} | {seconds(median)} | {'met' if median <= wanted else '**not met**'} |")
    kernels = sorted(
        {name for entry in workloads.values() if plain_run(entry) for name in plain_run(entry).get("kernel", ())}
    )
    return [f"| Aim, on one thread, {' and '.join(kernels)} | Measured | Verdict |", "| --- | --- | --- |", *rows]


def common(run):
    """The sizes that are the same in all of several cases."""
    first, *others = (case["size"] for case in run["cases"])
    return {key: value for key, value in first.items() if others and all(size.get(key) == value for size in others)}


def table(run):
    """All cases of a run: our time, and the others' ratios to it."""
    same, lines = common(run), []
    columns = None
    for case in run["cases"]:
        ways = case["order"]
        if columns is None or not set(ways) <= set(columns):
            columns = ways
            if lines:
                lines.append("")
            lines += [
                "| Size | " + " | ".join([f"{ways[0]}, time", *ways[1:]]) + " |",
                "| --- " * (len(ways) + 1) + "|",
            ]
        cells = [seconds(case["ways"][ways[0]]["seconds"]["median"])]
        cells += [ratio(case["ways"][way]) if way in case["ways"] else "" for way in columns[1:]]
        varying = {key: value for key, value in case["size"].items() if key not in same}
        lines.append(f"| {size_text(varying)} | " + " | ".join(cells) + " |")
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


STYLES = {
    "workspace": "o-",
    "network": "v:",
    "jax": "s--",
    "torch": "^-.",
    "limit": "k:",
    "by length": "o-",
    "one by one": "^-.",
    "ours, not multiplied out": "o-",
    "sympy.diff": "^-.",
    "ours, multiplied out": "v:",
    "autograd": "D:",
}


def growth(run, over, sizes, title, xlabel, ways):
    """Time against one size, on two log axes, and the sentence that says the same in words."""
    cases = matching(run, sizes)
    series = {}
    for case in cases:
        for way in case["ways"]:
            if way in ways:
                series.setdefault(way, []).append((case["size"][over], case["ways"][way]["seconds"]["median"]))

    def draw(axes):
        for way in ways:
            if way in series:
                axes.loglog(*zip(*series[way], strict=True), STYLES[way], label=way, markersize=4)
        axes.set_xlabel(xlabel)
        axes.set_ylabel("seconds")

    ends = (
        f"{way} from {seconds(values[0][1])} at {values[0][0]} to {seconds(values[-1][1])} at {values[-1][0]}"
        for way, values in series.items()
    )
    return picture(draw, title, f"{title}, against {xlabel}: {'; '.join(ends)}.")


def plots(name, run):
    if name == "chain":
        bars = {(case["size"]["width"], case["size"]["depth"], case["size"]["dtype"]): case for case in run["cases"]}

        def draw(axes):
            labels = [f"{width}×{depth}\n{dtype[-2:]} bit" for width, depth, dtype in bars]
            for way in ("network", "jax", "torch", "limit"):
                axes.semilogy(
                    range(len(bars)),
                    [c["ways"][way]["ratio"]["median"] for c in bars.values()],
                    STYLES[way],
                    label=way,
                    markersize=5,
                )
            axes.axhline(1, color="tab:blue", linewidth=1, label="workspace")
            axes.set_xticks(range(len(bars)), labels, fontsize=7)
            axes.set_ylabel("time, workspace = 1")
            axes.set_ylim(top=2.5 * axes.get_ylim()[1])  # room for the legend

        worst = {
            way: min(c["ways"][way]["ratio"]["median"] for c in bars.values()) for way in ("jax", "torch", "limit")
        }
        words = ", ".join(f"{way} from {value:.2f}" for way, value in worst.items())
        return picture(
            draw, "One pass forward and back", f"Times relative to the workspace's at every size: {words} on."
        )
    if name == "paths":
        return growth(run, "depth", {}, "Jacobian by path length", "units", ("by length", "jax", "one by one"))
    if name == "symbolic":
        return growth(
            run,
            "depth",
            {"chapter": "unrolled"},
            "Gradient of a chain in SymPy",
            "units",
            ("ours, not multiplied out", "ours, multiplied out", "sympy.diff"),
        ) + counted(run)
    return []


def counted(run):
    """How the derivations grow, in operations, and what is said where one is not written out."""
    lines = ["| Derivation | operations, ours | `sympy.diff` |", "| --- | --- | --- |"]
    for chapter in dict.fromkeys(case["size"]["chapter"] for case in run["cases"]):
        cases = matching(run, {"chapter": chapter})
        columns = []
        for way in ("ours, not multiplied out", "sympy.diff"):
            grown = [case for case in cases if way in case["operations"]]
            columns.append(
                ", ".join(
                    f"{case['operations'][way]} at {case['size']['depth']}" for case in (*grown[2:9:3], *grown[9:][-1:])
                )
            )
        lines.append(f"| {chapter} | {' | '.join(columns)} |")
    return [
        *lines,
        "",
        f"Multiplied out, a form has 2ⁿ terms. Beyond 16 units the package refuses: `{run['cases'][0]['refusal']}`.",
        "",
    ]


def memory(name, entry):
    lines = []
    set_up = "setting up and compiling" if name == "chain" else "compiling"
    for table in entry.get("memory", ()):
        used = sorted(table["bytes"].items(), key=lambda item: item[1])
        amounts = ", ".join(f"{way} {value / 2**20:.1f} MiB" for way, value in used)
        lines += [
            "",
            f"Peak memory at {size_text(table['size'])}, one thread, each way in a process of its own, {set_up} "
            f"included: {amounts}.",
        ]
    return lines


def verify_section(run):
    checks = run["checks"]
    lines = [
        f"`python -m resnotes verify` took {seconds(run['whole'])} for {len(checks)} equations and claims; the slowest:",
        "",
        "| Check | Kind | Time |",
        "| --- | --- | --- |",
    ]
    return lines + [f"| {row['name']} | {row['kind']} | {seconds(row['seconds'])} |" for row in checks[:20]]


def section(name, entry, processor):
    lines = [f"## {TITLES[name]}", ""]
    others = sorted({run["processor"] for run in entry["runs"]} - {processor})
    if others:
        lines += [f"Measured on another processor: {', '.join(others)}.", ""]
    if name == "verify":
        return lines + verify_section(entry["runs"][0]) + [""]
    lines += [TEXTS[name], ""]
    plain = plain_run(entry)
    if plain:
        lines += plots(name, plain)
    for run in entry["runs"]:
        heading = ", ".join(
            filter(None, [f"**{configuration(run)}**", size_text(common(run)), f"measured {run['when']} UTC"])
        )
        lines += [f"{heading}, {company(run)}", "", *table(run), ""]
    return lines + memory(name, entry) + [""]


def with_order(results):
    """The ways of each case with ours first: JSON keeps no order of its own once sorted."""
    for entry in results["workloads"].values():
        for run in entry["runs"]:
            for case in run.get("cases", ()):
                first = [
                    way
                    for way in ("workspace", "by length", "power_sweep", "gradient_norms", "ours, not multiplied out")
                    if way in case["ways"]
                ]
                case["order"] = first + [
                    way
                    for way in (
                        *OWN,
                        "jax",
                        "jax, vmap",
                        "torch",
                        "autograd",
                        "one by one",
                        "sympy.diff",
                        "exact, a 200th",
                        "limit",
                    )
                    if way in case["ways"]
                ]
    return results


def page(results):
    """The page as MyST text."""
    results = with_order(results)
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
        "## What was aimed at",
        "",
        *targets(workloads),
        "",
    ]
    for name, entry in workloads.items():
        lines += section(name, entry, machine["processor"])
    return "\n".join(lines)


def write_page(app, docname, source):
    if docname == PAGE:
        if MARKER not in source[0]:
            raise ValueError(f"{docname}: want the line {MARKER!r} where the benchmarks belong")
        results = json.loads(RESULTS.read_text("utf-8"))
        source[0] = source[0].replace(MARKER, page(results))


def setup(app):
    app.connect("source-read", write_page)
