"""Fixtures shared by all tests: the browser and the built book."""

import json
from pathlib import Path

import pytest
from hypothesis import settings
from playwright.sync_api import sync_playwright

from resnotes.book.mutations import Survey
from resnotes.book.oracles import CheckResult
from tools import book as build
from tools import chromium as chromium_tools

# How long an example takes says nothing on a busy machine.
settings.register_profile("busy", deadline=None)
settings.load_profile("busy")

#: Needs an environment of its own: `make test-torch`.
collect_ignore = ["torch"]


def pytest_collection_modifyitems(items):
    """Mark what needs the built book or a browser; `make check` goes without.

    Tests of one explorer follow each other: they share pages and what Node has computed.
    """
    for item in items:
        if {"chromium", "book"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("page")
    files = {path: number for number, path in enumerate(dict.fromkeys(item.path for item in items))}

    def place(item):
        case = getattr(item, "callspec", None) and item.callspec.params.get("case")
        return files[item.path], getattr(case, "name", "")

    items.sort(key=place)


@pytest.fixture(scope="session")
def chromium():
    """Path of a Chromium or Chrome that starts."""
    path = chromium_tools.find()
    if path is None:
        pytest.fail("No Chromium was found (or CHROMIUM names none that starts): run the tests with `make test`.")
    return path


@pytest.fixture(scope="session")
def browser(chromium):
    """A Playwright browser that can reach this machine only."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=chromium_tools.arguments())
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def book() -> Path:
    """The folder of the built pages, built from the sources as they are now."""
    if not build.is_fresh():
        pytest.fail("The built book is missing or older than its sources: run `make book` (or `make test`).")
    return build.ROOT / "_build" / "html"


def recorded(name):
    """What the build has left beside the pages; nothing where the book is not of these sources."""
    return json.loads((build.ROOT / "_build" / f"{name}.json").read_text("utf-8")) if build.is_fresh() else {}


@pytest.fixture(scope="session")
def checked():
    """What the build found of equations and claims: label or id -> CheckResult, or nothing."""
    return {name: CheckResult(*found) for name, found in recorded("checked").items()}


@pytest.fixture(scope="session")
def surveys():
    """What the build found of the damaged forms: label or id -> Survey, or nothing."""
    return {
        name: Survey(made, caught, tuple(map(tuple, equivalent)), tuple(survivors))
        for name, (made, caught, equivalent, survivors) in recorded("surveys").items()
    }
