"""Draw `docs/architecture.svg`, the rooms of the package and who imports whom, from the imports themselves.

python tools/architecture.py            draw it
python tools/architecture.py --check    say whether the picture is that of the code as it is
"""

import sys
from html import escape
from pathlib import Path
from textwrap import wrap

import grimp

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "architecture.svg"
#: room -> (column, row from the ground, what it is for, its modules; a package stands for all in it).
ROOMS = {
    "networks": (0, 0, "a layer's forward beside its backward",
                 ("network", "shortcuts", "normalisation", "attention", "losses", "four_layer", "blocks", "testing", "_validate", "_terminal")),
    "gradients": (0, 1, "what becomes of a gradient", ("paths", "magnitudes", "precision", "spectrum", "transformer")),
    "reports": (0, 2, "one's own network", ("reports", "npz", "recipes")),
    "laws": (1, 0, "laws at the start, and builders", ("initialisation", "shattered")),
    "symbolic": (1, 2, "derivations, in SymPy", ("symbolic",)),
    "training": (2, 1, "small networks, trained", ("training",)),
    "figures": (2, 3, "matplotlib", ("figures",)),
    "explorers": (2, 2, "the moving figures", ("explorers",)),
    "torch": (0, 3, "PyTorch models as they are", ("torch",)),
    "book": (1, 4, "what the book says, and its checks", ("book",)),
    "command line": (2, 4, "python -m resnotes", ("__main__",)),
}  # fmt: skip
WIDTH, HEIGHT, ACROSS, UP = 250, 84, 300, 128


def room_of(module):
    """The room of a module of the package; None for the package itself."""
    top = module.split(".")[1] if "." in module else None
    for room, (_, _, _, modules) in ROOMS.items():
        if top in modules:
            return room
    if top is not None:
        raise ValueError(f"module: got {module}, which stands in no room of tools/architecture.py")
    return None


def arrows(graph):
    """(from, to) pairs of rooms, those apart that follow from others."""
    found = set()
    for module in graph.modules:
        for other in graph.find_modules_directly_imported_by(module):
            pair = room_of(module), room_of(other)
            if None not in pair and pair[0] != pair[1]:
                found.add(pair)
    below = {room: reached(room, found) for room in ROOMS}
    for room, lower in below.items():
        if room in lower:
            raise ValueError(f"room: {room} imports itself by way of {', '.join(sorted(lower))}")
    return sorted((a, b) for a, b in found if not any(b in below[c] for d, c in found if d == a and c != b))


def reached(room, pairs):
    """All rooms below one."""
    seen, todo = set(), [room]
    while todo:
        for a, b in pairs:
            if a == todo[-1] and b not in seen:
                seen.add(b)
                todo.insert(0, b)
        todo.pop()
    return seen


def corner(room):
    column, row = ROOMS[room][:2]
    return 20 + column * ACROSS, 20 + (4 - row) * UP


def arrow(upper, lower):
    """A line from the edge of one room to the edge of another."""
    (x1, y1), (x2, y2) = corner(upper), corner(lower)
    if y1 == y2:
        start, end = ((x1, y1 + HEIGHT / 2), (x2 + WIDTH, y2 + HEIGHT / 2)) if x1 > x2 else (
            (x1 + WIDTH, y1 + HEIGHT / 2), (x2, y2 + HEIGHT / 2))  # fmt: skip
    else:
        lean = 60 * ((x2 > x1) - (x2 < x1))
        start, end = (x1 + WIDTH / 2 + lean, y1 + HEIGHT), (x2 + WIDTH / 2 - lean, y2)
    return (
        f'<line x1="{start[0]:g}" y1="{start[1]:g}" x2="{end[0]:g}" y2="{end[1]:g}" '
        'stroke="#57606a" stroke-width="1.5" marker-end="url(#to)"/>'
    )


def box(room):
    x, y = corner(room)
    _, _, purpose, modules = ROOMS[room]
    names = ", ".join(m for m in modules if not m.startswith("_"))
    lines = [(room, 'font-weight="bold" font-size="15"'), (purpose, 'font-size="12"')]
    if names != room and room != "command line":
        lines += [(part, 'font-size="11"') for part in wrap(names, 42)]
    text = "".join(
        f'<text x="{x + 10}" y="{y + 20 + 18 * k}" {style}>{escape(words)}</text>'
        for k, (words, style) in enumerate(lines)
    )
    return f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="6" fill="#f6f8fa" stroke="#57606a"/>{text}'


def picture():
    """The SVG, as text."""
    graph = grimp.build_graph("resnotes", cache_dir=None)
    width, height = 2 * ACROSS + WIDTH + 40, 4 * UP + HEIGHT + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif">',
        "<title>The rooms of resnotes; an arrow means: imports</title>",
        '<defs><marker id="to" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0 8 4 0 8z" fill="#57606a"/></marker></defs>',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        *(arrow(*pair) for pair in arrows(graph)),
        *(box(room) for room in ROOMS),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def main():
    drawn = picture()
    if "--check" in sys.argv[1:]:
        current = PICTURE.read_text("utf-8") if PICTURE.is_file() else ""
        sys.exit(0 if current == drawn else f"{PICTURE.name} is not that of the code: python tools/architecture.py")
    PICTURE.write_text(drawn, "utf-8")


if __name__ == "__main__":
    main()
