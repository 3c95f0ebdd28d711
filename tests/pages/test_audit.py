"""The audit page in a browser: what it lists, its filter, witnesses that wait to be asked for, the page without the script."""

import re
from collections import Counter

import pytest
from bs4 import BeautifulSoup

from resnotes.book.claims import CLAIMS, ELSEWHERE, VERDICTS
from resnotes.book.claims.claim import Claim
from resnotes.book.oracles import CheckError

from . import checks

PAGE = "chapters/audit.html"
SHOWN = "section.claim:not([hidden])"
COUNTS = Counter(claim.verdict for claim in CLAIMS.values())
WORDS = {
    "holds": "holds",
    "conditions": "holds under conditions",
    "ambiguous": "ambiguous",
    "wrong": "wrong",
    "question": "question",
}
NOTES = {
    note: sum(claim.note == note for claim in CLAIMS.values()) for note in {claim.note for claim in CLAIMS.values()}
}


@pytest.fixture
def page(book, watched):
    """The page as a file, freshly opened; nothing may be complained about."""
    watched.open((book / PAGE).as_uri())
    yield watched.page
    assert checks.complaints(watched) == []


def visible(page):
    """Ids of the claims that are shown, in the page's order."""
    ids = page.evaluate(
        f"[...document.querySelectorAll('{SHOWN}')].filter((card) => card.offsetHeight).map((card) => card.id)"
    )
    return [name.removeprefix("claim-") for name in ids]


def count_text(page):
    return page.locator("#audit-count").text_content()


CARDS = """() => (document.querySelectorAll("details").forEach(layOut), Object.fromEntries([...document.querySelectorAll("section.claim")].map((card) => [card.id, {
  title: card.querySelector("h3").textContent,
  text: card.querySelector("h3").textContent + card.querySelector(".claim-facts").textContent,
  verdict: card.querySelector(".verdict").textContent,
  links: [...card.querySelectorAll("a")].map((link) => link.getAttribute("href")),
  cases: card.querySelectorAll(".case").length,
}])))"""


def test_every_claim_has_its_card_and_anchor(page):
    cards = page.evaluate(CARDS)
    assert set(cards) == {f"claim-{name}" for name in CLAIMS} and len(visible(page)) == len(CLAIMS)
    for name, claim in CLAIMS.items():
        card = cards[f"claim-{name}"]
        assert name in card["text"] and claim.place in card["text"], name
        assert not re.search(r"S\d-", card["title"]) and len(card["title"].split()) > 1, name
        # The verdict is a word, beside the colour and the sign.
        assert card["verdict"].split(maxsplit=1)[1] == WORDS[claim.verdict], name
        assert f"{claim.chapter}.html" in card["links"], name
        assert card["cases"] == len(claim.evidence), name


def test_registered_corrections_link_to_their_equations(page):
    cards = page.evaluate(CARDS)
    labels = {(name, truth.equation) for name, claim in CLAIMS.items() for truth in claim.truths if truth.equation}
    assert labels
    for name, label in sorted(labels):
        ends = {link.rpartition("#")[2] for link in cards[f"claim-{name}"]["links"]}
        assert {f"equation-{label}", f"ledger-{label}"} <= ends, (name, label)


WAITING = "document.querySelectorAll('details > noscript').length"


def test_witnesses_wait_until_they_are_asked_for(page, book):
    """Opened, printed, led to, or with somebody there who reads: then the browser's own search finds their words too."""
    waiting = page.evaluate(WAITING)
    assert waiting == len(CLAIMS) and page.locator(".case").count() == 0
    card = page.locator("section.claim").first
    card.locator("summary").click()
    card.locator(".case .katex").first.wait_for()
    kept = BeautifulSoup((book / PAGE).read_text("utf-8"), "html.parser").select("details > noscript [id]")
    page.goto(f"{(book / PAGE).as_uri()}#{kept[-1]['id']}")
    page.wait_for_load_state("networkidle")
    page.reload()
    assert page.locator(f"[id='{kept[-1]['id']}']").is_visible()
    # What a page still asks for when it is left would count as a request that failed.
    page.wait_for_load_state("networkidle")
    page.goto("about:blank")
    page.goto((book / PAGE).as_uri())
    assert page.evaluate(WAITING) == waiting
    page.keyboard.press("Shift")
    page.wait_for_function(f"{WAITING} === 0")
    page.wait_for_load_state("networkidle")
    page.reload()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(WAITING) == 0 and page.locator(".case").last.is_visible()


