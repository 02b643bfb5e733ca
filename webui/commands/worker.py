"""`worker`: the process that owns a device and its models. The server starts it, not a person."""

from __future__ import annotations

import json
import sys
from multiprocessing.connection import Client
from typing import Annotated

import typer

from webui.commands.given import settings

app = typer.Typer(add_completion=False)


@app.command(help="cli.worker", hidden=True)
def worker(
    memory_level: Annotated[str, typer.Option(help="cli.serve.memory_level")] = "auto",
) -> None:
    """Connects to the server at the address that comes as one JSON line on standard input.

    The line holds `address` and `key` (hexadecimal): the key is the connection's password and
    therefore stands neither in the arguments nor in the environment, which others can read.
    """
    hello = json.loads(sys.stdin.readline())
    address = hello["address"]
    if isinstance(address, list):  # JSON has no tuples, and a network address is one
        address = tuple(address)
    with Client(address, authkey=bytes.fromhex(hello["key"])) as connection:
        # Late, so that a server that is not there is noticed before torch is imported.
        from webui.engine.worker import run_worker

        run_worker(connection, level=settings(memory_level=memory_level).memory_level)
