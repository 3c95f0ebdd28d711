"""The whole book as one PDF, made of the built pages: the same formulas, the same numbers, the same outputs.

Usage: python tools/pdf.py        (after `make book`; `make pdf` does both)

The articles of all pages are put into one page, in the book's order; ids get the page's name in front, and links between
pages become links within this one. Folds stand open, explorers are the static pictures that a page without a script shows.
Chromium prints it, twice: the second time with the page numbers in the table of contents. What came out is checked
against the pages.
"""

import re
import sys
from collections import Counter
from html import escape
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

from bs4 import BeautifulSoup
from playwright.sync_api import sync_playwright
from pypdf import PdfReader

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tools import chromium
from tools.book import ROOT, is_fresh

HTML = ROOT / "_build/html"
PDF = ROOT / "_build/pdf/resnotes.pdf"
STYLE = Path(__file__).with_name("pdf.css")
FRONT = "00_introduction"
#: What only a screen has a use for, and the code of what stands there as a picture.
LEFT_OUT = "script, template, form, .headerlink, .derivation-bar, .checked-summary, .cell-fold"
#: A page must have as many of each on paper as on the screen.
KINDS = (".katex", "div.math > .eqno", "figure", "table", "img", "svg", "pre", "h1", "h2", "h3", "details")
EQUATION, NUMBER = "div.math > .eqno", re.compile(r"\(\w+\.\d+\)")
#: Millimetres between the margins that pdf.css gives to A4, and how much smaller than on a screen everything is.
WIDTH, SCALE = 210 - 2 * 17, 0.8
#: Makes what is too wide for the paper smaller.
FIT = """() => {
  const shrink = (box, inner) => {
    for (let turn = 0; turn < 4 && box.scrollWidth > box.clientWidth + 1; turn++) {
      const size = parseFloat(getComputedStyle(inner).fontSize);
      inner.style.fontSize = `${size * Math.max(0.5, (box.clientWidth / box.scrollWidth) * 0.99)}px`;
    }
  };
  for (const box of document.querySelectorAll(".katex-display, .derivation-right")) {
    for (const formula of box.querySelectorAll(":scope > .katex, :scope > span > .katex")) shrink(box, formula);
  }
  for (const table of document.querySelectorAll("table")) shrink(table.parentElement, table);
}"""
#: What the browser sees in the one page.
LOOK = """(kinds) => {
  const words = (element) => element.textContent.replace(/\\s+/g, " ").trim();
  const all = (root, selector) => [...root.querySelectorAll(selector)];
  const right = document.querySelector(".bd-article").getBoundingClientRect().right + 1;
  const wide = all(document, ".katex-display .katex, .derivation .katex, table, pre, img, svg, p, li")
    .filter((element) => element.getBoundingClientRect().right > right);
  return {
    ids: all(document, "[id]").map((element) => element.id),
    links: all(document, "a[href^='#']").filter((link) => link.checkVisibility()).map((link) => decodeURIComponent(link.hash.slice(1))),
    titles: all(document, ".chapter > h1").map(words),
    chapters: Object.fromEntries(all(document, ".chapter").map((chapter) => [chapter.id, {
      counts: Object.fromEntries(kinds.map((kind) => [kind, all(chapter, kind).length])),
      equations: all(chapter, "div.math > .eqno").map((element) => words(element).match(/\\(\\w+\\.\\d+\\)/)[0]),
    }])),
    problems: [
      ...wide.map((element) => `wider than the paper: ${words(element).slice(0, 80)}`),
      ...all(document, "details:not([open])").map((fold) => `folded: ${words(fold).slice(0, 80)}`),
      ...[...document.images].filter((image) => !image.naturalWidth).map((image) => `no image: ${image.src}`),
      ...all(document, ".chapter > h1").filter((title) => !title.checkVisibility()).map((title) => `not shown: ${words(title)}`),
    ],
  };
}"""


def parse(text):
    return BeautifulSoup(text, "html.parser")


def order(front):
    """(caption or None, [(page, title), ...]) of each part, from the contents of the front page; a page is its file's stem."""
    parts = [(None, [])]
    for element in front.select("nav.bd-docs-nav p.caption, nav.bd-docs-nav a"):
        text = " ".join(element.get_text().split())
        if element.name == "p":
            parts.append((text, []))
        else:
            parts[-1][1].append((FRONT if element["href"] == "#" else Path(element["href"]).stem, text))
    return parts


def inside(name, address, pages):
    """Where a link of page `name` leads in the one page; addresses on the web stay as they are."""
    if urlsplit(address).scheme:
        return address
    file, anchor = urldefrag(address)
    target = Path(unquote(file)).stem if file else name
    if target not in pages:
        raise ValueError(f"link: got {address!r} on the page {name}, wanted one to a page of the book")
    return f"#{target}:{unquote(anchor)}" if anchor else f"#{target}"


