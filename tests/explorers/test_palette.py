"""palette.json is the only place where the colours of curves stand."""

import json
import re
from importlib.resources import files

from resnotes import figures
from resnotes.explorers import _base

from .modules import MODULES

PALETTE = json.loads(files("resnotes").joinpath("palette.json").read_text("utf-8"))
COLOUR = re.compile(r"#[0-9a-fA-F]{6}\b|#[0-9a-fA-F]{3}\b|\brgba?\(")
NAME = re.compile(r"--rx-([a-z]+)")


def test_light_and_dark_name_the_same():
    assert list(PALETTE) == ["light", "dark"]
    assert set(PALETTE["light"]) == set(PALETTE["dark"])
    sheet = _base.palette()
    for look in PALETTE.values():
        for name, colour in look.items():
            assert f"--rx-{name}: {colour};" in sheet


def test_style_sheets_and_modules_take_their_colours_from_it():
    used = set()
    for path in [*MODULES.glob("*.css"), *MODULES.glob("*.js")]:
        text = path.read_text("utf-8")
        assert not [found for found in COLOUR.findall(re.sub(r"//.*|/\*\*.*", "", text)) if found], path.name
        used |= set(NAME.findall(text))
    assert used <= set(PALETTE["light"])


def test_figures_take_their_colours_from_it():
    """Beside greys: grids, frames, what is shaded."""
    source = files("resnotes").joinpath("figures.py").read_text("utf-8")
    written = set(re.findall(r"#([0-9a-fA-F]{6})", source))
    assert all(colour[:2] == colour[2:4] == colour[4:] for colour in written)
    assert set(figures.LINES) <= set(PALETTE["light"].values())


def luminance(colour):
    channels = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_curves_stand_out_and_text_is_read():
    for look in PALETTE.values():
        ground = luminance(look["back"])
        for name, colour in look.items():
            high, low = sorted([ground, luminance(colour)], reverse=True)
            wanted = {"back": 1, "grid": 1, "text": 7, "soft": 4.5, "wrong": 4.5}.get(name, 3)
            assert (high + 0.05) / (low + 0.05) >= wanted, (name, colour)
