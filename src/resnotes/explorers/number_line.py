"""A number line: powers of a factor in a floating-point format, rounded once and rounded at every step.

What is computed, said and drawn of it stands in number_line.js; here are the traits and their checks.
"""

from resnotes.explorers._base import Checked, Explorer, bundle, number_between, one_of, style, whole_between

FORMATS = ("float16", "bfloat16", "float32", "float8_e4m3fn", "float8_e5m2")


class NumberLine(Explorer):
    """Explorer: a gradient that every unit multiplies by one factor, in the numbers that a format has.

    It shows the exact product, the product rounded once (`resnotes.magnitudes.range_limits`) and the product rounded at
    every step (`resnotes.precision.step_by_step`), and where the last one stalls (`resnotes.precision.stall`). Every
    trait can be set, observed and linked.

    Parameters
    ----------
    format : str
        "float16" (the default), "bfloat16", "float32", "float8_e4m3fn" or "float8_e5m2".
    factor : float, from 0.3 to 1.2
        What each unit multiplies the gradient by; 0.9 by default.
    depth : int, from 1 to 1000
        How many units; 300 by default.
    scale : int, from 0 to 24
        The loss scale is two to this power; 0 by default.

    Raises
    ------
    ValueError
        If a value is of the wrong kind or out of its range; the message names it, what came and what was wanted.

    Examples
    --------
    >>> from resnotes.explorers import NumberLine
    >>> NumberLine(format="bfloat16", factor=0.999)
    NumberLine(format='bfloat16', factor=0.999, depth=300, scale=0)
    """

    name = "number_line"
    state_names = ("format", "factor", "depth", "scale")
    _esm = bundle("number_line")
    _css = style("number_line")

    format = Checked(one_of(FORMATS), "float16")
    factor = Checked(number_between(0.3, 1.2), 0.9)
    depth = Checked(whole_between(1, 1000), 300)
    scale = Checked(whole_between(0, 24), 0)
