"""One style sheet and one script for what all pages share, without the theme's rules that no page uses.

The theme brings 49 kB of compressed style for every component it knows. A rule stays if all classes and ids of one of
its selectors occur in some page of this book, or as a word in some script that could set them.
"""

import re
from pathlib import Path

import tinycss2

STYLE = "book.css"
SCRIPT = "book.js"
LINK = re.compile(r'[ \t]*<link\b(?=[^>]*\brel="stylesheet")[^>]*\bhref="(?P<path>[^"?]*)[^"]*"[^>]*>\n?')
TAG = re.compile(r'[ \t]*<script\b(?=[^>]*\bdefer)(?![^>]*\bdata-)[^>]*\bsrc="(?P<path>[^"?]*)[^"]*"[^>]*></script>\n?')
ATTRIBUTE = re.compile(r'\b(?:class|id)="([^"]*)"')
WORD = re.compile(r"[A-Za-z_][\w-]*")
NAME = re.compile(r"[.#](-?[A-Za-z_][\w-]*)")
# What stands in such brackets need not occur for the rest to match.
OPTIONAL = re.compile(r"\[[^\]]*\]|:(?:not|is|where|has)\([^()]*(?:\([^()]*\)[^()]*)*\)")
# The theme measures every box of code or output and writes to it, box by box, at the start and after every change of
# the page, which each time lays out the whole page. assets/resnotes.js does the same for all boxes at once.
TAB_STOPS = re.compile(
    r'function (?P<name>\w+)\(\)\{const e=\(\)=>\{document\.querySelectorAll\("pre, \.nboutput[^"]*"\)(?:(?!function).)*?'
    r"\.scrollWidth.{1,400}?new MutationObserver\(t\)\.observe\(.{1,80}?\{subtree:!0,childList:!0\}\),e\(\)\}"
)
URL = re.compile(r"url\((['\"]?)(?!data:|https?:|/|#)([^)'\"]+)\1\)")


def shared(pages, pattern):
    """Paths that every page loads, relative to the pages' root, in the first page's order."""
    lists = [
        [posixish(page.parent, match["path"]) for match in pattern.finditer(page.read_text("utf-8"))] for page in pages
    ]
    return [path for path in lists[0] if all(path in others for others in lists)]


def posixish(folder, path):
    return (folder / path).resolve()


def vocabulary(pages, scripts):
    """All classes and ids of the pages, and all words of the scripts."""
    words = set()
    for page in pages:
        for value in ATTRIBUTE.findall(page.read_text("utf-8")):
            words.update(value.split())
    for script in scripts:
        words.update(WORD.findall(script.read_text("utf-8")))
    return words


def can_match(selector, words):
    return all(name in words for name in NAME.findall(OPTIONAL.sub("", selector)))


def used_rules(nodes, words):
    """The text of the rules that can match; groups such as @media recursively."""
    kept = []
    for node in nodes:
        if node.type == "qualified-rule":
            selectors = [text for text in split(node.prelude) if can_match(text, words)]
            if selectors:
                kept.append(f"{','.join(selectors)}{{{tinycss2.serialize(node.content).strip()}}}")
        elif node.type == "at-rule":
            prelude = tinycss2.serialize(node.prelude).strip()
            if node.content is None:
                kept.append(f"@{node.at_keyword} {prelude};")
            elif node.lower_at_keyword in ("media", "supports", "container", "layer"):
                inner = used_rules(rules(node.content), words)
                if inner:
                    kept.append(f"@{node.at_keyword} {prelude}{{{inner}}}")
            else:
                kept.append(f"@{node.at_keyword} {prelude}{{{tinycss2.serialize(node.content).strip()}}}")
        elif node.type == "error":
            raise ValueError(f"style sheet, line {node.source_line}: {node.message}")
    return "\n".join(kept)


def rules(text):
    return tinycss2.parse_rule_list(text, skip_comments=True, skip_whitespace=True)


def split(prelude):
    """The selectors of a list."""
    lists, current = [], []
    for token in prelude:
        if token.type == "literal" and token.value == ",":
            lists.append(current)
            current = []
        else:
            current.append(token)
    return [tinycss2.serialize(tokens).strip() for tokens in (*lists, current)]


def relative_urls(text, style, folder):
    """`text` with what it names by relative paths named from `folder`."""

    def moved(match):
        return f"url({(style.parent / match[2]).resolve().relative_to(folder).as_posix()})"

    return URL.sub(moved, text)


def without_tab_stops(script):
    """The theme's script without its own pass over what scrolls."""
    text, count = TAB_STOPS.subn(r"function \g<name>(){}", script)
    if count != 1:
        raise ValueError(f"scripts: the theme's function that makes boxes reachable: got {count} of them, wanted 1")
    return text


def replace(page, pattern, paths, tag):
    """Take the tags of `paths` out of a page and put one in the first one's place."""
    first = True

    def new(match):
        nonlocal first
        if posixish(page.parent, match["path"]) not in paths:
            return match[0]
        was_first, first = first, False
        return tag if was_first else ""

    page.write_text(pattern.sub(new, page.read_text("utf-8")), "utf-8")


def bundle(app, exception):
    """Write the two files and put them into every page."""
    if exception is not None or app.builder.name != "html":
        return
    root = Path(app.outdir).resolve()
    static = root / "_static"
    pages = [page for page in root.rglob("*.html") if LINK.search(page.read_text("utf-8"))]
    styles, scripts = shared(pages, LINK), shared(pages, TAG)
    if gone := [path.relative_to(root).as_posix() for path in (*styles, *scripts) if not path.is_file()]:
        raise ValueError(
            f"{', '.join(gone)}: named by every page, and the theme has no such file (tests/test_theme.py)"
        )
    words = vocabulary(pages, [path for path in static.rglob("*.js")])
    style = "\n".join(used_rules(rules(relative_urls(path.read_text("utf-8"), path, static)), words) for path in styles)
    (static / STYLE).write_text(style, "utf-8")
    script = ";\n".join(path.read_text("utf-8") for path in scripts)
    (static / SCRIPT).write_text(without_tab_stops(script), "utf-8")
    for page in pages:
        up = "../" * (len(page.relative_to(root).parts) - 1)
        replace(page, LINK, styles, f'    <link rel="stylesheet" href="{up}_static/{STYLE}">\n')
        replace(page, TAG, scripts, f'    <script defer src="{up}_static/{SCRIPT}"></script>\n')
    for path in (*styles, *scripts):
        path.unlink()


def setup(app):
    # After everything that writes pages or takes files away.
    app.connect("build-finished", bundle, priority=990)
