"""docs/access.md: Lighthouse's figures for every page."""

from _ext.resnotes_book.pages_cost import QUALITIES, runs, short


def text(results):
    """The page, from what pages.json holds."""
    qualities, performance, machine = results["qualities"], results["performance"], results["machine"]
    titles = [title[:1].upper() + title[1:] for title in QUALITIES.values()]
    lines = [
        "# What Lighthouse says of the pages",
        "",
        f"Lighthouse {machine['lighthouse']}, mobile profile, Chromium {machine['chromium']}, pages from a local server that "
        f"compresses, {qualities['when']} UTC. `make pages-cost` measures anew and writes this page.",
        "",
        "| Page | " + " | ".join(titles) + " | What fails |",
        "| --- |" + " ---: |" * len(titles) + " --- |",
    ]
    for page, scores in sorted(qualities["book"].items()):
        cells = " | ".join(str(scores[name]) for name in QUALITIES)
        lines.append(f"| {short(page)} | {cells} | {', '.join(scores['failing'])} |")
    lines += [
        "",
        f"Performance, {performance['when']} UTC, the median of the runs in brackets:",
        "",
        "| Page | Performance |",
        "| --- | --- |",
    ]
    rows = [*sorted(performance["book"].items()), ("one chapter with stock settings", performance["stock"])]
    lines += [f"| {short(page)} | {runs(one)} |" for page, one in rows]
    return "\n".join(lines) + "\n"
