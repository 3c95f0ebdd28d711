"""Figures of the book, with matplotlib (``pip install resnotes[figures]``).

Each function takes numbers and returns a figure; it computes nothing of its own.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

#: Okabe and Ito's palette: told apart by colour-blind readers, and dark enough on white.
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#007a5a", "#595959"


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
        (1, 2): "$D_2J_1$", (2, 3): "$D_3J_2$", (3, 4): "$D_4J_3$", (4, 5): "$D_5J_4$", (1, 3): "$D_3$", (3, 5): "$D_5$",
    }
    figure, axes = plt.subplots(figsize=(7, 2.6), layout="constrained")
    plt.close(figure)
    for (start, end), text in labels.items():
        skip = end - start == 2
        axes.annotate(
            "", (end, 0), (start, 0),
            arrowprops={"arrowstyle": "-|>", "color": ORANGE if skip else BLUE, "shrinkA": 16, "shrinkB": 16,
                        "linewidth": 1.6, "connectionstyle": "arc3,rad=-0.5" if skip else "arc3"})
        axes.text((start + end) / 2, 0.62 if skip else -0.16, text, ha="center", va="center",
                  color=ORANGE if skip else BLUE, fontsize=12)
    for k in range(1, 6):
        axes.text(k, 0, f"$x_{k}$", ha="center", va="center", fontsize=13,
                  bbox={"boxstyle": "circle,pad=0.35", "facecolor": "white", "edgecolor": GREY})
        if node_labels:
            axes.text(k, -0.42, node_labels[k], ha="center", va="center", fontsize=10, color=GREY)
    axes.set_xlim(0.6, 5.4)
    axes.set_ylim(-0.6, 0.85)
    axes.axis("off")
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


def bars_by_length(lengths, series, xlabel="number of branches on the path", ylabel="share"):
    """Grouped bars over path lengths.

    Parameters
    ----------
    lengths : array_like of int
    series : dict of str to array_like
    """
    figure, axes = _axes()
    lengths = np.asarray(lengths)
    width = 0.8 / len(series)
    for number, (name, values) in enumerate(series.items()):
        offset = (number - (len(series) - 1) / 2) * width
        axes.bar(lengths + offset, values, width, label=name, color=(BLUE, ORANGE, GREEN)[number % 3],
                 hatch=("", "//", "..")[number % 3], edgecolor="white", linewidth=0.3)
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    axes.legend(frameon=False, fontsize=9)
    return figure
