"""Figures of the book, with matplotlib (the extra ``figures``).

Each function takes numbers and returns a figure; it computes nothing of its own.
"""

from __future__ import annotations

import io
import json
import os
from importlib.resources import files

import numpy as np

from resnotes._terminal import missing

try:
    import matplotlib.pyplot as plt
    from matplotlib.path import Path
    from matplotlib.ticker import MaxNLocator
except ModuleNotFoundError as error:
    raise missing(error, "figures", "resnotes.figures") from error

#: palette.json's colours of curves, after Okabe and Ito: told apart by colour-blind readers, and dark enough on white.
_PALETTE = json.loads(files("resnotes").joinpath("palette.json").read_text(encoding="utf-8"))["light"]
SHORTCUT, BRANCH, WHOLE = (_PALETTE[name] for name in ("shortcut", "branch", "whole"))
EDGE = _PALETTE["edge"]
#: Dark on a coloured ground that is the same on every page.
ON_COLOUR = "#0a0a0a"
#: The same as series in the order in which a figure takes them.
BLUE, ORANGE, GREEN, GREY = (_PALETTE[name] for name in ("shortcut", "branch", "law", "other"))
PURPLE, OCHRE = (_PALETTE[name] for name in ("measured", "extra"))
#: All colours of lines; a page puts its own in their place (palette.json), and the tests ask that they stay apart.
LINES = (BLUE, ORANGE, GREEN, GREY, PURPLE, OCHRE)


#: Width of the narrow drawing in inches, for telephones: there a wide one would be shrunk until nothing can be read.
NARROW = 4.4
#: Between the two in the text that `drawn` gives.
CUT = "<!-- narrow -->"


def drawn(figure):
    """A figure as SVG with text as text: as it is and, where that is wide, once more for a narrow screen.

    Returns
    -------
    str
        One ``<svg>``, or two with `CUT` between them.
    """

    def svg():
        text = io.StringIO()
        with plt.rc_context({"svg.fonttype": "none", "svg.hashsalt": "resnotes"}):
            figure.savefig(text, format="svg", bbox_inches="tight", metadata={"Date": None}, dpi=144, transparent=True)
        return text.getvalue()

    wide, (width, height) = svg(), figure.get_size_inches()
    if width <= NARROW * 1.15 or figure.get_layout_engine() is None:
        return wide
    legends = list(figure.legends)
    figure.set_size_inches(NARROW, max(height, NARROW * 0.75))
    try:
        for legend in legends:
            figure.legends.remove(legend)
            labels = [text.get_text() for text in legend.get_texts()]
            columns = 1 if max(map(len, labels)) > 24 else 2
            figure.legend(
                legend.legend_handles, labels, loc="outside upper center", frameon=False, fontsize=9, ncols=columns
            )
        return f"{wide}\n{CUT}\n{svg()}"
    finally:
        figure.set_size_inches(width, height)
        figure.legends[:] = legends


def _draw_on_pages():
    """Give IPython the drawing beside the picture; formulas in a face that readers have one of the same widths of."""
    from IPython import get_ipython
    from matplotlib.figure import Figure
    from matplotlib_inline import backend_inline  # noqa: F401  (sets the formats when it is imported, so before us)

    plt.rcParams["mathtext.fontset"] = "stix"
    if (shell := get_ipython()) is not None:
        shell.display_formatter.formatters["image/svg+xml"].for_type(Figure, drawn)


# The build of the book sets it: pages show drawings in their own colours, notebooks keep pictures.
if os.environ.get("RESNOTES_FIGURES") == "svg":
    _draw_on_pages()


def _axes(width=7.0, height=3.2):
    figure, axes = plt.subplots(figsize=(width, height), layout="constrained")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(True, color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    plt.close(figure)  # shown once, by being a cell's last expression
    return figure, axes


def four_layer_graph(edge_labels=None, node_labels=None):
    """The notes' network as a graph: states left to right, skips as arcs.

    Parameters
    ----------
    edge_labels : dict, optional
        (from, to) -> text; by default the local derivatives in symbols.
    node_labels : dict, optional
        State index -> second line under the state's name.
    """
    labels = edge_labels or {
        (1, 2): "$D_2J_1$",
        (2, 3): "$D_3J_2$",
        (3, 4): "$D_4J_3$",
        (4, 5): "$D_5J_4$",
        (1, 3): "$D_3$",
        (3, 5): "$D_5$",
    }
    figure, axes = plt.subplots(figsize=(6.4, 2.2))
    figure.subplots_adjust(0, 0, 1, 1)
    plt.close(figure)
    _draw_layers(axes, labels, node_labels or {})
    return figure


def plain_and_residual(labels):
    """The notes' network without its skips, above, and with them, below.

    Parameters
    ----------
    labels : dict
        (from, to) -> text; those that lead past a state are the skips.
    """
    figure, (above, below) = plt.subplots(2, 1, figsize=(6.4, 3.4), height_ratios=(1.0, 1.6))
    figure.subplots_adjust(0, 0, 1, 1, hspace=0)
    plt.close(figure)
    _draw_layers(above, {(start, end): text for (start, end), text in labels.items() if end - start == 1}, {}, top=0.4)
    _draw_layers(below, labels, {})
    return figure


def _draw_layers(axes, labels, node_labels, top=0.85):
    """Five states in a row with labelled arrows; an arrow past a state is an arc."""
    for (start, end), text in labels.items():
        skip = end - start == 2
        axes.annotate(
            "",
            (end, 0),
            (start, 0),
            arrowprops={
                "arrowstyle": "-|>",
                "color": SHORTCUT if skip else BRANCH,
                "shrinkA": 20,
                "shrinkB": 20,
                "linewidth": 1.6,
                "connectionstyle": "arc3,rad=-0.5" if skip else "arc3",
            },
        )
        axes.text(
            (start + end) / 2,
            0.66 if skip else -0.2,
            text,
            ha="center",
            va="center",
            color=SHORTCUT if skip else BRANCH,
            fontsize=17,
        )
    for k in range(1, 6):
        axes.text(
            k,
            0,
            f"$x_{k}$",
            ha="center",
            va="center",
            fontsize=17,
            bbox={"boxstyle": "circle,pad=0.35", "facecolor": "white", "edgecolor": GREY},
        )
        if node_labels:
            axes.text(k, -0.5, node_labels[k], ha="center", va="center", fontsize=13, color=GREY)
    axes.set_xlim(0.6, 5.4)
    axes.set_ylim(-0.7 if node_labels else -0.4, top)
    axes.axis("off")


def merge_flow(forward, backward):
    """The merge point y = F(x) + u with x = W u: values on their way forward, gradients on their way back.

    Parameters
    ----------
    forward : dict
        "u", "x", "F", "y" -> text of the value there.
    backward : dict
        The same with the gradients, and "branch" and "skip" for what reaches u by either way.
    """
    # Narrow on purpose: on a telephone the numbers must still be read.
    figure, axes = plt.subplots(figsize=(4.6, 2.9), layout="constrained")
    plt.close(figure)
    places = {"u": (0, "$u$"), "x": (1.4, "$x$"), "F": (2.3, "$F(x)$"), "+": (2.98, "$+$"), "y": (3.6, "$y$")}
    names = list(places)
    for start, end in zip(names, names[1:], strict=False):
        axes.annotate(
            "",
            (places[end][0], 0),
            (places[start][0], 0),
            arrowprops={
                "arrowstyle": "-|>",
                "color": GREY,
                "shrinkA": 22 if start == "F" else 13,
                "shrinkB": 22 if end == "F" else 13,
                "linewidth": 1.4,
            },
        )
    axes.annotate(
        "",
        (places["+"][0], 0.02),
        (0, 0.02),
        arrowprops={
            "arrowstyle": "-|>",
            "color": GREY,
            "shrinkA": 17,
            "shrinkB": 15,
            "linewidth": 1.4,
            "linestyle": "--",
            "connectionstyle": "arc3,rad=-0.32",
        },
    )

    def note(x, y, text, colour):
        axes.text(x, y, text, ha="center", va="center", fontsize=12, color=colour)

    for name, (x, text) in places.items():
        axes.text(
            x,
            0,
            text,
            ha="center",
            va="center",
            fontsize=17,
            bbox={"boxstyle": "round,pad=0.35", "facecolor": "white", "edgecolor": GREY},
        )
        if name != "+":
            note(x, -0.62, forward[name], BLUE)
            note(x, -0.92, backward[name], ORANGE)
    note(1.5, 0.62, f"→ {forward['u']}", BLUE)
    note(1.5, 0.24, f"← {backward['skip']}", ORANGE)
    note(0.7, -0.26, f"← {backward['branch']}", ORANGE)
    note(0.9, -1.3, "→ forward: value", BLUE)
    note(2.75, -1.3, "← backward: gradient", ORANGE)
    axes.set_xlim(-0.5, 4.1)
    axes.set_ylim(-1.42, 0.76)
    axes.axis("off")
    return figure


def _bare(width, height):
    """A figure without axes, shown once, by being a cell's last expression."""
    figure, axes = plt.subplots(figsize=(width, height), layout="constrained")
    plt.close(figure)
    axes.axis("off")
    return figure, axes


def paths_in_rows(terms):
    """All paths back through a chain, a row each: shortcuts as arcs, branches as boxes, what is not taken in grey.

    Parameters
    ----------
    terms : dict of str to str
        The path as a letter a unit, from the input on: "s" for its shortcut, "b" for its branch -> its term.
    """
    figure, axes = _bare(5.4, 0.72 * len(terms) + 0.35)
    faint = EDGE
    for row, (path, term) in enumerate(terms.items()):
        y = -row
        for unit, taken in enumerate(path):
            for way, colour in (("s", SHORTCUT), ("b", BRANCH)):
                on = way == taken
                curve = {"s": "arc3,rad=0.45", "b": "arc3"}[way]
                style = {"arrowstyle": "-|>" if on else "-", "color": colour if on else faint, "connectionstyle": curve}
                style |= {"linewidth": 2.4 if on else 1.2, "shrinkA": 9, "shrinkB": 9, "zorder": 3 if on else 1}
                axes.annotate("", (unit, y), (unit + 1, y), arrowprops=style)
            box = {"boxstyle": "square,pad=0.28", "facecolor": "white", "edgecolor": BRANCH if taken == "b" else faint}
            shade = BRANCH if taken == "b" else EDGE
            axes.text(
                unit + 0.5, y, f"$F_{unit}$", ha="center", va="center", fontsize=11, color=shade, bbox=box, zorder=4
            )
        for state in range(len(path) + 1):
            axes.text(state, y, f"$x_{state}$", ha="center", va="center", fontsize=11, zorder=4)
        axes.text(len(path) + 0.35, y, term, ha="left", va="center", fontsize=14)
    axes.text(0, 0.72, "input", ha="center", fontsize=9, color=GREY)
    axes.text(len(path), 0.72, "loss", ha="center", fontsize=9, color=GREY)
    axes.text(len(path) + 0.35, 0.72, "what this path carries", ha="left", fontsize=9, color=GREY)
    axes.set_xlim(-0.2, len(path) + 1.75)
    axes.set_ylim(-len(terms) + 0.6, 0.95)
    return figure


def path_tree(leaves, root):
    """A gradient on its way back from the loss, on the right: at every unit it parts in shortcut and branch.

    Parameters
    ----------
    leaves : dict of str to str
        The path as a letter a unit, from the loss down, "s" or "b" -> its term; all paths, in any order.
    root : str
        What enters at the loss.
    """
    figure, axes = _bare(6.2, 0.42 * len(leaves) + 0.5)
    units = len(next(iter(leaves)))

    def height(path):
        """Paths over shortcuts lie above those through branches."""
        return (
            -sum((step == "b") * 2.0 ** (units - 1 - k) for k, step in enumerate(path))
            - (2.0 ** (units - len(path)) - 1) / 2
        )

    stems = {path[:k] for path in leaves for k in range(1, units + 1)}
    for stem in stems:
        (x, y), (to, below) = (-(len(stem) - 1), height(stem[:-1])), (-len(stem), height(stem))
        colour, line = (SHORTCUT, "-") if stem[-1] == "s" else (BRANCH, (0, (4, 2)))
        axes.plot([x, to], [y, below], color=colour, linestyle=line, linewidth=1.8, solid_capstyle="round")
    for path, term in leaves.items():
        axes.text(-units - 0.08, height(path), term, ha="right", va="center", fontsize=12)
    axes.text(0.08, height(""), root, ha="left", va="center", fontsize=13)
    for k in range(units):
        axes.text(-k - 0.5, 0.75, f"unit {units - 1 - k}", ha="center", fontsize=9, color=GREY)
    axes.plot([], [], color=SHORTCUT, label="by the shortcut")
    axes.plot([], [], color=BRANCH, linestyle=(0, (4, 2)), label="through the branch")
    figure.legend(loc="outside lower center", frameon=False, fontsize=9, ncols=2)
    axes.set_xlim(-units - 1.75, 0.4)
    axes.set_ylim(-len(leaves) + 0.4, 1.1)
    return figure


def product_as_area(first, second):
    """The product of two sums as a rectangle cut in four: one piece for each way through two units.

    Parameters
    ----------
    first, second : ((float, str), (float, str))
        For each unit the shortcut's and the branch's factor, positive, and how they are written.
    """
    figure, axes = _bare(4.4, 3.5)
    left = 0
    for (width, across), column in zip(first, "sb", strict=True):
        bottom = 0
        for (tall, up), row in zip(second, "sb", strict=True):
            colour = {"ss": SHORTCUT, "bb": BRANCH}.get(column + row, GREY)
            axes.add_patch(plt.Rectangle((left, bottom), width, tall, facecolor=colour, alpha=0.22, edgecolor=WHOLE))
            axes.text(
                left + width / 2, bottom + tall / 2, f"${up} \\cdot {across}$", ha="center", va="center", fontsize=13
            )
            if left == 0:
                axes.text(-0.05, bottom + tall / 2, f"${up}$", ha="right", va="center", fontsize=13)
            bottom += tall
        axes.text(left + width / 2, -0.05, f"${across}$", ha="center", va="top", fontsize=13)
        left += width
    axes.set_aspect("equal")
    axes.set_xlim(-0.3, left + 0.02)
    axes.set_ylim(-0.2, bottom + 0.02)
    return figure


def arrows_in_a_plane(panels):
    """Rows of two numbers as arrows, a panel for each picture.

    Parameters
    ----------
    panels : dict of str to list of (start, end, text, kind)
        Points in the plane; kind is "whole", "shortcut", "branch" or "aid", which has no tip and is grey.
    """
    figure, all_axes = plt.subplots(
        1, len(panels), figsize=(3.3 * len(panels), 2.9), layout="constrained", squeeze=False
    )
    plt.close(figure)
    colours = {"whole": WHOLE, "shortcut": SHORTCUT, "branch": BRANCH, "aid": EDGE}
    for axes, (title, arrows) in zip(all_axes[0], panels.items(), strict=True):
        axes.axis("off")
        axes.set_aspect("equal")
        axes.set_title(title, fontsize=10)
        for start, end, text, kind in arrows:
            style = {"arrowstyle": "-" if kind == "aid" else "-|>", "color": colours[kind], "linewidth": 1.8}
            style |= {"linestyle": ":" if kind == "aid" else "-", "shrinkA": 0, "shrinkB": 0}
            axes.annotate("", end, start, arrowprops=style)
            (x, y), (u, v) = start, end
            long = np.hypot(u - x, v - y)
            # Beside the arrow, on its left as seen along it.
            aside = (y - v) / long, (u - x) / long
            along = 0.7 if kind == "whole" else 0.5  # where two diagonals cross there is no room
            place = x + along * (u - x) + 0.16 * aside[0], y + along * (v - y) + 0.16 * aside[1]
            anchor = "center" if abs(aside[0]) < 0.5 else "left" if aside[0] > 0 else "right"
            axes.text(*place, text, ha=anchor, va="center", fontsize=12, color=colours[kind])
        points = np.array([point for start, end, *_ in arrows for point in (start, end)])
        low, high = points.min(axis=0) - 0.35, points.max(axis=0) + 0.35
        axes.set_xlim(low[0], high[0])
        axes.set_ylim(low[1], high[1])
    return figure


def circle_and_image(J):
    """Every row g of length 1, what a unit I + J makes of it, and the two circles that the norm of J promises.

    Parameters
    ----------
    J : array_like, shape (2, 2)
        Of a spectral norm below 1.
    """
    J = np.asarray(J, dtype=float)
    figure, axes = _bare(4.6, 4.2)
    angle = np.linspace(0, 2 * np.pi, 361)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    image, norm = circle @ (np.eye(2) + J), np.linalg.norm(J, 2)
    for radius, text in ((1 - norm, r"$1-\Vert J\Vert_2$"), (1 + norm, r"$1+\Vert J\Vert_2$")):
        axes.plot(*(radius * circle).T, color=EDGE, linestyle=":", linewidth=1.4)
        axes.text(0, radius - 0.04, text, ha="center", va="top", fontsize=11, color=GREY)
    axes.plot(*circle.T, color=SHORTCUT, linestyle="--", linewidth=1.4, label="every $g$ of length 1")
    axes.plot(*image.T, color=WHOLE, linewidth=2.2, label="$g(I + J)$")
    axes.set_aspect("equal")
    figure.legend(loc="outside lower center", frameon=False, fontsize=10, ncols=2)
    return figure


def needle(products, rows=(20, 80, 140)):
    """What products of matrices make of all rows of length 1, each drawn so that its longer half-axis has length 1.

    Parameters
    ----------
    products : dict of str to array_like, shape (2, 2)
        Title of the panel -> the product.
    rows : sequence of float
        Directions, in degrees, of single rows that are followed.
    """
    figure, panels = plt.subplots(1, len(products), figsize=(5.0, 2.35), layout="constrained", squeeze=False)
    plt.close(figure)
    angle, some = np.linspace(0, 2 * np.pi, 721), np.radians(rows)
    styles = tuple(zip((PURPLE, OCHRE, GREEN), "os^", strict=True))
    for axes, (title, product) in zip(panels[0], products.items(), strict=True):
        image = np.asarray(product, dtype=float) / np.linalg.norm(product, 2)
        axes.plot(np.cos(angle), np.sin(angle), color=SHORTCUT, linestyle="--", linewidth=1.2)
        axes.plot(*(np.stack([np.cos(angle), np.sin(angle)], axis=1) @ image).T, color=WHOLE, linewidth=2)
        for at, (colour, marker) in zip(some, styles, strict=False):
            x, y = np.array([np.cos(at), np.sin(at)]) @ image
            axes.plot([0, x], [0, y], color=colour, linewidth=1.2)
            axes.plot([x], [y], color=colour, marker=marker, markersize=6, markeredgecolor="white", zorder=4)
        axes.set(xlim=(-1.12, 1.12), ylim=(-1.12, 1.12), aspect="equal")
        axes.axis("off")
        axes.set_title(title, fontsize=10)
    panels[0, 0].plot([], [], color=SHORTCUT, linestyle="--", linewidth=1.2, label="every $g$ of length 1")
    panels[0, 0].plot([], [], color=WHOLE, linewidth=2, label="what arrives, rescaled")
    figure.legend(loc="outside lower center", frameon=False, fontsize=10, ncols=2)
    return figure


#: How wide a layer's box in `placements` is, in inches, and what stands in it.
_BOXES = {"weight": (0.57, "weight"), "norm": (0.5, "norm"), "relu": (0.5, "ReLU")}


def placements(orders):
    """Units that have the same layers at different places, one under another, from the input on the left.

    Parameters
    ----------
    orders : dict of str to (sequence of str, sequence of str)
        Name -> layers of the branch and after the addition; each is "weight", "norm" or "relu".
    """
    tall = 1.0
    # Narrow on purpose: on a telephone the words must still be read.
    figure, axes = _bare(5.0, tall * len(orders) + 0.35)
    for number, (name, (branch, after)) in enumerate(orders.items()):
        _draw_placement(axes, -tall * number, name, branch, after)
    axes.plot([], [], color=SHORTCUT, linewidth=2.4, label="shortcut H")
    axes.plot([], [], color=BRANCH, linewidth=1.6, label="branch F")
    axes.plot([], [], color=WHOLE, linewidth=2.4, label="after the addition, f")
    figure.legend(loc="outside lower center", frameon=False, fontsize=10, ncols=3)
    axes.set(xlim=(-0.14, 4.84), ylim=(-tall * (len(orders) - 1) - 0.2, 0.68), aspect="equal")
    return figure


def _draw_placement(axes, y, name, branch, after):
    """A unit of `placements` at height y."""
    gap, high, radius, up = 0.1, 0.3, 0.12, 0.38

    def way(points, colour, width):
        axes.plot(*zip(*points, strict=True), color=colour, linewidth=width, solid_joinstyle="round", zorder=1)

    def box(x, layer, colour, width):
        wide, text = _BOXES[layer]
        style = {"facecolor": "white", "edgecolor": colour, "linewidth": width, "zorder": 2}
        axes.add_patch(plt.Rectangle((x, y - high / 2), wide, high, **style))
        axes.text(x + wide / 2, y - 0.01, text, ha="center", va="center", fontsize=9.5, color=colour, zorder=3)
        return x + wide

    axes.text(-0.1, y + 0.56, name, ha="left", va="center", fontsize=10.5)
    axes.text(0, y, "$x_l$", ha="center", va="center", fontsize=13)
    parting = x = 0.17
    for layer in branch:
        x = box(x + gap, layer, BRANCH, 1.4)
    plus = x + gap + radius
    way([(0.11, y), (plus, y)], BRANCH, 1.6)
    way([(0.11, y), (parting, y), (parting, y + up), (plus, y + up), (plus, y)], SHORTCUT, 2.4)
    circle = {"facecolor": "white", "edgecolor": WHOLE, "linewidth": 1.6, "zorder": 2}
    axes.add_patch(plt.Circle((plus, y), radius, **circle))
    axes.text(plus, y, "+", ha="center", va="center", fontsize=13, zorder=3)
    x = plus + radius
    for layer in after:
        x = box(x + gap, layer, WHOLE, 2.4)
    tip = {"arrowstyle": "-|>", "color": WHOLE, "linewidth": 2.4, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", (4.42, y), (plus + radius, y), arrowprops=tip, zorder=1)
    axes.text(4.62, y, "$x_{l+1}$", ha="center", va="center", fontsize=13)


def half_planes(angles):
    """Two states and the directions of a row of weights in their plane: where a ReLU opens for both, one or neither.

    Parameters
    ----------
    angles : dict of str to float
        Title of the panel -> the angle between the states, in degrees.
    """
    figure, panels = plt.subplots(1, len(angles), figsize=(5.0, 2.65), layout="constrained", squeeze=False)
    plt.close(figure)
    for axes, (title, angle) in zip(panels[0], angles.items(), strict=True):
        for side, colour, line, state in ((1, PURPLE, "-", "$x$"), (-1, GREEN, "--", r"$\tilde x$")):
            at = 90 + side * angle / 2
            half = plt.matplotlib.patches.Wedge((0, 0), 1, at - 90, at + 90, facecolor=colour, alpha=0.22, linewidth=0)
            axes.add_patch(half)
            edge = np.radians([at - 90, at + 90])
            axes.plot(np.cos(edge), np.sin(edge), color=colour, linestyle=line, linewidth=1.4)
            tip = 0.7 * np.cos(np.radians(at)), 0.7 * np.sin(np.radians(at))
            style = {"arrowstyle": "-|>", "color": colour, "linewidth": 2, "shrinkA": 0, "shrinkB": 0}
            axes.annotate("", tip, (0, 0), arrowprops=style)
            aside = np.radians(at + side * 16)
            axes.text(
                0.7 * np.cos(aside), 0.7 * np.sin(aside), state, ha="center", va="center", fontsize=14, color=colour
            )
        arc = {"linewidth": 1.2, "edgecolor": WHOLE}
        axes.add_patch(
            plt.matplotlib.patches.Arc((0, 0), 0.68, 0.68, theta1=90 - angle / 2, theta2=90 + angle / 2, **arc)
        )
        axes.text(0, 0.5, r"$\vartheta$", ha="center", va="center", fontsize=11)
        axes.text(0, 0.86, "both", ha="center", va="center", fontsize=10)
        axes.text(0, -0.6, "neither", ha="center", va="center", fontsize=10)
        axes.set(xlim=(-1.04, 1.04), ylim=(-0.9, 1.04), aspect="equal")
        axes.axis("off")
        axes.set_title(title, fontsize=10)
    return figure


def gradient_by_position(series, xlabel, ylabel="norm of the gradient, relative to the one above", marks=()):
    """Gradient norms on a log axis over positions in a network.

    Parameters
    ----------
    series : dict of str to (positions, values)
    xlabel, ylabel : str
    marks : sequence of (x, y, text)
        Points to name.
    """
    figure, axes = _axes()
    styles = [(BLUE, "o", "-"), (ORANGE, "s", "--"), (GREEN, "^", ":"), (GREY, "D", "-.")]
    for (name, (positions, values)), (colour, marker, line) in zip(series.items(), styles, strict=False):
        axes.semilogy(positions, values, color=colour, marker=marker, linestyle=line, markersize=4, label=name)
    for x, y, text in marks:
        axes.annotate(text, (x, y), xytext=(8, 8), textcoords="offset points", fontsize=9, color=GREY)
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel, fontsize=9)
    axes.legend(frameon=False, fontsize=9)
    return figure


def shortcut_and_whole(states, series, xlabel="state l, from the input (0) to the loss", ylabel="norm of the gradient"):
    """Two curves for each network, on a log axis: what the shortcuts alone bring, and the whole.

    Parameters
    ----------
    states : array_like, shape (L + 1,)
    series : dict of str to (whole, shortcut)
        At most three, each with L + 1 values.
    """
    figure, axes = _axes(height=3.6)
    for number, (name, (whole, shortcut)) in enumerate(series.items()):
        colour, marker = (BLUE, ORANGE, GREEN)[number], ("o", "s", "^")[number]
        style = {"color": colour, "marker": marker, "markersize": 5, "markevery": (3 * number, 10)}
        axes.semilogy(states, whole, linestyle="-", label=f"{name}, whole", **style)
        axes.semilogy(
            states, shortcut, linestyle="--", markerfacecolor="white", label=f"{name}, shortcuts alone", **style
        )
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", frameon=False, fontsize=9, ncols=3)
    return figure


def curves(series, xlabel, ylabel, marks=(), ylim=None):
    """Functions of one variable on linear axes.

    Parameters
    ----------
    series : dict of str to (x, y)
    xlabel, ylabel : str
    marks : sequence of (x, y, text)
        Points to name.
    ylim : tuple of float, optional
        Lowest and highest value shown.
    """
    figure, axes = _axes()
    axes.axhline(0, color=GREY, linewidth=0.8)
    styles = [(BLUE, "o", "-"), (ORANGE, "s", "--"), (GREEN, "^", ":"), (GREY, "D", "-.")]
    for (name, (x, y)), (colour, marker, line) in zip(series.items(), styles, strict=False):
        axes.plot(
            x, y, color=colour, marker=marker, linestyle=line, markersize=5, markevery=max(1, len(x) // 8), label=name
        )
    for x, y, text in marks:
        axes.plot([x], [y], marker="o", markersize=12, markerfacecolor="none", markeredgecolor=GREY)
        axes.annotate(text, (x, y), xytext=(12, -14), textcoords="offset points", fontsize=9, color=GREY)
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel, fontsize=9)
    if ylim is not None:
        axes.set_ylim(*ylim)
    axes.legend(frameon=False, fontsize=9)
    return figure


def accuracy_map(panels, rows, columns, xlabel, ylabel):
    """Tables coloured by accuracy, one under another; every cell has its number, so the colour only repeats it.

    Parameters
    ----------
    panels : dict of str to list of lists of (float or None, str)
        For each row and column the accuracy, None where there is none, and the text in the cell.
    rows, columns : sequence of str
    xlabel, ylabel : str
    """
    height = 0.45 + len(panels) * (0.55 + 0.42 * len(rows))
    figure, all_axes = plt.subplots(len(panels), 1, figsize=(5.4, height), layout="constrained", squeeze=False)
    plt.close(figure)
    colours = plt.get_cmap("Blues").copy()
    colours.set_bad("#dddddd")
    for axes, (name, cells) in zip(all_axes[:, 0], panels.items(), strict=True):
        values = np.array([[np.nan if value is None else value for value, _ in row] for row in cells], dtype=float)
        # Up to 1.4, so that dark text can be read on the darkest cell.
        axes.imshow(values, cmap=colours, vmin=0, vmax=1.4, aspect="auto")
        for row, texts in enumerate(cells):
            for column, (_, text) in enumerate(texts):
                axes.text(column, row, text, ha="center", va="center", fontsize=10, color=ON_COLOUR)
        axes.set_xticks(range(len(columns)), columns)
        axes.set_yticks(range(len(rows)), rows)
        axes.set_xticks(np.arange(len(columns) - 1) + 0.5, minor=True)
        axes.set_yticks(np.arange(len(rows) - 1) + 0.5, minor=True)
        axes.grid(which="minor", color="white", linewidth=2)
        axes.tick_params(which="both", length=0)
        axes.spines[:].set_visible(False)
        axes.set_title(name, fontsize=10, loc="left")
        axes.set_ylabel(ylabel)
    all_axes[-1, 0].set_xlabel(xlabel)
    return figure


def spreads(series, xlabel, ylabel, log=False, marks=()):
    """Curves with the range between their lowest and highest course shaded.

    Parameters
    ----------
    series : dict of str to (x, low, middle, high)
        At most six.
    xlabel, ylabel : str
    log : bool
        Whether the vertical axis is logarithmic.
    marks : sequence of (y, str)
        Levels to draw and name.
    """
    # Narrow on purpose: on a telephone the numbers must still be read.
    figure, axes = _axes(width=5.4, height=4.2)
    styles = [
        (BLUE, "o", "-"),
        (ORANGE, "s", "--"),
        (GREEN, "^", ":"),
        (GREY, "D", "-."),
        (PURPLE, "v", "-"),
        (OCHRE, "P", "--"),
    ]
    for (name, (x, low, middle, high)), (colour, marker, line) in zip(series.items(), styles, strict=False):
        axes.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0)
        axes.plot(
            x,
            middle,
            color=colour,
            marker=marker,
            linestyle=line,
            markersize=5,
            markevery=max(1, len(x) // 8),
            label=name,
        )
    for y, text in marks:
        axes.axhline(y, color=GREY, linewidth=0.8)
        axes.annotate(
            text,
            (0.99, y),
            xycoords=("axes fraction", "data"),
            xytext=(0, 3),
            ha="right",
            textcoords="offset points",
            fontsize=9,
            color=GREY,
        )
    if log:
        axes.set_yscale("log")
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel, fontsize=9)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", frameon=False, fontsize=9, ncols=2)
    return figure


