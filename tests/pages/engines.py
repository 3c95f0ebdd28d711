"""A thin driver for each engine: open a page, evaluate an expression in it, set the window's size, go away.

What is looked at is JavaScript that runs in the page (`anywhere.js`), so the drivers need no more than this.
"""

import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, suppress
from pathlib import Path

import websocket

from tools import browsers

#: Seconds that anything may take, on a machine that does other things too.
PATIENCE = 120

#: This machine is reached without a proxy.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class EngineError(Exception):
    """The engine did not do what it was asked for, which says nothing of the page."""


class PageError(Exception):
    """What was to be evaluated in the page raised."""


def wrapped(expression):
    """The expression's value, or what it threw, as JSON."""
    return f"(async () => JSON.stringify({{ value: await ({expression}) }}))().catch((e) => JSON.stringify({{ error: `${{e}} ${{e?.stack}}` }}))"


def unwrapped(text):
    found = json.loads(text)
    if "error" in found:
        raise PageError(found["error"])
    return found.get("value")


def until(ask, what):
    """The first value of `ask` that is not None."""
    end = time.monotonic() + PATIENCE
    while (found := ask()) is None:
        if time.monotonic() > end:
            raise EngineError(f"{what}: nothing within {PATIENCE} s")
        time.sleep(0.05)
    return found


def started(stack, command, environment, **settings):
    """A process of its own group, ended with the stack, for which `environment` is set beside what is set already."""
    own = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")} | environment
    process = subprocess.Popen(command, start_new_session=True, stdin=subprocess.DEVNULL, env=own, **settings)

    def end():
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    stack.callback(end)
    return process


class Engine:
    """A browser of its own, with what it needs; none of it outlives `close`, nor a start that fails."""

    def __init__(self, *paths):
        with ExitStack() as stack:
            self.stack = stack
            self.begin(*paths)
            self.stack = stack.pop_all()

    def folder(self):
        """A folder that goes with the engine."""
        return Path(self.stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))

    def close(self):
        with suppress(EngineError):
            self.stack.close()


class Firefox(Engine):
    """Over WebDriver BiDi, which Firefox itself speaks on a web socket."""

    PREFERENCES = {
        "browser.shell.checkDefaultBrowser": False,
        "browser.download.folderList": 2,
        "browser.download.useDownloadDir": True,
        "browser.download.always_ask_before_handling_new_types": False,
        "browser.helperApps.neverAsk.saveToDisk": "application/octet-stream,application/x-ipynb+json,text/x-python",
        "datareporting.policy.dataSubmissionEnabled": False,
        "app.update.disabledForTesting": True,
        "network.captive-portal-service.enabled": False,
        "network.connectivity-service.enabled": False,
        "network.proxy.type": 0,
        "ui.systemUsesDarkTheme": 0,
    }

    def begin(self, path):
        self.downloads, profile = self.folder(), self.folder()
        preferences = {**self.PREFERENCES, "browser.download.dir": str(self.downloads)}
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in preferences.items()]
        (profile / "user.js").write_text("\n".join(lines), "utf-8")
        log = profile / "log"
        command = [path, "--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port", "0"]
        with log.open("w") as said:
            # As root it wants a home of its own.
            process = started(self.stack, command, {"HOME": str(profile)}, stdout=said, stderr=said)

        def address():
            if process.poll() is not None:
                raise EngineError(log.read_text("utf-8", "replace").strip()[-300:])
            return re.search(r"WebDriver BiDi listening on (ws://\S+)", log.read_text("utf-8", "replace"))

        where = until(address, "its address")[1]
        self.socket = websocket.create_connection(f"{where}/session", timeout=PATIENCE, suppress_origin=True)
        self.stack.callback(self.socket.close)
        self.number = 0
        self.ask("session.new", capabilities={})
        self.context = self.ask("browsingContext.getTree")["contexts"][0]["context"]

    def ask(self, method, **parameters):
        self.number += 1
        try:
            self.socket.send(json.dumps({"id": self.number, "method": method, "params": parameters}))
            while (answer := json.loads(self.socket.recv())).get("id") != self.number:
                pass
        except (OSError, ValueError, websocket.WebSocketException) as error:
            raise EngineError(f"{method}: Firefox does not answer: {error}") from None
        if answer["type"] == "error":
            raise EngineError(f"{method}: {answer['error']}: {answer['message']}")
        return answer["result"]

    def open(self, url):
        self.ask("browsingContext.navigate", context=self.context, url=url, wait="complete")

    def size(self, width, height):
        self.ask("browsingContext.setViewport", context=self.context, viewport={"width": width, "height": height})

    def evaluate(self, expression):
        found = self.ask(
            "script.evaluate", expression=wrapped(expression), target={"context": self.context}, awaitPromise=True
        )
        if found["type"] == "exception":
            raise PageError(found["exceptionDetails"]["text"])
        return unwrapped(found["result"]["value"])


