"""Numbers in words and SVG by hand, for the explorers' static pictures; draw.js holds the same words.

Everything here is the same to the last character on every machine: decimal ties are lifted before
rounding, so that a last bit that differs between processors is never seen.
"""

import math
from xml.sax.saxutils import escape, quoteattr

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
LIFT = 4e-12
SPACE = "\N{NO-BREAK SPACE}"


def superscript(n):
    """A whole number in raised digits."""
    return str(n).translate(SUPERSCRIPTS)


def power(k):
    """A power of ten as an axis names it."""
    return "1" if k == 0 else f"10{superscript(k)}"


def words(sign, log10):
    """The number sign · 10**log10 at three significant digits: "0.00515", "−3.67", "7.06 × 10⁻¹⁰"."""
    if sign == 0:
        return "0"
    lifted = log10 + LIFT
    exponent = math.floor(lifted)
    digits = math.floor(10 ** (lifted - exponent) * 100 + 0.5)
    if digits == 1000:
        digits, exponent = 100, exponent + 1
    text = str(digits)
    minus = "−" if sign < 0 else ""
    if exponent < -3 or exponent > 3:
        power = f"×{SPACE}10{superscript(exponent)}"
        return f"{minus}{_trim(f'{text[0]}.{text[1:]}')}{SPACE}{power}"
    if exponent < 0:
        return minus + _trim("0." + "0" * (-exponent - 1) + text)
    padded = text.ljust(exponent + 1, "0")
    return minus + _trim(f"{padded[: exponent + 1]}.{padded[exponent + 1 :]}")


def _trim(text):
    return text.rstrip("0").rstrip(".") if "." in text else text


def number(x):
    """A float at three significant digits."""
    return words(0, -math.inf) if x == 0 else words(math.copysign(1, x), math.log10(abs(x)))


def share(sign, log10):
    """A share of what entered: in per cent where that reads well."""
    if sign == 0:
        return "nothing"
    if log10 + LIFT < -3 or log10 + LIFT >= 1:
        return words(sign, log10)
    return f"{words(sign, log10 + 2)}{SPACE}%"


def fixed(x):
    """A coordinate to a tenth of a pixel, ties lifted."""
    return f"{math.floor(x * 10 + 0.5 + 1e-6) / 10:g}"


def element(tag, *children, **attributes):
    """An element as text; an underscore in an attribute's name is a hyphen, at its end nothing."""
    named = "".join(
        f" {key.rstrip('_').replace('_', '-')}={quoteattr(value if isinstance(value, str) else fixed(value))}"
        for key, value in attributes.items()
    )
    return f"<{tag}{named}>{''.join(children)}</{tag}>"


def stroke(d, name, **style):
    """A path that is not filled, of the class rx-`name`."""
    return element("path", d=d, class_=f"rx-{name}", fill="none", **style)


def svg(parts, width, height, label, **style):
    """A picture of its own, `width` by `height` pixels where there is room; `label` tells a screen reader what it is."""
    return element(
        "svg",
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {fixed(width)} {fixed(height)}",
        width=width,
        height=height,
        style="max-width:100%;height:auto",
        font_family="system-ui, sans-serif",
        font_size="12",
        **style,
        role="img",
        aria_label=label,
    )


def text(x, y, content, **attributes):
    """A text element."""
    return element("text", escape(content), x=x, y=y, **attributes)


def ticks(low, high, most):
    """Whole round steps (1, 2, 5 times a power of ten) that cut [low, high] into at most `most`."""
    step, k = 1, 0
    while (high - low) / step > most:
        step = step * (2, 5 / 2, 2)[k % 3]
        k += 1
    step = int(step)
    return range(math.ceil(low / step) * step, math.floor(high / step) * step + 1, step)


def marks(last, most):
    """Marks for 0 to `last`: round steps, at most about `most` of them, and the last one, with room beside it."""
    return [*(k for k in ticks(0, last, most) if k <= 0.88 * last), last]


def spread(positions, gap, low, high):
    """Move sorted positions apart until each is `gap` from the next, inside [low, high]."""
    moved = []
    for position in positions:
        moved.append(max(position, moved[-1] + gap if moved else low))
    room = high
    for k in reversed(range(len(moved))):
        moved[k] = min(moved[k], room)
        room -= gap
    return moved