def _label_contours(axes, lines, shortest=0.25):
    """Write 10 to its level on the longest line of each level, away from edges and other labels; short lines go.

    `shortest` is in sides of the axes, from corner to corner of a line's box; twice that for one around a pocket.
    """
    corner, opposite = np.transpose([axes.get_xlim(), axes.get_ylim()])
    places, kept = [], []
    for level in lines.allsegs:
        sides = [(np.asarray(line) - corner) / (opposite - corner) for line in level if len(line)]
        least = [2 * shortest if np.array_equal(line[0], line[-1]) else shortest for line in sides]
        long = [line for line, size in zip(sides, least) if np.hypot(*np.ptp(line, axis=0)) > size]
        kept.append([Path(corner + line * (opposite - corner)) for line in long])
        if long:
            at = max(long, key=len)
            room = np.min([*at.T, *(1 - at.T), *(np.hypot(*(at - place).T) for place in places)], axis=0)
            places.append(at[np.argmax(room)])
    lines.set_paths([Path.make_compound_path(*paths) for paths in kept])
    at = [corner + place * (opposite - corner) for place in places]
    axes.clabel(lines, fmt=lambda level: f"{10**level:.2g}", fontsize=9, manual=at)


def sizes_by_layer_and_step(panels, label, levels=(0.3, 0.4, 0.6, 0.8, 1, 1.5, 2)):
    """Sizes over states and training steps, as filled contours with a common logarithmic scale from 0.1 to 3.

    Parameters
    ----------
    panels : dict of str to (steps, sizes)
        ``sizes[k][l]`` is the size at state l before step ``steps[k]``.
    label : str
        What the sizes are.
    levels : sequence of float
        Sizes at which contour lines are drawn and labelled.
    """
    figure, all_axes = plt.subplots(
        len(panels), 1, figsize=(5.4, 2.7 * len(panels)), layout="constrained", squeeze=False
    )
    plt.close(figure)
    low, high = -1.0, np.log10(3)
    for axes, (name, (steps, sizes)) in zip(all_axes[:, 0], panels.items(), strict=True):
        logs = np.log10(np.asarray(sizes)).T
        layers = np.arange(len(logs))
        filled = axes.contourf(
            steps, layers, logs, levels=np.linspace(low, high, 31), cmap="Blues", vmin=low, vmax=1, extend="both"
        )
        lines = axes.contour(
            steps, layers, logs, levels=np.log10(levels), colors=ON_COLOUR, linewidths=0.7, linestyles="solid"
        )
        _label_contours(axes, lines)
        axes.set_title(name, fontsize=10, loc="left")
        axes.set_ylabel("state l")
    all_axes[-1, 0].set_xlabel("step of training")
    ticks = (0.1, 0.3, 1, 3)
    bar = figure.colorbar(filled, ax=all_axes[:, 0].tolist(), ticks=np.log10(ticks))
    bar.ax.set_yticklabels([f"{tick:g}" for tick in ticks])
    bar.set_label(label)
    return figure


