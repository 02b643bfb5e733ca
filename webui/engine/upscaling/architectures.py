"""The library of architectures, imported without torchvision.

It takes three functions of torchvision for two architectures that enlarge nothing (LaMa fills
holes, RestoreFormer mends faces). torchvision's build must fit torch's to the letter, and one that
does not takes diffusers down with it; so the worker never imports it (`webui.engine`).
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

STAND_IN = "torchvision.transforms.functional"
TAKEN = ("InterpolationMode", "rotate", "normalize")


def library() -> Any:
    """The module `spandrel`.

    Raises:
        ImportError: it is not installed.
    """
    if "spandrel" in sys.modules:
        return sys.modules["spandrel"]
    before = {name: sys.modules.get(name) for name in _names()}
    absent = [name for name in _names() if name not in sys.modules]
    sys.modules.update({name: ModuleType(name) for name in before})
    for name in TAKEN:
        setattr(sys.modules[STAND_IN], name, None)
    try:
        return import_module("spandrel")
    finally:
        for name, module in before.items():
            if name in absent:
                del sys.modules[name]
            else:
                sys.modules[name] = module  # type: ignore[assignment]  # None keeps it from coming


def _names() -> tuple[str, ...]:
    parts = STAND_IN.split(".")
    return tuple(".".join(parts[:end]) for end in range(1, len(parts) + 1))
