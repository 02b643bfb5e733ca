"""A page that holds nothing but the picture editor, and a hand that paints in it."""

from __future__ import annotations

import base64
import io
import mimetypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Locator, Page

REPOSITORY = Path(__file__).resolve().parents[2]
ASSETS = REPOSITORY / "webui" / "ui" / "assets"
STYLES = ("tokens.css", "layout.css", "form.css", "parts.css", "tools.css", "editor.css")

PAGE = """<!doctype html><html lang="{language}"><head><meta charset="utf-8"><title>editor</title>
<meta name="viewport" content="width=device-width, initial-scale=1">{styles}
<script>window.inkstone = {{ language: "{language}", parameters: {{}}, folds: {{}} }};</script>
<script type="module">
import {{ createEditor }} from "/editor/editor.js";
import {{ loadMessages, t }} from "/messages.js";
import {{ startShortcuts }} from "/shortcuts.js";
await loadMessages();
startShortcuts();
window.editor = createEditor(document.getElementById("host"), {{ t }});
window.changes = 0;
window.editor.onchange = () => {{ window.changes += 1; }};
await window.editor.ready;
document.body.dataset.ready = "1";
</script></head><body><div class="gradio-container" id="host"></div><textarea></textarea></body>
</html>
"""

READ_FILE = """async (name) => {
  const file = await window.editor[name]();
  return file && new Promise((done) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result.split(",")[1]);
    reader.readAsDataURL(file);
  });
}"""

Grey = NDArray[np.uint8]


class Handler(BaseHTTPRequestHandler):
    """The product's own files, its texts, and the page."""

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        if path.startswith("/page/"):
            links = "".join(f'<link rel="stylesheet" href="/{name}">' for name in STYLES)
            page = PAGE.format(language=path.removeprefix("/page/"), styles=links)
            self._answer(page.encode(), "text/html")
        elif path.startswith("/api/messages/"):
            file = REPOSITORY / "localizations" / f"{path.rpartition('/')[2]}.json"
            self._answer(file.read_bytes(), "application/json")
        elif (file := ASSETS / path.lstrip("/")).is_file():
            self._answer(file.read_bytes(), mimetypes.guess_type(file.name)[0] or "text/plain")
        else:
            self.send_error(404)

    def _answer(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: a test says what it wants to say."""


@contextmanager
def serving() -> Iterator[str]:
    """The address of a server for the page."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


class EditorPage:
    """The editor in a browser. Points are in pixels of the picture that it shows."""

    def __init__(self, page: Page, url: str, language: str) -> None:
        self.page = page
        self.address = f"{url}/page/{language}"
        self.troubles: list[str] = []
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        page.set_default_timeout(30_000)
        self.open()

    @classmethod
    def start(cls, browser: Browser, url: str, language: str = "en", **options: Any) -> EditorPage:
        context: BrowserContext = browser.new_context(**options)
        return cls(context.new_page(), url, language)

    def open(self) -> None:
        self.page.goto(self.address)
        self.page.wait_for_selector('body[data-ready="1"]')

    @property
    def surface(self) -> Locator:
        return self.page.locator(".ink-editor-surface")

    def control(self, action: str) -> Locator:
        return self.page.locator(f'.ink-editor [data-action="{action}"]')

    def press(self, action: str) -> None:
        self.control(action).click()

    def choose(self, action: str, data: bytes, name: str = "picture.png") -> None:
        """Gives a file to the control as a person would."""
        file = {"name": name, "mimeType": "image/png", "buffer": data}
        self.control(action).set_input_files([file])  # type: ignore[list-item]

    def call(self, name: str, *values: Any) -> Any:
        """A method of the editor."""
        return self.page.evaluate(
            "([name, values]) => window.editor[name](...values)", [name, values]
        )

    def load(self, image: Image.Image) -> None:
        self.load_bytes(png(image))

    def load_bytes(self, data: bytes, kind: str = "image/png") -> None:
        self.page.evaluate(
            """async ([data, type]) => {
              const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
              await window.editor.load(new Blob([bytes], { type }));
            }""",
            [base64.b64encode(data).decode(), kind],
        )

    def brush(self, size: int, softness: float = 0) -> None:
        self.page.evaluate(
            "([size, softness]) => { editor.set('size', size); editor.set('softness', softness); }",
            [size, softness],
        )

    def file(self, name: str) -> bytes | None:
        """The file that `mask` or `picture` gives."""
        answer = self.page.evaluate(READ_FILE, name)
        return None if answer is None else base64.b64decode(answer)

    def mask(self) -> Grey | None:
        data = self.file("mask")
        if data is None:
            return None
        image = Image.open(io.BytesIO(data))
        assert image.mode == "L"
        return np.asarray(image)

    def picture(self) -> NDArray[np.uint8]:
        data = self.file("picture")
        assert data is not None
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))

    def on_screen(self, x: float, y: float) -> tuple[float, float]:
        box = self.surface.bounding_box()
        assert box is not None
        view = self.page.evaluate(
            "() => ({ x: editor.view.x, y: editor.view.y, k: editor.view.scale })"
        )
        return (
            box["x"] + self._border() + view["x"] + x * view["k"],
            box["y"] + self._border() + view["y"] + y * view["k"],
        )

    def _border(self) -> float:
        return float(self.surface.evaluate("(node) => node.clientLeft"))

    def stroke(self, *points: tuple[float, float]) -> None:
        """Draws with the mouse through these points."""
        mouse = self.page.mouse
        first, *rest = points
        mouse.move(*self.on_screen(*first))
        mouse.down()
        for point in rest:
            mouse.move(*self.on_screen(*point), steps=4)
        mouse.up()

    def kept(self) -> None:
        """Waits until what was done is written to this browser's storage."""
        self.page.evaluate("() => window.editor.paper.storage.working")