def shares_by_length(lengths, series, span=None, xlabel="number of branches on the path", ylabel="share"):
    """Distributions over path lengths, as points joined by lines.

    Parameters
    ----------
    lengths : array_like of int
    series : dict of str to array_like
    span : (int, int, str), optional
        First and last length of a range to shade, and what it is.
    """
    figure, axes = _axes()
    if span is not None:
        first, last, text = span
        axes.axvspan(
            first - 0.5, last + 0.5, facecolor="#eeeeee", edgecolor="#999999", linewidth=0.8, label=text, zorder=0
        )
    for (name, values), (colour, marker, line) in zip(
        series.items(), [(BLUE, "o", "-"), (ORANGE, "s", "--"), (GREEN, "^", ":")], strict=False
    ):
        axes.plot(lengths, values, color=colour, marker=marker, linestyle=line, linewidth=1, markersize=4, label=name)
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=9, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    return figure


def shares_by_width(widths, series, ylabel):
    """Shares between 0 and 1 over widths on a log axis.

    Parameters
    ----------
    widths : sequence of int
    series : dict of str to sequence of float
    """
    figure, axes = _axes()
    for (name, values), (colour, marker, line) in zip(
        series.items(), [(BLUE, "o", "-"), (ORANGE, "s", "--")], strict=True
    ):
        axes.plot(widths, values, color=colour, marker=marker, linestyle=line, label=name)
    axes.set_xscale("log", base=2)
    axes.set_xticks(widths, [str(width) for width in widths])
    axes.set_ylim(-0.03, 1.03)
    axes.set_xlabel("width")
    axes.set_ylabel(ylabel, fontsize=9)
    axes.legend(frameon=False, fontsize=9)
    return figure


