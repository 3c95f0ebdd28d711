"""What the pages cost, written into the page of benchmarks from benchmarks/pages.json while the book is built."""

import json
from pathlib import Path

from .benchmarks import PAGE, fold, picture, quietness, seconds
from .generated import fill

MARKER = "<!-- the pages: written by _ext/resnotes_book/pages_cost.py when the book is built -->"
RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "pages.json"
KINDS = ("html", "style", "script", "fonts", "pictures", "other")
#: Bytes over the wire, everything included; the second for the page that brings the digits and trains on them.
LIMIT, WITH_DIGITS = 300_000, 360_000
TRAINING = "chapters/12_training.html"
SHIFT = 0.01
#: Lighthouse's performance in its mobile profile.
PERFORMANCE = 90
#: Milliseconds of an update in 95 of 100, but for the explorers that draw samples.
UPDATE = 8
SAMPLED = ("gains", "shattered", "walk", "mixing")
FRONT = "chapters/00_introduction.html"
QUALITIES = {"accessibility": "accessibility", "best-practices": "best practices", "seo": "SEO"}
COLOURS = ("tab:blue", "tab:cyan", "tab:orange", "tab:green", "tab:purple", "tab:grey")


def short(page):
    return page.removeprefix("chapters/").removesuffix(".html")


def kilobytes(count):
    return f"{count / 1000:.0f} kB"


def total(entry):
    return sum(entry["bytes"].values())


def runs(one):
    """A median with the runs it is of."""
    return f"{one['median']} ({', '.join(map(str, one['runs']))})"


def slowest(moved, but=()):
    """The explorer of a page whose updates take longest, of those not named, with their times; None without one."""
    asked = {name: times for name, times in moved.items() if name.rpartition("-")[0] not in but}
    return max(asked.items(), key=lambda item: item[1]["p95"], default=None)


def aims(results):
    """Rows: what was aimed at, what was measured, whether it is reached."""
    pages, performance = results["pages"]["pages"], results["performance"]["book"]
    rest = max((page for page in pages if page != TRAINING), key=lambda page: total(pages[page]))
    shift = max(pages, key=lambda page: max(pages[page]["times"]["shift"], pages[page]["slow"]["shift"]))
    worst_shift = max(pages[shift]["times"]["shift"], pages[shift]["slow"]["shift"])
    rows = [
        (
            f"every page below {kilobytes(LIMIT)}",
            f"{kilobytes(total(pages[rest]))} at most ({short(rest)})",
            total(pages[rest]) < LIMIT,
        ),
        (
            f"the training page, which brings its data, below {kilobytes(WITH_DIGITS)}",
            kilobytes(total(pages[TRAINING])),
            total(pages[TRAINING]) < WITH_DIGITS,
        ),
        ("layout shift below 0.01", f"{worst_shift:.4f} at most ({short(shift)})", worst_shift < SHIFT),
    ]
    moved = {page: slowest(entry.get("updates", {}), SAMPLED) for page, entry in pages.items()}
    page, (name, update) = max(
        ((page, found) for page, found in moved.items() if found), key=lambda item: item[1][1]["p95"]
    )
    rows.append(
        (
            f"an explorer’s update below {UPDATE} ms in 95 of 100, where nothing is sampled",
            f"{update['p95']:.1f} ms at most ({name}; {short(page)})",
            update["p95"] < UPDATE,
        )
    )
    slowest_page = min(performance, key=lambda page: performance[page]["median"])
    for text, page, wanted in (("the front page", FRONT, 95), ("every page measured", slowest_page, PERFORMANCE)):
        one = performance[page]
        measured = f"{runs(one)} ({short(page)})" if page == FRONT else f"{runs(one)} at least ({short(page)})"
        rows.append((f"Lighthouse performance of {text} at least {wanted}", measured, one["median"] >= wanted))
    for name, title in QUALITIES.items():
        below = {page: scores[name] for page, scores in results["qualities"]["book"].items() if scores[name] < 100}
        measured = (
            "100 everywhere" if not below else ", ".join(f"{short(page)} {score}" for page, score in below.items())
        )
        rows.append((f"Lighthouse {title} of every page 100", measured, not below))
    return rows


def missed(rows):
    """Sentences about what is not reached."""
    return [f"- {aim}: measured {measured}." for aim, measured, reached in rows if not reached]


def table(head, rows):
    return [
        "| " + " | ".join(head) + " |",
        "| --- |" + " ---: |" * (len(head) - 1),
        *("| " + " | ".join(row) + " |" for row in rows),
        "",
    ]


def costs(entry):
    """Cells of a page: bytes by kind, their sum, requests."""
    return [kilobytes(entry["bytes"][kind]) for kind in KINDS] + [kilobytes(total(entry)), str(entry["requests"])]


def durations(entry, times, update):
    """Cells of a page: paint, formulas, shift, blocking, update."""
    found = entry[times]
    shown = seconds(found["formulas"]) if "formulas" in found else "none"
    blocking = seconds(found["blocking"]) if found["blocking"] else "0"
    found_update = slowest(entry.get(update, {}))
    moved = "none"
    if found_update:
        moved = f"{found_update[1]['median']:.1f} / {found_update[1]['p95']:.1f} ms"
    return [seconds(found["paint"]), shown, f"{found['shift']:.4f}", blocking, moved]


