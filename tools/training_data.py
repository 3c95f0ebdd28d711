"""Write what the explorers of the chapter on training carry: the digits, the runs of the state that "train one here"
opens on, and, from the chapter's stored output, the runs that its cell has made.

Usage: python tools/training_data.py [--check]
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zlib
from html import unescape
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "src" / "resnotes" / "explorers"
DIGITS, OPENING, RUNS = FOLDER / "digits.bin", FOLDER / "training.json", FOLDER / "trained_runs.json"
CHAPTER = ROOT / "chapters" / "12_training.ipynb"
#: What the explorer opens on.
STATE = {
    "shortcut": 0.9,
    "depth": 50,
    "scale": "root",
    "beside": "identity",
    "place": "before",
    "rate": 0.05,
    "seed": 0,
}

RUN = """
import { readFileSync } from "node:fs";
const [folder, state] = JSON.parse(readFileSync(0, "utf8"));
const { trainer } = await import(`${folder}/trainer.js`);
const { networks, told } = await import(`${folder}/training.js`);
const { centred, race } = trainer();
const { inflateSync } = await import("node:zlib");
const data = centred(new Uint8Array(inflateSync(readFileSync(new URL(`${folder}/digits.bin`)))));
const runs = networks(state).map(() => ({ loss: [], accuracy: [], first: null, last: null, lost: null }));
for (const step of race(data, networks(state))) told(runs[step.which], step);
const short = (key, value) => (typeof value === "number" ? Number(value.toPrecision(4)) : value);
console.log(JSON.stringify({ state, runs }, short));
"""


def digits() -> bytes:
    """The 1437 images that `load_digits` trains with and the 360 that it tests with, then all labels, deflated."""
    from resnotes.training.data import pixels

    parts = (np.ascontiguousarray(part, dtype=np.uint8).tobytes() for part in pixels())
    return zlib.compress(b"".join(parts), 9)


def opening() -> str:
    """The runs of `STATE`, made by the page's own trainer under Node."""
    from resnotes.explorers._base import node

    command = [node(), "--no-warnings", "--input-type=module", "--eval", RUN]
    given = json.dumps([FOLDER.as_uri(), STATE])
    return subprocess.run(command, input=given, capture_output=True, encoding="utf-8", check=True).stdout


def trained_runs() -> str:
    """What the explorer of the chapter's runs carries, as its cell has computed it."""
    for cell in json.loads(CHAPTER.read_text(encoding="utf-8"))["cells"]:
        for output in cell.get("outputs", []):
            html = "".join(output.get("data", {}).get("text/html", []))
            if 'data-resnotes-explorer="trained_runs"' in html:
                carried = unescape(re.search(r'data-carried="([^"]*)"', html)[1])
                return json.dumps(json.loads(carried)["runs"], separators=(",", ":"), sort_keys=True) + "\n"
    raise ValueError(f"{CHAPTER.name}: no explorer of trained runs in its outputs")


def main(arguments: list[str]) -> int:
    """Write the files, or with --check say whether they are what is made here."""
    if "--check" in arguments:
        same = [
            zlib.decompress(DIGITS.read_bytes()) == zlib.decompress(digits()),
            OPENING.read_text(encoding="utf-8") == opening(),
        ]
        same.append(RUNS.read_text(encoding="utf-8") == trained_runs())
        print(f"{DIGITS.name}: {same[0]}, {OPENING.name}: {same[1]}, {RUNS.name}: {same[2]}")
        return int(not all(same))
    DIGITS.write_bytes(digits())
    OPENING.touch()  # the explorers' package reads it when it is imported
    if not OPENING.read_text(encoding="utf-8"):
        OPENING.write_text("{}", encoding="utf-8")
    OPENING.write_text(opening(), encoding="utf-8")
    RUNS.write_text(trained_runs(), encoding="utf-8")
    for path in (DIGITS, OPENING, RUNS):
        print(f"{path.name}: {path.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