def from_pdf(address):
    """An address that a page in chapters/ has for a file, as the one page has it."""
    return address if address.startswith("data:") else f"../html/{Path('chapters', address).as_posix()}"


def wanted(section):
    """What the one page must have of a built page: how many of each kind, and the numbers of the equations."""
    counts = {kind: sum(1 for element in section.select(kind) if not element.css.closest(LEFT_OUT)) for kind in KINDS}
    return {"counts": counts, "equations": [number(element.get_text()) for element in section.select(EQUATION)]}


def number(text):
    """An equation's number; how it was checked may stand before it."""
    return NUMBER.findall(text)[-1]


def chapter(name, section, pages):
    """The section of a built page, made ready for the one page."""
    for element in section.select(LEFT_OUT):
        element.decompose()
    for fold in section.select("details"):
        fold["open"] = ""
    for kept in section.select("noscript"):
        kept.unwrap()
    anchor = section.get("id")
    for element in section.find_all(id=True):
        element["id"] = f"{name}:{element['id']}"
    for element in section.find_all(href=True):
        element["href"] = inside(name, element["href"], pages)
    for element in section.find_all("img"):
        element["src"] = from_pdf(element["src"])
    for element in section.select(".drawing svg *"):
        for key in ("clip-path", "fill", "style"):
            if "url(#" in element.get(key, ""):
                element[key] = element[key].replace("url(#", f"url(#{name}:")
    # The page's name leads here, and so does its own first anchor.
    section["id"], section["class"] = name, [*section.get("class", []), "chapter"]
    section.insert(0, parse(f'<span id="{name}:{anchor}"></span>').span)
    return section


def styles(pages):
    """The addresses of the style sheets of all pages, each once."""
    return list(
        dict.fromkeys(from_pdf(link["href"]) for page in pages for link in page.select("link[rel~=stylesheet]"))
    )


def contents(parts):
    """The table of contents, with a place for each page number."""
    lines = ['<nav class="book-contents"><h1>Contents</h1>']
    for caption, entries in parts:
        lines.append(f'<p class="part">{escape(caption)}</p>' if caption else "")
        lines.append("<ul>")
        lines += [
            f'<li><a href="#{name}">{escape(title)}</a><span class="dots"></span><span class="page" data-of="{name}"></span></li>'
            for name, title in entries
        ]
        lines.append("</ul>")
    return "\n".join([*lines, "</nav>"])


def running_heads(parts):
    """A named page for each chapter, with the part and the chapter's title in its head."""
    rules = []
    for caption, entries in parts:
        for name, title in entries:
            rules.append(
                f"#{css_name(name)} {{ page: {css_name(name)} }}\n@page {css_name(name)} "
                f"{{ @top-left {{ content: {css_text(caption or '')} }} @top-right {{ content: {css_text(title)} }} }}"
            )
    return "\n".join(rules)


def css_name(name):
    """An id as css writes it; no digit may come first."""
    return re.sub(r"^(\d)", r"\\3\1 ", name)


def css_text(text):
    return '"' + re.sub(r'(["\\\\])', r"\\\1", text) + '"'


def cover(front):
    """The title page: the book's name, its question, the picture of the front page, who made it and the licence."""
    title = front.select_one(".logo__title").get_text(strip=True)
    question = front.select_one("article.bd-article h1").find(string=True).strip()
    picture = front.select_one("article.bd-article .resnotes-explorer .rx-figures")
    said = [" ".join(item.get_text().split()) for item in front.select("footer.bd-footer-content .footer-item")]
    return (
        f'<header class="title-page"><h1>{escape(title)}</h1><p class="question">{escape(question)}</p>'
        f'<div class="resnotes-explorer">{picture or ""}</div>'
        f"<div>{''.join(f'<p>{escape(one)}</p>' for one in said if one)}</div></header>"
    )


def with_numbers(text, numbers):
    """The one page with page numbers in its table of contents."""
    return re.sub(r'(data-of="([^"]*)">)', lambda match: f"{match[1]}{numbers[match[2]]}", text)


def assemble(html):
    """The one page as text, and what of each built page it must hold."""
    folder = html / "chapters"
    pages = {path.stem: parse(path.read_text("utf-8")) for path in sorted(folder.glob("*.html"))}
    front = pages[FRONT]
    parts = order(front)
    names = [name for _, entries in parts for name, _ in entries]
    if sorted(names) != sorted(pages):
        raise ValueError(f"contents: got the pages {sorted(names)}, wanted the built ones, {sorted(pages)}")
    sections = {name: pages[name].select_one("article.bd-article > section") for name in names}
    holds = {name: wanted(section) for name, section in sections.items()}
    opening = cover(front)
    chapters = "\n".join(str(chapter(name, section, names)) for name, section in sections.items())
    title = front.select_one(".logo__title").get_text(strip=True)
    sheets = "\n".join(f'<link rel="stylesheet" href="{href}">' for href in styles(pages.values()))
    text = (
        '<!DOCTYPE html>\n<html lang="en" data-theme="light" data-mode="light"><head><meta charset="utf-8">'
        f"<title>{escape(title)}</title>\n{sheets}\n<style>{STYLE.read_text('utf-8')}\n{running_heads(parts)}</style></head>\n"
        '<body><main class="bd-main"><div class="bd-content"><div class="bd-article-container"><article class="bd-article">\n'
        f"{opening}\n"
        f"{contents(parts)}\n{chapters}\n</article></div></div></main></body></html>\n"
    )
    return text, holds