def test_outcomes_are_those_of_the_witness(page):
    """Read the witness off the page and compute it anew; one claim of each verdict."""
    for verdict in VERDICTS:
        name = next(name for name, claim in CLAIMS.items() if claim.verdict == verdict)
        page.evaluate("document.querySelectorAll('details').forEach((fold) => { layOut(fold); })")
        found = [
            text.split(maxsplit=1)[1].rstrip(".") == "agrees"
            for text in page.locator(f"[id='claim-{name}'] .outcome").all_text_contents()
        ]
        assert Counter(found) == Counter(case.agrees for case in CLAIMS[name].witness().cases)


@pytest.mark.parametrize("verdict", VERDICTS)
def test_filter_by_verdict(page, verdict):
    page.get_by_label("Verdict").select_option(f"verdict-{verdict}")
    assert visible(page) and {CLAIMS[name].verdict for name in visible(page)} == {verdict}
    assert len(visible(page)) == COUNTS[verdict]
    assert count_text(page) == f"{COUNTS[verdict]} of {len(CLAIMS)} claims shown"


@pytest.mark.parametrize("note", sorted(NOTES))
def test_filter_by_note(page, note):
    page.get_by_label("Note", exact=True).select_option(f"note-{note.replace(' ', '-')}")
    assert {CLAIMS[name].note for name in visible(page)} == {note} and len(visible(page)) == NOTES[note]
    # The other notes' headings go with their claims.
    assert page.locator("section:not(.claim):has(> section.claim):visible").count() == 1


def test_filters_combine_and_reset(page):
    page.get_by_label("Verdict").select_option("verdict-wrong")
    page.get_by_label("Note", exact=True).select_option("note-003")
    both = [name for name, claim in CLAIMS.items() if claim.verdict == "wrong" and claim.note == "003"]
    assert visible(page) == both and 0 < len(both) < COUNTS["wrong"]
    page.get_by_role("button", name="Show all").click()
    page.wait_for_function(f"document.querySelectorAll('{SHOWN}').length === {len(CLAIMS)}")
    assert count_text(page) == f"{len(CLAIMS)} of {len(CLAIMS)} claims shown"


def test_search_for_words(page):
    box = page.get_by_label("Words")
    box.fill("HIGHWAY gradient")
    found = visible(page)
    assert "S0-S8" in found and 0 < len(found) < len(CLAIMS)
    texts = page.evaluate(f"[...document.querySelectorAll('{SHOWN}')].map((card) => card.textContent.toLowerCase())")
    assert all("highway" in text and "gradient" in text for text in texts)
    hidden = set(CLAIMS) - set(found)
    assert not any(
        {"highway", "gradient"} <= set(re.findall(r"[a-z]+", CLAIMS[name].statement.lower())) for name in hidden
    )
    box.fill("S4-T3")
    assert "S4-T3" in visible(page)
    box.fill("frac{")  # TeX is not what a reader sees
    assert visible(page) == []
    box.fill("gradient xyzzy")
    assert visible(page) == [] and count_text(page) == f"0 of {len(CLAIMS)} claims shown"


def test_by_keyboard_alone(page):
    page.get_by_label("Verdict").focus()
    page.keyboard.press("End")
    assert len(visible(page)) == COUNTS[VERDICTS[-1]]
    order = []
    for _ in range(3):
        page.keyboard.press("Tab")
        order.append(page.evaluate("document.activeElement.name || document.activeElement.type"))
    assert order == ["note", "words", "reset"]
    page.keyboard.press("Enter")
    page.wait_for_function(f"document.querySelectorAll('{SHOWN}').length === {len(CLAIMS)}")


def test_the_count_is_read_out(page):
    status = page.locator("#audit-count")
    assert status.get_attribute("aria-live") == "polite" and status.get_attribute("role") == "status"
    assert count_text(page) == f"{len(CLAIMS)} of {len(CLAIMS)} claims shown"


