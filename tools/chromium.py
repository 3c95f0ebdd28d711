"""A Chromium for the tests and the PDF: one that is there, else one that is fetched.

Usage: python tools/chromium.py, which says nothing where one starts.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Error, sync_playwright

COMMANDS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
APPLICATIONS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)


def arguments():
    """Command line for a browser that reaches nothing but this machine."""
    # Chromium's sandbox does not run as root, which is what a container usually is.
    root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    return ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost", *root]


def works(playwright, path):
    """Whether the program at `path` is a browser that starts; Ubuntu's `chromium-browser` may not be."""
    try:
        browser = playwright.chromium.launch(executable_path=path, args=arguments(), timeout=60_000)
    except Error:
        return False
    browser.close()
    return True


def candidates(playwright):
    """Paths to try: the one that CHROMIUM names alone; else PATH, macOS applications, Playwright's own."""
    if os.environ.get("CHROMIUM"):
        return [os.environ["CHROMIUM"]]
    known = [*map(shutil.which, COMMANDS), *APPLICATIONS, playwright.chromium.executable_path]
    return [path for path in known if path and Path(path).is_file()]


def find():
    """Path of a Chromium or Chrome on this machine that starts; None where there is none."""
    with sync_playwright() as playwright:
        return next((path for path in candidates(playwright) if works(playwright, path)), None)


def fetch():
    """Fetch a Chromium: Playwright's or, as root on Debian and its kin, the package; None if no way works."""
    playwright = [sys.executable, "-m", "playwright"]
    ways = [[[*playwright, "install", "chromium"]]]
    if hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        update, install = ["apt-get", "update", "-qq"], ["apt-get", "install", "-qq", "--yes"]
        ways += [[[*playwright, "install-deps", "chromium"]], [update, [*install, "chromium"]]]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for way in ways:
        for command in way:
            print("No Chromium starts here; to install one, running:", *map(str, command), flush=True)
            subprocess.run(command, env=environment, stdin=subprocess.DEVNULL)
        if path := find():
            return path
    return None


def find_or_fetch():
    """Path of a Chromium that starts; ends the program with what to do where none can be had."""
    path = find()
    if path is None and os.environ.get("CHROMIUM"):
        sys.exit(f"CHROMIUM={os.environ['CHROMIUM']} is not a browser that starts.")
    path = path or fetch()
    if path is None:
        sys.exit(
            "The tests open every page in Chromium, and none was found or could be fetched.\n"
            "Install Chromium or Chrome, or name one: make test CHROMIUM=/path/to/chromium"
        )
    return path


if __name__ == "__main__":
    find_or_fetch()