class WebKit(Engine):
    """Over WebDriver, by WebKitGTK's driver and small browser, on a display that nobody sees."""

    downloads = None
    page = None

    def begin(self, driver, browser, server):
        folder = self.folder()
        number = folder / "display"
        with number.open("w") as told:
            command = [server, "-displayfd", str(told.fileno()), "-screen", "0", "1600x1200x24", "-nolisten", "tcp"]
            started(self.stack, command, {}, pass_fds=[told.fileno()], stderr=subprocess.DEVNULL)
        display = until(lambda: re.fullmatch(r"(\d+)\n", number.read_text("utf-8")), "Xvfb")[1]
        log = folder / "log"
        settings = {
            "DISPLAY": f":{display}",
            "GDK_BACKEND": "x11",
            "WEBKIT_DISABLE_DMABUF_RENDERER": "1",
            "GTK_A11Y": "none",
            "NO_AT_BRIDGE": "1",
            "LIBGL_ALWAYS_SOFTWARE": "1",
            "WEBKIT_SKIA_ENABLE_CPU_RENDERING": "1",
            "HOME": str(folder),
            "XDG_CACHE_HOME": str(folder),
            "XDG_DATA_HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder),
        }
        port = free_port()
        with log.open("w") as said:
            started(self.stack, [driver, f"--port={port}"], settings, stdout=said, stderr=said)
        self.home = f"http://127.0.0.1:{port}"
        until(self.answers, "WebKitWebDriver")
        options = {"binary": browser, "args": ["--automation"]}
        wanted = {"capabilities": {"alwaysMatch": {"browserName": "MiniBrowser", "webkitgtk:browserOptions": options}}}
        self.home += f"/session/{self.ask('POST', '/session', wanted)['sessionId']}"
        self.stack.callback(self.ask, "DELETE", "")
        self.ask("POST", "/timeouts", {"script": PATIENCE * 1000, "pageLoad": PATIENCE * 1000})

    def answers(self):
        try:
            return self.ask("GET", "/status")
        except EngineError:
            return None

    def ask(self, method, path, content=None):
        data = json.dumps(content or {}).encode() if method == "POST" else None
        request = urllib.request.Request(self.home + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with DIRECT.open(request, timeout=2 * PATIENCE) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            with error:
                raise EngineError(f"{path}: {error.read().decode(errors='replace')[:500]}") from None
        except (OSError, ValueError) as error:
            raise EngineError(f"{path}: WebKit does not answer: {error}") from None

    def open(self, url):
        # A page that differs from the one before by what follows the # would not be loaded anew.
        page = url.partition("#")[0]
        if page == self.page:
            self.ask("POST", "/url", {"url": "about:blank"})
        self.ask("POST", "/url", {"url": url})
        self.page = page

    def size(self, width, height):
        self.ask("POST", "/window/rect", {"width": width, "height": height})
        inner = self.evaluate("[innerWidth, innerHeight]")
        # The window has edges and a toolbar.
        self.ask("POST", "/window/rect", {"width": 2 * width - inner[0], "height": 2 * height - inner[1]})

    def evaluate(self, expression):
        script = f"const done = arguments[arguments.length - 1]; {wrapped(expression)}.then(done)"
        return unwrapped(self.ask("POST", "/execute/async", {"script": script, "args": []}))


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def start(name):
    """A driver of the engine that `name` is; an EngineError says why there is none."""
    found = browsers.FIND[name]()
    if found is None:
        raise EngineError(f"no {name} here (python -m tools.browsers installs it where it may)")
    try:
        return Firefox(found) if name == "Firefox" else WebKit(*found)
    except (EngineError, OSError, websocket.WebSocketException) as error:
        raise EngineError(f"{name} does not start here: {error}") from None
