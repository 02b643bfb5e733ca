"""Run by `doctor` as a process of its own: says as JSON what torch draws on."""

from __future__ import annotations

import json
from importlib.metadata import version

import typer

from webui.engine.device import choose_device


def main() -> None:
    """Prints one line of JSON."""
    device = choose_device()
    found = {
        "torch": version("torch"),
        "kind": device.torch_device.type,
        "device": device.name,
        "dtype": str(device.dtype).removeprefix("torch."),
        "memory_total": device.memory_total,
    }
    typer.echo(json.dumps(found))


if __name__ == "__main__":
    main()