def rounded_powers(series, edges, xlabel="multiplications", ylabel="value"):
    """A falling product on a log axis, computed in several ways; a value of zero ends its line.

    Parameters
    ----------
    series : dict of str to array_like, shape (steps + 1,)
        At most three.
    edges : dict of str to float
        Levels to draw across, such as the smallest numbers of a format.
    """
    figure, axes = _axes(height=3.6)
    styles = [(GREY, None, "-", 3.5), (BLUE, "o", "-", 1.4), (ORANGE, "s", "--", 1.4)]
    for (name, values), (colour, marker, line, width) in zip(series.items(), styles, strict=False):
        values = np.asarray(values, dtype=float)
        positive = np.where(values > 0, values, np.nan)
        axes.semilogy(
            positive,
            color=colour,
            marker=marker,
            linestyle=line,
            linewidth=width,
            markersize=4,
            markevery=max(1, len(values) // 12),
            label=name,
            alpha=0.6 if marker is None else 1,
        )
        zeros = np.flatnonzero(values == 0)
        if len(zeros):
            axes.plot(
                [zeros[0] - 1],
                [values[zeros[0] - 1]],
                marker="x",
                markersize=10,
                markeredgewidth=2,
                linestyle="none",
                color=colour,
                label=f"{name}: zero from step {zeros[0]} on",
            )
    for name, level in edges.items():
        axes.axhline(level, color="black", linewidth=0.8, linestyle=":")
        axes.annotate(
            name, (0, level), xycoords=("axes fraction", "data"), xytext=(3, 2), textcoords="offset points", fontsize=9
        )
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", frameon=False, fontsize=9, ncols=2)
    return figure


def spectra(series, ylabel="singular value of the product"):
    """Singular values in falling order on a log axis, for several products of matrices.

    Parameters
    ----------
    series : dict of str to array_like
        log10 of the singular values. What is -inf is left out.
    ylabel : str
    """
    figure, axes = _axes(height=3.4)
    styles = [(BLUE, "o", "-"), (ORANGE, "s", "--"), (GREEN, "^", ":"), (GREY, "D", "-.")]
    for (name, logs), (colour, marker, line) in zip(series.items(), styles, strict=False):
        logs = np.asarray(logs, dtype=float)
        logs = logs[np.isfinite(logs)]
        axes.plot(
            np.arange(1, len(logs) + 1), logs, color=colour, marker=marker, linestyle=line, markersize=5, label=name
        )
    axes.yaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.yaxis.set_major_formatter(lambda value, _: f"$10^{{{value:.0f}}}$")
    axes.set_xlabel("number of the singular value, largest first")
    axes.set_ylabel(ylabel, fontsize=9)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", frameon=False, fontsize=9, ncols=4)
    return figure


def report(found):
    """A `resnotes.reports.Report` in four panels: gradient, gains, path lengths, shortcut product.

    Of a report on a PyTorch model, the fourth has what shortcut and branch of each unit do.

    Parameters
    ----------
    found : Report
    """
    figure, panels = plt.subplots(2, 2, figsize=(7.4, 5.6), layout="constrained")
    plt.close(figure)
    for axes in panels.flat:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(True, color="#dddddd", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.tick_params(labelsize=9)
    above, below = panels
    unit = found.worst_unit
    finite = np.where(np.isfinite(found.log10_gradient), found.log10_gradient, np.nan)
    marks = max(1, len(finite) // 10)
    above[0].plot(range(len(finite)), finite, color=WHOLE, marker="o", markersize=4, markevery=marks)
    above[0].set(
        title="gradient by state", xlabel="state, from the input (0) to the loss", ylabel="$\\log_{10}$ of its length"
    )
    gain = np.where(np.isfinite(found.log10_gain), found.log10_gain, np.nan)
    above[1].vlines(range(len(gain)), 0, gain, color=GREY, linewidth=max(0.6, min(4, 160 / len(gain))))
    above[1].axhline(0, color=GREY, linewidth=0.8)
    if unit is not None:
        if np.isfinite(gain[unit]):
            above[1].plot([unit], [gain[unit]], color=ORANGE, marker="s", linestyle="none")
        else:
            above[1].axvline(unit, color=ORANGE, linestyle="--", linewidth=2)
        above[0].axvline(unit + 0.5, color=ORANGE, linestyle="--", linewidth=1)
    marked = "" if unit is None else f" (marked: {unit}, most to blame)"
    above[1].set(title="gain of each unit", xlabel=f"unit{marked}", ylabel="$\\log_{10}$ of the factor")
    size = np.abs(np.nan_to_num(found.share))
    kept = np.flatnonzero(size > 1e-3 * size.max()) if size.any() else np.arange(min(1, len(size)))
    lengths = np.arange(max(kept[0] - 1, 0), min(kept[-1] + 2, len(size))) if len(kept) else kept
    below[0].bar(lengths, found.share[lengths], color=BLUE, edgecolor="white", linewidth=0.3)
    below[0].axhline(0, color=GREY, linewidth=0.8)
    below[0].set(title="share by path length", xlabel="branches on the path", ylabel="share")
    if not size.any():
        nothing = "nothing arrives" if len(size) else "not asked for"
        below[0].annotate(nothing, (0.5, 0.5), xycoords="axes fraction", ha="center", fontsize=10)
    _fourth_panel(below[1], found)
    for axes in panels.flat:
        axes.title.set_fontsize(11)
        axes.xaxis.label.set_fontsize(9)
        axes.yaxis.label.set_fontsize(9)
        axes.xaxis.get_major_locator().set_params(integer=True)
        for low, high, widen in ((*axes.get_xlim(), axes.set_xlim), (*axes.get_ylim(), axes.set_ylim)):
            if high - low < 0.2:  # all the same: no ticks that differ in the last digits alone
                widen(low - 0.5, high + 0.5)
    above[0].set_xlim(-0.5 - 0.02 * len(gain), 0.5 + 1.02 * len(gain))
    return figure


def _fourth_panel(axes, found):
    if hasattr(found, "modules"):  # of a PyTorch model
        for values, color, marker, label in (
            (found.log10_shortcut, GREEN, "^", "shortcut"),
            (found.log10_branch, BLUE, "o", "branch"),
        ):
            known = np.where(np.isfinite(values), values, np.nan)
            axes.plot(range(len(known)), known, color=color, marker=marker, markersize=4, linestyle=":", label=label)
        axes.legend(frameon=False, fontsize=9)
        axes.set(title="shortcut and branch of each unit", xlabel="unit", ylabel="$\\log_{10}$ of the factor")
        return
    for number, values in enumerate(found.log10_shortcut_product):
        axes.plot(
            range(1, len(values) + 1),
            np.where(np.isfinite(values), values, np.nan),
            color=GREEN,
            marker="^",
            markersize=4,
            linestyle=":",
            label="one line a sample" if number == 0 < len(found.log10_shortcut_product) - 1 else None,
        )
    if not np.isfinite(found.log10_shortcut_product).any():
        nothing = "not formed" if np.isnan(found.log10_shortcut_product).any() else "all are 0"
        axes.annotate(nothing, (0.5, 0.5), xycoords="axes fraction", ha="center", fontsize=10)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=9)
    axes.set(title="shortcut product", xlabel="singular value, the largest first", ylabel="$\\log_{10}$")


def law_and_measured(series, xlabel, ylabel):
    """Laws as lines and measured means as markers, and under them measured over law with error bars.

    Parameters
    ----------
    series : dict of str to (x, law, x_measured, mean, error)
        At most six; x_measured among x. An error bar is two standard errors to each side.
    xlabel, ylabel : str
    """
    figure, (above, below) = plt.subplots(
        2, figsize=(7, 5.4), sharex=True, layout="constrained", gridspec_kw={"height_ratios": (3, 2)}
    )
    plt.close(figure)
    styles = (
        (BLUE, "o", "-"),
        (ORANGE, "s", "--"),
        (GREEN, "^", ":"),
        (GREY, "D", "-."),
        (BLUE, "v", (0, (6, 2, 1, 2))),
        (ORANGE, "P", (0, (1, 3))),
    )
    for number, (name, (x, law, at, mean, error)) in enumerate(series.items()):
        colour, marker, line = styles[number]
        style = {"color": colour, "marker": marker, "markersize": 5, "markerfacecolor": "white"}
        above.plot(x, law, linestyle=line, linewidth=1.3, markevery=[0], label=name, **style)
        above.plot(at, mean, linestyle="none", **style)
        expected = np.interp(at, x, law)
        # Side by side, so that bars at one depth do not cover each other.
        beside = np.asarray(at) * 1.05 ** (number - (len(series) - 1) / 2)
        below.errorbar(
            beside, mean / expected, yerr=2 * np.asarray(error) / expected, linestyle="none", capsize=2.5, **style
        )
    below.axhline(1, color=GREY, linewidth=0.8)
    above.set_yscale("log")
    above.set_xscale("log", base=2)
    below.xaxis.set_major_formatter("{x:.0f}")
    below.set_xlabel(xlabel)
    above.set_ylabel(ylabel, fontsize=9)
    below.set_ylabel("measured / law", fontsize=9)
    for axes in (above, below):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(True, color="#dddddd", linewidth=0.6)
        axes.set_axisbelow(True)
    figure.legend(
        *above.get_legend_handles_labels(),
        loc="outside upper center",
        frameon=False,
        fontsize=9,
        ncols=min(3, len(series)),
    )
    return figure


def slopes(inputs, rows):
    """Gradients of networks of one input, each divided by its own spread: a row a network, a column a depth.

    Parameters
    ----------
    inputs : array_like, shape (N,)
    rows : dict of str to dict of str to array_like, shape (N,)
        Name of the network -> name of the depth -> gradient.
    """
    columns = list(next(iter(rows.values())))
    figure, grid = plt.subplots(
        len(rows), len(columns), figsize=(7, 3.6), sharex=True, sharey=True, layout="constrained", squeeze=False
    )
    plt.close(figure)
    for (name, of), line, colour in zip(rows.items(), grid, (ORANGE, BLUE), strict=False):
        for (depth, values), axes in zip(of.items(), line, strict=True):
            values = np.asarray(values)
            axes.plot(inputs, (values - values.mean()) / values.std(), color=colour, linewidth=0.9)
            axes.spines[["top", "right"]].set_visible(False)
            axes.set_title(f"{name}, {depth}", fontsize=9)
    figure.supxlabel("input", fontsize=9)
    figure.supylabel("gradient, standardised", fontsize=9)
    return figure
