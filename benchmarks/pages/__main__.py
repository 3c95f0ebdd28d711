"""Measure the built book and write pages.json, from which the book's appendix and docs/access.md are written.

python -m benchmarks.pages                    the build, the pages, Lighthouse's performance and its other categories
python -m benchmarks.pages pages qualities    these alone; the rest of pages.json stays
python -m benchmarks.pages performance --only 04_ 13_    of these pages alone; the others' figures stay
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from playwright.sync_api import sync_playwright

from _ext.resnotes_book.pages_cost import RESULTS
from benchmarks import machine
from tools import book, chromium, run

from . import access, audits, observe, server, stock

#: The chapter that is built with stock settings too: 235 formulas and an explorer.
CHAPTER = "05_unrolled_sum"


def say(text):
    print(text, flush=True)


def content_pages(html, only=()):
    """Addresses of the book's pages (index.html only leads to the first), where asked for those with a part of `only`."""
    pages = sorted(path.relative_to(html).as_posix() for path in html.rglob("*.html") if path.name != "index.html")
    return [page for page in pages if not only or any(part in page for part in only)]


def joined(stored, found, built):
    """What was found of some pages, with what is stored of the others that are built."""
    both = {**stored, **found}
    for key in {"pages", "book"} & found.keys():
        both[key] = {page: entry for page, entry in {**stored.get(key, {}), **found[key]}.items() if page in built}
    return both


def timed(command):
    began = time.perf_counter()
    subprocess.run(command, cwd=book.ROOT, check=True, stdout=subprocess.DEVNULL)
    return round(time.perf_counter() - began, 2)


def measure_build():
    """Seconds of the book's build, with nothing built before and with nothing to do, and of each notebook."""
    command = [sys.executable, "tools/book.py"]
    # What is fresh would not be built.
    book.stamp().unlink(missing_ok=True)
    cold = timed(command)
    warm = timed(command)
    return {
        "cold": cold,
        "warm": warm,
        "notebooks": json.loads((book.ROOT / "_build" / "times.json").read_text("utf-8")),
    }


def measure_pages(browser, pages, url, stock_url, runs):
    """These pages of the book, and the stock chapter between them."""
    found = {"runs": runs, "pages": {}}
    for page in pages:
        say(f"  {page}")
        found["pages"][page] = observe.page(browser, url + page, runs)
        if CHAPTER in page:
            say("  the same with stock settings")
            # The manager of the widgets looks beside the page first for what it then takes from the packages.
            found["stock"] = {"chapter": page, **observe.page(browser, stock_url + page, runs, whole=False)}
    return found


def measure_performance(pages, url, stock_url, program, runs):
    """Lighthouse's performance of these pages, and of the stock chapter if it is one of them."""
    found = {"book": {}}
    for page in pages:
        say(f"  {page}")
        found["book"][page] = audits.performance(url + page, program, runs)
        if CHAPTER in page:
            say("  the same with stock settings")
            found["stock"] = audits.performance(stock_url + page, program, runs)
    return found


def measure_qualities(pages, url, stock_url, program):
    """Lighthouse's other categories of these pages, and of the stock chapter if it is one of them."""
    found = {"book": {}}
    for page in pages:
        say(f"  {page}")
        found["book"][page] = audits.qualities(url + page, program)
        if CHAPTER in page:
            found["stock"] = audits.qualities(stock_url + page, program)
    return found


def described(browser):
    return {**machine.described(()), "chromium": browser.version, "lighthouse": audits.version()}


def stamped(found, load):
    """What was found, with when, and how busy the machine was before."""
    return {**found, "when": datetime.now(UTC).strftime("%Y-%m-%d %H:%M"), "load_before": round(load, 2)}


def main(arguments):
    asked = run.parser("pages-cost").parse_args(arguments)
    parts = asked.parts or run.PARTS
    audits.install()
    program = chromium.find_or_fetch()
    results = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    if "build" in parts:
        say("Building the book")
        load = os.getloadavg()[0]
        results["build"] = stamped(measure_build(), load)
    if not book.is_fresh():
        sys.exit("The built book is older than its sources: run `make book` first.")
    html = book.ROOT / "_build" / "html"
    built, pages = content_pages(html), content_pages(html, asked.only)
    if not pages:
        sys.exit(f"--only: got {', '.join(asked.only)}, wanted parts of pages' names")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        say(f"Building {CHAPTER} with stock settings")
        stock_html, stock_seconds = stock.build(CHAPTER, Path(folder))
        browser = playwright.chromium.launch(executable_path=program, args=chromium.arguments())
        results["machine"] = described(browser)
        with server.serving(html) as url, server.serving(stock_html, audits.HERE / "node_modules") as stock_url:
            if "pages" in parts:
                say("Pages")
                load = os.getloadavg()[0]
                found = measure_pages(browser, pages, url, stock_url, asked.runs)
                if "stock" in found:
                    found["stock"]["build"] = round(stock_seconds, 2)
                results["pages"] = joined(results.get("pages", {}), stamped(found, load), built)
            browser.close()
            if "performance" in parts:
                say("Lighthouse: performance")
                load = os.getloadavg()[0]
                found = measure_performance(pages, url, stock_url, program, asked.runs)
                results["performance"] = joined(results.get("performance", {}), stamped(found, load), built)
            if "qualities" in parts:
                say("Lighthouse: accessibility, best practices, SEO")
                load = os.getloadavg()[0]
                found = measure_qualities(pages, url, stock_url, program)
                results["qualities"] = joined(results.get("qualities", {}), stamped(found, load), built)
    RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n", "utf-8")
    # The appendix and the page want all parts.
    if missing := set(run.PARTS) - set(results):
        sys.exit(f"pages.json: not measured yet: {', '.join(sorted(missing))}")
    (book.ROOT / "docs" / "access.md").write_text(access.text(results), "utf-8")
    say(f"{RESULTS.relative_to(book.ROOT)} and docs/access.md are written; `make book` puts them into the appendix.")


if __name__ == "__main__":
    main(sys.argv[1:])