def test_a_link_to_a_claim_that_is_filtered_out_shows_it(page):
    name = next(name for name, claim in CLAIMS.items() if claim.verdict == "wrong")
    page.get_by_label("Verdict").select_option("verdict-holds")
    assert name not in visible(page)
    page.locator(".claim-links").locator(f"a[href='#claim-{name.lower()}'], a[href='#claim-{name}']").click()
    assert name in visible(page)
    page.wait_for_function("scrollY > 0")
    page.wait_for_function(
        f"Math.abs(document.getElementById('claim-{name}').getBoundingClientRect().top) < innerHeight"
    )


def test_the_table_and_the_lists_count_the_claims(page):
    rows = page.locator("table").first.locator("tbody tr").all()
    numbers = [[int(cell) for cell in row.locator("td").all_text_contents()[1:]] for row in rows]
    assert numbers[-1] == [COUNTS[verdict] for verdict in VERDICTS] + [len(CLAIMS)]
    assert [sum(column) for column in zip(*numbers[:-1], strict=True)] == numbers[-1]
    lists = [
        [link.get_attribute("href") for link in part.locator("a").all()] for part in page.locator(".claim-links").all()
    ]
    wanted = [[f"#claim-{name}" for name, claim in CLAIMS.items() if claim.verdict == verdict] for verdict in VERDICTS]
    assert [[link.lower() for link in part] for part in lists] == [[link.lower() for link in part] for part in wanted]


def test_without_script_everything_is_shown(book, browser):
    page = browser.new_page(java_script_enabled=False)
    page.goto((book / PAGE).as_uri())
    assert page.locator("section.claim:visible").count() == len(CLAIMS)
    page.locator("summary").last.click()
    assert page.locator(".case .katex").last.is_visible()
    assert not page.locator("#audit-filter").is_visible()
    page.close()


def test_filtered_and_unfolded_it_stays_accessible(book, watched):
    watched.open((book / PAGE).as_uri())
    watched.page.get_by_label("Verdict").select_option("verdict-ambiguous")
    # What is hidden is taken out: axe walks through it too, for a minute.
    watched.page.evaluate("document.querySelectorAll('section.claim[hidden]').forEach((card) => card.remove())")
    watched.page.evaluate("document.querySelectorAll('section.claim details').forEach((fold) => { fold.open = true; })")
    watched.settle()
    assert watched.page.locator("section.claim").count() == COUNTS["ambiguous"]
    assert checks.complaints(watched) == []  # before axe asks for what a file may not ask for
    for look in checks.LOOKS:
        watched.look(*look)
        rules = None if look == checks.LOOKS[0] else checks.RULES_OF_A_LOOK
        assert checks.overflow(watched) + checks.accessibility(watched, rules) == [], look


def test_only_this_page_loads_the_script(book):
    users = [path.name for path in book.rglob("*.html") if "audit.js" in path.read_text("utf-8")]
    assert users == ["audit.html"]
    assert (book / "_static/audit.js").stat().st_size < 4000


# What ends a build.


@pytest.fixture
def audit(monkeypatch):
    """The extension's module, as the build imports it."""
    from tools.book import ROOT

    monkeypatch.syspath_prepend(str(ROOT / "_ext"))
    from resnotes_book import audit

    return audit


def test_a_failing_claim_ends_the_build(audit, monkeypatch):
    def fail(claim):
        raise CheckError(f"{claim.id}: got 1, want 2")

    monkeypatch.setattr(Claim, "check", fail)
    with pytest.raises(CheckError, match="S0-A1: got 1, want 2"):
        audit.examine("S0-A1")


def test_text_is_shown_as_it_is(audit):
    assert audit.prose("x_5 - p_{k+1}, J^T and *not* lambda_i") == r"$x_{5}$ - $p_{k+1}$, Jᵀ and \*not\* $\lambda_{i}$"
    assert audit.prose("|lambda| < 1 [sic] <b>") == r"\|λ\| \< 1 \[sic\] \<b\>"


def test_what_is_said_elsewhere_stands_with_its_sources(book, watched):
    watched.open((book / "chapters/elsewhere.html").as_uri())
    cards = watched.page.evaluate(CARDS)
    assert set(cards) == {f"claim-{name}" for name in ELSEWHERE}
    for name, said in ELSEWHERE.items():
        card = cards[f"claim-{name}"]
        assert card["verdict"].endswith(WORDS[said.verdict]) and card["cases"] == len(said.evidence), name
        assert {source["address"] for source in said.sources} <= set(card["links"]), name
        assert "SE-" not in card["title"] and len(card["title"].split()) > 1, name
    assert checks.complaints(watched) == []
