"""docs/access.md: Lighthouse's figures for every page."""

COLUMNS = {"accessibility": "Accessibility", "best-practices": "Best practices", "seo": "SEO"}


def short(page):
    return page.removeprefix("chapters/").removesuffix(".html")


def text(results):
    """The page, from what pages.json holds."""
    qualities, performance, machine = results["qualities"], results["performance"], results["machine"]
    lines = [
        "# What Lighthouse says of the pages", "",
        f"Lighthouse {machine['lighthouse']}, mobile profile, Chromium {machine['chromium']}, pages from a local server that "
        f"compresses, {qualities['when']} UTC. `make pages-cost` measures anew and writes this page.", "",
        "| Page | " + " | ".join(COLUMNS.values()) + " | What fails |", "| --- |" + " ---: |" * len(COLUMNS) + " --- |",
    ]
    for page, scores in qualities["book"].items():
        cells = " | ".join(str(scores[name]) for name in COLUMNS)
        lines.append(f"| {short(page)} | {cells} | {', '.join(scores['failing'])} |")
    lines += ["", f"Performance, {performance['when']} UTC, the median of the runs in brackets:", "", "| Page | Performance |", "| --- | --- |"]
    rows = [*performance["book"].items(), ("one chapter with stock settings", performance["stock"])]
    lines += [f"| {short(page)} | {one['median']} ({', '.join(map(str, one['runs']))}) |" for page, one in rows]
    return "\n".join(lines) + "\n"
