"""Figures on a page: drawings that stand in the page, with text as text, in its colours; pictures in few bytes.

`resnotes.figures` gives a cell's figure as SVG too where the environment has ``RESNOTES_FIGURES=svg`` (the kernels of the
build inherit it). What matplotlib writes is put into the page: palette.json's light colours, which it drew with, become
the variables of the style sheet, so that a dark page shows the dark ones.
"""

import io
import json
import os
import re
from html import escape
from importlib.resources import files
from pathlib import Path

from docutils import nodes
from PIL import Image
from sphinx.transforms.post_transforms import SphinxPostTransform

from resnotes.explorers._base import palette
from resnotes.figures import CUT

COLOURS = 128
STYLE = "palette.css"
_LIGHT = json.loads(files("resnotes").joinpath("palette.json").read_text("utf-8"))["light"]
#: What matplotlib writes -> what the page's style says. The first of two names with one colour holds.
VARIABLES = {
    **{colour: f"var(--rx-{name})" for name, colour in reversed(_LIGHT.items())},
    "#ffffff": "var(--pst-color-background)",
    "#000000": "var(--rx-text)",
    "#dddddd": "var(--rx-grid)",
    "#eeeeee": "var(--rx-grid)",
    "#999999": "var(--rx-edge)",
}
COLOUR = re.compile("|".join(VARIABLES))
ID, USED = re.compile(r' id="([^"]+)"'), re.compile(r'(?:url\(#|href="#)([^")]+)')
FONT = re.compile(r"font(?:-family)?: [^;\"]*(?:;\s*)?")
SIZE = re.compile(r"([\d.]+px)\s")
#: Digits of a length that nobody sees, a hundredth of a point: in tags alone, since a text means all of its digits.
TAG, FINE = re.compile(r"<[^>]*>"), re.compile(r"(?<=\d\.\d\d)\d+")


def smaller(picture):
    """The PNG `picture` (bytes) with a palette, or itself where that is no gain: a plot has few colours."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    packed = io.BytesIO()
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(packed, "PNG", optimize=True)
    return min(picture, packed.getvalue(), key=len)


def font(match):
    """A ``font:`` of matplotlib's without its family, which the page's own takes the place of."""
    size = SIZE.search(match[0])
    weight = "font-weight: bold; " if "bold" in match[0] else ""
    style = "font-style: italic; " if "italic" in match[0] or "oblique" in match[0] else ""
    family = "font-family: var(--font-formula); " if "STIX" in match[0] else ""
    return f"{family}{style}{weight}font-size: {size[1]}; " if size else ""


def themed(svg, prefix, kind):
    """One of matplotlib's drawings as a page takes it: `prefix` goes before its ids, `kind` is its class."""
    svg = svg[svg.index("<svg") :]
    for part in (r"<metadata>.*?</metadata>", r"<defs>\s*<style[^>]*>.*?</style>\s*</defs>", r"<!--.*?-->"):
        svg = re.sub(part, "", svg, flags=re.DOTALL)
    used = set(USED.findall(svg))
    svg = ID.sub(lambda match: f' id="{prefix}{match[1]}"' if match[1] in used else "", svg)
    svg = re.sub(r'(url\(#|href="#)', rf"\g<1>{prefix}", svg)
    svg = FONT.sub(font, COLOUR.sub(lambda match: VARIABLES[match[0]], svg))
    svg = re.sub(r' xmlns(?::xlink)?="[^"]*"| version="1.1"', "", svg).replace("xlink:href", "href")
    svg = TAG.sub(lambda match: FINE.sub("", match[0]), svg)
    svg = re.sub(r"\s*\n\s*", "\n", svg)
    return svg.replace("<svg", f'<svg class="drawing-{kind}" style="stroke-linejoin: round"', 1).strip()


class DrawFigures(SphinxPostTransform):
    """Put the drawings into the page, instead of links to files."""

    default_priority = 940
    formats = ("html",)

    def run(self, **kwargs):
        for number, image in enumerate(list(self.document.findall(nodes.image))):
            path = Path(self.env.srcdir, image["uri"])
            if path.suffix != ".svg" or "jupyter_execute" not in path.parts:
                continue
            parts = zip(("wide", "narrow"), path.read_text("utf-8").split(CUT), strict=False)
            drawn = [themed(text, f"d{number}{kind[0]}-", kind) for kind, text in parts]
            kind = "drawing" if len(drawn) == 2 else "drawing drawing-one"
            html = f'<div class="{kind}" role="img" aria-label="{escape(image["alt"])}">\n{"".join(drawn)}\n</div>'
            image.parent.replace(image, nodes.raw("", html, format="html"))


def shrink(app, exception):
    if exception is None and app.builder.name == "html":
        for path in sorted(Path(app.outdir, "_images").glob("*.png")):
            path.write_bytes(smaller(path.read_bytes()))


def write_palette(app):
    if app.builder.name == "html":
        folder = Path(app.outdir, "_static")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / STYLE).write_text(palette().replace(".resnotes-explorer", ".drawing"), "utf-8")


def setup(app):
    os.environ["RESNOTES_FIGURES"] = "svg"
    app.add_css_file(STYLE)
    app.add_post_transform(DrawFigures)
    app.connect("builder-inited", write_palette)
    app.connect("build-finished", shrink)
