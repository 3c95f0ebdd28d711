"""A server that compresses, as a host of static pages does; on this machine alone."""

import gzip
import mimetypes
import re
import threading
from contextlib import contextmanager
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

COMPRESSED = {".woff2", ".woff", ".png", ".ico", ".jpg"}
# "mathjax@3/es5/x.js": the version that an address asks for is the one that is installed.
VERSION = re.compile(r"(?<=[\w.-])@[^/]+")
TYPES = {".js": "text/javascript", ".woff2": "font/woff2", ".ipynb": "application/json", ".json": "application/json"}


@lru_cache(maxsize=None)
def content(path):
    """Type and bytes of a file as they go over the wire, and whether they are compressed."""
    kind = TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    if kind.startswith("text/"):
        kind += "; charset=utf-8"
    plain = path.suffix in COMPRESSED
    return kind, path.read_bytes() if plain else gzip.compress(path.read_bytes(), 6, mtime=0), not plain


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = self.server.file(unquote(urlsplit(self.path).path))
        if path is None:
            self.send_error(404)
            return
        kind, sent, compressed = content(path)
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(sent)))
        self.send_header("Cache-Control", "max-age=600")
        if compressed:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        self.wfile.write(sent)

    def log_message(self, *arguments):
        pass


class Server(ThreadingHTTPServer):
    """Files of `folder`, and below /npm/ those of `packages`."""

    daemon_threads = True

    def __init__(self, folder, packages=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder = Path(folder).resolve()
        self.packages = Path(packages).resolve() if packages else None
        self.url = f"http://127.0.0.1:{self.server_port}/"

    def file(self, address):
        """The file that an address names, None where there is none."""
        root, rest = self.folder, address.lstrip("/")
        if self.packages and rest.startswith("npm/"):
            root, rest = self.packages, VERSION.sub("", rest.removeprefix("npm/"))
        path = (root / rest).resolve()
        path = path / "index.html" if path.is_dir() else path
        return path if path.is_file() and path.is_relative_to(root) else None


@contextmanager
def serving(folder, packages=None):
    """The address, ending with a slash, of a running server."""
    with Server(folder, packages) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.url
        finally:
            server.shutdown()
            thread.join()