def look_and_print(browser, page, pdf):
    """Print the file `page` and return what the browser sees in it."""
    width = round(WIDTH / 25.4 * 96 / SCALE)
    tab = browser.new_page(viewport={"width": width, "height": 1000}, color_scheme="light")
    tab.set_default_timeout(600_000)
    tab.emulate_media(media="print", color_scheme="light")
    tab.goto(page.as_uri(), wait_until="load")
    tab.evaluate("async () => { await document.fonts.ready; }")
    tab.evaluate(FIT)
    seen = tab.evaluate(LOOK, list(KINDS))
    tab.pdf(
        path=pdf, scale=SCALE, prefer_css_page_size=True, print_background=True, outline=True, tagged=True
    )  # fmt: skip
    tab.close()
    return seen


def page_problems(seen, holds):
    """What is wrong with the one page, seen by the browser, beside what the built pages hold."""
    ids = Counter(seen["ids"])
    found = list(seen["problems"])
    found += [f"the id {name} stands there {count} times" for name, count in ids.items() if count > 1]
    found += [f"a link to #{name} leads nowhere" for name in sorted(set(seen["links"]) - set(ids))]
    if list(seen["chapters"]) != list(holds):
        found.append(f"the chapters are {list(seen['chapters'])}, wanted {list(holds)}")
    for name, want in holds.items():
        got = seen["chapters"].get(name, {"counts": {}, "equations": []})
        for kind, count in want["counts"].items():
            if got["counts"].get(kind) != count:
                found.append(f"{name}: {got['counts'].get(kind)} of {kind}, wanted {count}")
        if got["equations"] != want["equations"]:
            found.append(f"{name}: the equations {got['equations']}, wanted {want['equations']}")
    numbers = Counter(number for one in seen["chapters"].values() for number in one["equations"])
    found += [f"the equation {number} stands there {count} times" for number, count in numbers.items() if count > 1]
    return found


def destinations(reader):
    """Anchor -> number of its page, from 1."""
    places = reader.named_destinations.items()
    return {name.removeprefix("/"): reader.get_destination_page_number(place) + 1 for name, place in places}


def links(reader):
    """The anchors that the file's own links lead to."""
    annotations = (annotation.get_object() for page in reader.pages for annotation in page.get("/Annots", []))
    return {str(annotation["/Dest"]).removeprefix("/") for annotation in annotations if "/Dest" in annotation}


def outline(reader):
    """Titles of the outline's entries, those within others too."""
    titles, entries = set(), list(reader.outline)
    while entries:
        entry = entries.pop()
        if isinstance(entry, list):
            entries += entry
        else:
            titles.add(" ".join(entry.title.split()))
    return titles


def file_problems(reader, seen, numbers):
    """What is wrong with the printed file: its links, its outline, the page numbers in its table of contents."""
    places, reached = destinations(reader), links(reader)
    found = [f"in the file, a link to #{name} leads nowhere" for name in sorted(reached - set(places))]
    found += [f"in the file, no link leads to #{name}" for name in sorted(set(seen["links"]) - reached)]
    found += [f"the outline has no {title!r}" for title in seen["titles"] if title not in outline(reader)]
    found += [
        f"{name} is said to begin on page {number}, and begins on {places.get(name)}"
        for name, number in numbers.items()
        if places.get(name) != number
    ]
    return found


def make(browser, html=HTML, pdf=PDF):
    """Write the PDF; return its number of pages, and everything that is wrong with it."""
    pdf.parent.mkdir(parents=True, exist_ok=True)
    page = pdf.with_suffix(".html")
    text, holds = assemble(html)
    page.write_text(text, "utf-8")
    look_and_print(browser, page, pdf)
    places = destinations(PdfReader(pdf))
    numbers = {name: places[name] for name in holds}
    page.write_text(with_numbers(text, numbers), "utf-8")
    seen = look_and_print(browser, page, pdf)
    reader = PdfReader(pdf)
    return len(reader.pages), page_problems(seen, holds) + file_problems(reader, seen, numbers)


def main():
    if not is_fresh():
        sys.exit("The built book is missing or older than its sources: run `make pdf`, which builds it first.")
    path = chromium.find_or_fetch()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=chromium.arguments())
        pages, found = make(browser)
        browser.close()
    if found:
        sys.exit("\n".join(["The PDF is not as it should be:", *found]))
    print(f"{PDF.relative_to(ROOT)}: {pages} pages, {PDF.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
