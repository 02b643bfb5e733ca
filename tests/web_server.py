"""A server on this machine that stands for the hub and for other sites, with their habits."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Remote:
    """What the server gives, and what it was asked for.

    `files`: path -> bytes. `breaks`: path -> bytes after which its connection breaks, one entry
    for each time. `redirects`: path -> address. `types`: path -> content type.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    breaks: dict[str, list[int]] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    ranges: bool = True
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    slow: threading.Event | None = None

    def repository(self, name: str, files: dict[str, bytes], licence: str = "mit") -> None:
        """A repository of the hub, its weights in LFS."""
        rows: list[dict[str, Any]] = []
        for path, data in files.items():
            row: dict[str, Any] = {"type": "file", "path": path, "size": len(data)}
            if path.endswith(".safetensors"):
                row["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data)}
            rows.append(row)
            self.files[f"/{name}/resolve/main/{path}"] = data
        self.files[f"/api/models/{name}/tree/main"] = json.dumps(rows).encode()
        tags = {"tags": ["diffusers", f"license:{licence}"]}
        self.files[f"/api/models/{name}/revision/main"] = json.dumps(tags).encode()

    def ranges_of(self, path: str) -> list[str]:
        """The ranges that were asked of a path."""
        return [headers.get("range", "") for asked, headers in self.asked if asked == path]


class Server(ThreadingHTTPServer):
    remote: Remote


@contextmanager
def serving() -> Iterator[Remote]:
    remote = Remote()
    server = Server(("127.0.0.1", 0), Handler)
    server.remote = remote
    remote.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield remote
    finally:
        if remote.slow is not None:
            remote.slow.set()
        server.shutdown()
        server.server_close()


class Handler(BaseHTTPRequestHandler):
    @property
    def remote(self) -> Remote:
        server: Any = self.server
        found: Remote = server.remote
        return found

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.remote.asked.append((path, {k.lower(): v for k, v in self.headers.items()}))
        if path in self.remote.redirects:
            return self._head(302, {"Location": self.remote.redirects[path]})
        if path in self.remote.statuses:
            return self._head(self.remote.statuses[path], {})
        if path not in self.remote.files:
            return self._head(404, {})
        return self._give(path, self.remote.files[path])

    def _give(self, path: str, data: bytes) -> None:
        tag = '"' + hashlib.md5(data).hexdigest() + '"'
        size = self.remote.sizes.get(path, len(data))
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("range", ""))
        same = self.headers.get("if-range", tag) == tag
        headers = {
            "ETag": tag,
            "Content-Type": self.remote.types.get(path, "application/octet-stream"),
        }
        if asked and same and self.remote.ranges:
            start = int(asked[1])
            end = min(int(asked[2] or size - 1), size - 1)
            headers["Content-Range"] = f"bytes {start}-{end}/{size}"
            body = data[start : end + 1]
            whole = asked[2] == ""
            self._head(206, {**headers, "Content-Length": str(end + 1 - start)})
        else:
            body, start, whole = data, 0, not asked
            self._head(200, {**headers, "Content-Length": str(size)})
        breaks = self.remote.breaks.get(path)
        if breaks and whole:
            body = body[: max(0, breaks.pop(0) - start)]
        self.wfile.write(body)
        if self.remote.slow is not None and whole:
            self.wfile.flush()
            self.remote.slow.wait(60)

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass
