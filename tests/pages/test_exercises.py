"""The exercises' forms in the built pages: answered, judged, remembered, forgotten; by keyboard, from a file."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe

from resnotes.book import EXERCISES

from . import checks

PAGE = "chapters/04_lambda_scaling.html"
ANSWERABLE = [label for label in EXERCISES if label.startswith("ex-scaling-")]


@pytest.fixture
def page(browser, book_url):
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(10_000)
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type in ("error", "warning") else None)
    page.goto(book_url + PAGE)
    yield page
    context.close()
    assert errors == []


def form(page, label):
    return page.locator(f"form.answer[data-label='{label}']")


def test_every_exercise_that_is_registered_can_be_answered(book):
    pages = "".join(path.read_text("utf-8") for path in (book / "chapters").glob("*.html"))
    assert sorted(re.findall(r'<form class="answer [^>]* data-label="([^"]*)"', pages)) == sorted(EXERCISES)


def test_a_mistake_is_named_and_the_right_answer_kept(page):
    asked = form(page, "ex-scaling-share")
    first, second = asked.locator("input").all()
    first.fill("43")
    second.fill("0.1")
    second.press("Enter")
    said = asked.locator(".answer-said")
    said.first.get_by_text("Off by one").wait_for()
    assert said.nth(1).inner_text() == "Right."
    assert not asked.locator(".answer-done").is_visible()
    first.fill("88/2")
    asked.get_by_role("button", name="Check").click()
    asked.locator(".answer-done").wait_for()
    progress = page.locator(".answer-progress")
    assert f"1 of {len(ANSWERABLE)} in this chapter, 1 of {len(EXERCISES)} in the book" in progress.inner_text()
    page.reload()
    assert form(page, "ex-scaling-share").locator(".answer-done").is_visible()
    page.get_by_role("button", name="Clear my progress").click()
    assert not form(page, "ex-scaling-share").locator(".answer-done").is_visible()
    assert page.evaluate("localStorage.getItem('resnotes-progress')") is None


def test_formulas_equal_forms_and_nonsense(page):
    asked = form(page, "ex-scaling-slow")
    asked.get_by_role("radio", name="but not exponentially").check()
    for typed, said in [
        ("(n + 1)^-1", "Right."),
        ("1/n - 1/(n*(n + 1))", "Right."),
        ("1/n", "Off by one"),
        ("m", "“m” is not one of the symbols here: n."),
        ("1/(", "cannot be read"),
        ("1/2n", "can be read in two ways"),
        ("1,5n", "Not equal"),
        ("", "There is nothing to check yet"),
    ]:
        asked.get_by_role("textbox").fill(typed)
        asked.get_by_role("textbox").press("Enter")
        asked.locator("#ex-scaling-slow-0-said", has_text=said).wait_for()


def test_a_choice(page, book_url):
    page.goto(book_url + "chapters/01_forward_pass.html")
    asked = form(page, "ex-forward-shapes")
    check = asked.get_by_role("button", name="Check")
    check.click()
    asked.locator(".answer-said", has_text="Choose one").first.wait_for()
    asked.get_by_role("radio", name="(7, 5)").check()
    check.click()
    asked.locator(".answer-said", has_text="x₃ is as wide as x₁").wait_for()
    asked.get_by_role("radio", name="(7, 3)").check()
    asked.get_by_role("radio", name="the width of x₃, which x₅ then shares").check()
    check.click()
    asked.locator(".answer-done").wait_for()
    asked.get_by_role("radio", name="nothing more").check()
    check.click()
    asked.locator(".answer-done").wait_for(state="hidden")


def test_it_works_from_a_file(browser, book):
    context = browser.new_context()
    page = context.new_page()
    page.goto((book / PAGE).as_uri())
    asked = form(page, "ex-scaling-half")
    asked.get_by_role("radio", name="as strong as the shortcut was").check()
    asked.get_by_role("textbox").fill("0.5^n")
    asked.get_by_role("textbox").press("Enter")
    asked.locator(".answer-done").wait_for()
    context.close()


def test_without_a_script_there_are_no_forms(browser, book):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((book / PAGE).as_uri())
    assert not any(found.is_visible() for found in page.locator("form.answer").all())
    context.close()


def test_axe_finds_nothing_in_a_judged_form(watched, book_url):
    watched.open(book_url + PAGE)
    page = watched.page
    asked = form(page, "ex-scaling-share")
    for field in asked.locator("input").all():
        field.fill("43")
    asked.get_by_role("button", name="Check").click()
    asked.locator(".answer-said", has_text="Off by one").wait_for()
    for look in checks.LOOKS:
        watched.look(*look)
        assert page.evaluate("document.documentElement.scrollWidth") <= look[0]
        found = Axe().run(page, context="form.answer").response["violations"]
        assert [(v["id"], [n["html"] for n in v["nodes"]]) for v in found] == [], look