def weights_plot(pages, stock):
    """Bytes by kind of every page, the stock chapter last."""
    rows = {**{short(page): entry for page, entry in pages.items()}, f"{short(stock['chapter'])}, stock": stock}

    def draw(axes):
        left = [0.0] * len(rows)
        for kind, colour in zip(KINDS, COLOURS, strict=True):
            widths = [entry["bytes"][kind] / 1000 for entry in rows.values()]
            axes.barh(range(len(rows)), widths, left=left, label=kind, color=colour)
            left = [a + b for a, b in zip(left, widths, strict=True)]
        axes.set_yticks(range(len(rows)), list(rows), fontsize=6)
        axes.invert_yaxis()
        axes.set_xlabel("kB over the wire")

    ours = [total(entry) for entry in pages.values()]
    words = f"from {kilobytes(min(ours))} to {kilobytes(max(ours))}; the chapter with stock settings {kilobytes(total(stock))}"
    return picture(draw, "Weight of every page", f"Weight of every page by kind: {words}.")


def compared(results):
    """One chapter built both ways, side by side."""
    found, performance, judged = (results[part] for part in ("pages", "performance", "qualities"))
    stock, page = found["stock"], found["stock"]["chapter"]
    ours = found["pages"][page]
    one, other = performance["book"][page], performance["stock"]
    names = ("First paint", "All formulas shown", "Layout shift", "Blocking", "Explorer, median / 95 %")
    rows = [[kind, kilobytes(ours["bytes"][kind]), kilobytes(stock["bytes"][kind])] for kind in KINDS]
    rows += [
        ["all", kilobytes(total(ours)), kilobytes(total(stock))],
        ["Requests", str(ours["requests"]), str(stock["requests"])],
    ]
    for times, update, where in (("times", "updates", ""), ("slow", "slow_updates", ", processor four times slower")):
        both = zip(names, durations(ours, times, update), durations(stock, times, update), strict=True)
        rows += [[name + where, a, b] for name, a, b in both]
    rows.append(["Lighthouse performance", runs(one), runs(other)])
    qualities = (judged["book"][page], judged["stock"])
    rows += [[f"Lighthouse {title}", *(str(scores[name]) for scores in qualities)] for name, title in QUALITIES.items()]
    return table(["Measured", "this book", "stock settings"], rows)


def build_section(build):
    slowest = sorted(build["notebooks"].items(), key=lambda item: -item[1])
    return [
        "**Building the book**",
        "",
        f"`make book` takes {seconds(build['cold'])} where nothing is built yet and {seconds(build['warm'])} where nothing has "
        f"changed; measured {build['when']} UTC, {quietness(build)}. Of this the notebooks take "
        f"{seconds(sum(build['notebooks'].values()))}, the rest is the checks of all equations and the writing of the pages.",
        "",
        *table(["Notebook", "Executed in"], [[short(name), seconds(took)] for name, took in slowest]),
    ]


def section(results):
    """The section as MyST text."""
    found, lighthouse, machine = results["pages"], results["performance"], results["machine"]
    pages, stock = found["pages"], found["stock"]
    rows = aims(results)
    losing = missed(rows)
    said = ["For the pages, not reached:", "", *losing, ""] if losing else []
    detail = fold(
        "For developers: the pages and the build",
        [
            f"Measured {found['when']} UTC on {machine['processor']}, {machine['cores']} cores, {quietness(found)}, in Chromium "
            f"{machine['chromium']}, 1280 × 800, by a local server that compresses, nothing cached; medians of {found['runs']} visits. "
            f"Lighthouse {machine['lighthouse']} in its mobile profile, {lighthouse['when']} UTC, {quietness(lighthouse)}. "
            "`make pages-cost` measures anew.",
            "",
            *table(["Aim", "Measured", "Reached"], [[a, m, "yes" if r else "**no**"] for a, m, r in rows]),
            *weights_plot(pages, stock),
            "**One chapter, as it is and with stock settings**",
            "",
            f"Chapter {short(stock['chapter'])} with {pages[stock['chapter']]['formulas']} formulas and an explorer; with stock settings "
            f"{stock['formulas']}, since the extension of this book adds some. Those pages load MathJax, require.js, the manager of the "
            "widgets and anywidget's script from other hosts. Here all of them came from npm packages of the same versions, by the same "
            "local server, their addresses rewritten: over a network the stock page is slower than this.",
            "",
            *compared(results),
            "**Every page**",
            "",
            "Over the wire, compressed, fonts and pictures included:",
            "",
            *table(
                ["Page", *KINDS, "all", "Requests"], [[short(page), *costs(entry)] for page, entry in pages.items()]
            ),
            "Times without a network; “all formulas” counts their fonts. An explorer's update is the time from a control's event "
            "to the new layout, median and 95th percentile, of the page's slowest.",
            "",
            *[
                line
                for times, update, title in (
                    ("times", "updates", "On this processor"),
                    ("slow", "slow_updates", "Four times slower"),
                )
                for line in (
                    f"**{title}**",
                    "",
                    *table(
                        ["Page", "First paint", "All formulas", "Layout shift", "Blocking", "Explorer"],
                        [[short(page), *durations(entry, times, update)] for page, entry in pages.items()],
                    ),
                )
            ],
            *build_section(results["build"]),
        ],
    )
    return "\n".join([*said, *detail])


def written(app):
    # The first measurement needs a built book.
    return section(json.loads(RESULTS.read_text("utf-8"))) if RESULTS.exists() else "Not measured yet."


def setup(app):
    fill(app, PAGE, MARKER, written)
