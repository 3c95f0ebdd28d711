"""Firefox and WebKit for the tests, besides Chromium: found where they are, fetched where that is allowed.

Usage: python -m tools.browsers  (installs what is missing on Debian and its kin, as root or, where the variable CI says that
the machine is there for tests, by sudo; says so before it does)
"""

import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

#: Debian's packages that bring an engine, where it is missing.
PACKAGES = {"Firefox": ("firefox-esr",), "WebKit": ("webkit2gtk-driver", "xvfb")}
#: Seconds that each step may take before the tests go without.
LONGEST = 300


def first(*candidates):
    """The first of these commands and paths that is there; None where none is."""
    return next((path for name in candidates if (path := shutil.which(str(name)))), None)


def firefox():
    """Path of a Firefox; FIREFOX names the only one to try."""
    application = "/Applications/Firefox.app/Contents/MacOS/firefox"
    return first(*([os.environ["FIREFOX"]] if os.environ.get("FIREFOX") else ["firefox-esr", "firefox", application]))


def webkit():
    """Paths of WebKitGTK's driver, its small browser and a display server without a display; None where one is missing."""
    browsers = sorted(Path("/usr/lib").glob("*/webkit2gtk-4.*/MiniBrowser"))
    found = first("WebKitWebDriver"), first(*browsers), first("Xvfb")
    return found if all(found) else None


FIND = {"Firefox": firefox, "WebKit": webkit}


def missing():
    """The engines that this machine has not."""
    return [name for name, find in FIND.items() if find() is None]


def allowed():
    """What stands before apt-get where it may be asked; None where it may not."""
    if not hasattr(os, "geteuid") or not shutil.which("apt-get"):
        return None
    if os.geteuid() == 0:
        return []
    return ["sudo", "-n"] if os.environ.get("CI") and shutil.which("sudo") else None


def run(*words):
    """Let apt-get do something, having said so; whether it worked shows in what is there afterwards."""
    quick = ["-o", "Acquire::Retries=1", "-o", "Acquire::http::Timeout=30", "-o", "Acquire::https::Timeout=30"]
    command = [*allowed(), "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", *quick, *words]
    print("For tests in other browsers, running:", *command, flush=True)
    with suppress(subprocess.TimeoutExpired):
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=LONGEST)


def fetch():
    """Install what is missing where that is possible; the tests skip the engines that stay missing."""
    if missing() and allowed() is not None:
        run("update")
        # One by one: Ubuntu has no firefox-esr.
        for name in missing():
            run("install", "--yes", "--no-install-recommends", *PACKAGES[name])
    for name in missing():
        print(f"No {name} here: the tests go without it (Debian: {' '.join(PACKAGES[name])})", flush=True)


if __name__ == "__main__":
    fetch()
