"""What the API costs: beside the engine, with many browsers open, with a long history."""

from __future__ import annotations

import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from statistics import median

from sqlalchemy import insert

from webui.commands.bench_engine import picture_timer
from webui.commands.bench_server import (
    HOST,
    PATIENCE,
    ask,
    free_port,
    server,
    server_process,
    wait_for_port,
)
from webui.core.errors import InvalidRequest, Message
from webui.core.request import GenerationRequest
from webui.services.accounts import LOCAL
from webui.services.models import ModelLibrary
from webui.services.store import Store
from webui.services.tables import jobs, pictures

RUNS = 9
BROWSERS = 200
IDLE_SECONDS = 30.0
SETTLE_SECONDS = 5.0
HISTORY = 200_000
PICTURES_EACH = 8
ROWS_AT_ONCE = 10_000
PAGE = 24


@dataclass(frozen=True)
class ApiFigures:
    """What was measured.

    `rest_extra`: milliseconds that a starter picture of 20 steps takes longer through
    `/sdapi/v1/txt2img` than in the engine; `idle_browsers`: percent of a core that the server
    takes with 200 open streams; `history_page`: milliseconds of the slowest of several pages of
    a history of 200,000 pictures.
    """

    rest_extra: float
    idle_browsers: float
    history_page: float


def measure_api(models_dir: Path) -> ApiFigures:
    """Starts a server with a long history, asks it, and stops it.

    Raises:
        InkstoneError: there is no model, or the server did not answer.
    """
    with tempfile.TemporaryDirectory(prefix="inkstone-bench-") as folder:
        data_dir, port = Path(folder), free_port()
        fill_history(data_dir)
        with server(port, data_dir, models_dir) as child:
            wait_for_port(port, child)
            wait_for_api(port)
            page = max(page_times(port))
            extra = rest_extra(port, models_dir)
            idle = idle_browsers(port, child)
    return ApiFigures(extra, idle, page)


def fill_history(data_dir: Path) -> None:
    """Writes the rows of a long history; no page of it reads the files."""
    request = GenerationRequest(prompt="a red apple", checkpoint="starter").model_dump_json()
    now = datetime.now(timezone.utc)
    common = {"owner": LOCAL, "state": "saved", "width": 512, "height": 512, "created": now}
    store = Store(data_dir)
    try:
        with store.write() as connection:
            for start in range(0, HISTORY, ROWS_AT_ONCE):
                numbers = range(start, start + ROWS_AT_ONCE)
                works = [
                    {
                        "id": f"{number:016x}", "owner": LOCAL, "kind": "txt2img",
                        "request": request, "state": "done", "crashes": 0,
                        "cancel_requested": False, "created": now, "finished": now,
                    }
                    for number in numbers[::PICTURES_EACH]
                ]  # fmt: skip
                connection.execute(insert(jobs), works)
                rows = [
                    {
                        **common,
                        "id": f"{number:016x}",
                        "job_id": f"{number - number % PICTURES_EACH:016x}",
                        "index": number % PICTURES_EACH,
                        "path": f"none/{number}.png",
                        "seed": number,
                        "infotext": f"a red apple\nSteps: 20, Sampler: Euler, Seed: {number}",
                    }
                    for number in numbers
                ]
                connection.execute(insert(pictures), rows)
    finally:
        store.close()


def wait_for_api(port: int) -> None:
    """Waits until the application is behind its port."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        answer = ask(port, "GET", "/api/session")
        if isinstance(answer, dict) and answer.get("worker", {}).get("state") == "ready":
            return
        time.sleep(0.1)


def page_times(port: int) -> list[float]:
    """Milliseconds of pages near the top, in the middle and at the end."""
    last = HISTORY // PAGE
    times = []
    for number in [1, 2, last // 2, last - 1, last] * 4:
        start = time.perf_counter()
        ask(port, "GET", f"/api/pictures?page={number}")
        times.append(1000 * (time.perf_counter() - start))
    return times


def rest_extra(port: int, models_dir: Path) -> float:
    """Paired runs of one request in the engine and through REST: the median difference.

    Raises:
        InvalidRequest: there is no model.
    """
    library = ModelLibrary(models_dir)
    name = next(iter(library.names()), None)
    if name is None:
        raise InvalidRequest(Message("error.no_models", {}, "checkpoint"))
    entry = library.entry(name)
    width, height = entry.native_size
    body = {
        "prompt": "a red apple", "steps": 20, "sampler_name": "Euler", "cfg_scale": 5, "seed": 1,
        "width": width, "height": height,
    }  # fmt: skip
    engine = picture_timer(entry)
    pairs = [
        (engine(), timed(lambda: ask(port, "POST", "/sdapi/v1/txt2img", body)))
        for _ in range(RUNS + 1)
    ][1:]
    return 1000 * median(rest - alone for alone, rest in pairs)


def idle_browsers(port: int, child: subprocess.Popen[bytes]) -> float:
    """Percent of a core that the server takes while streams are open and nothing happens."""
    process = server_process(child)
    with ExitStack() as closing:
        for _ in range(BROWSERS):
            stream = closing.enter_context(socket.create_connection((HOST, port), PATIENCE))
            stream.sendall(f"GET /api/events HTTP/1.1\r\nHost: {HOST}:{port}\r\n\r\n".encode())
            stream.recv(1)
        time.sleep(SETTLE_SECONDS)
        before = process.cpu_times()
        time.sleep(IDLE_SECONDS)
        after = process.cpu_times()
    used = float(after.user - before.user + after.system - before.system)
    return 100 * used / IDLE_SECONDS


def timed(action: Callable[[], object]) -> float:
    """Seconds that it takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start
