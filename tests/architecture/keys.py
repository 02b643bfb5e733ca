"""Finds the localisation keys that the source uses.

A key is a string literal "namespace.word", in Python or JavaScript, whose namespace the English
catalogue knows. Keys put together from parts stand in `EXPANSIONS`, a row for each template.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from tests.architecture.source import REPOSITORY, WEBUI, name_of, product_files, tree
from webui.core.events import Phase
from webui.core.parameters import Group
from webui.core.picture_fields import PICTURE_CHOICES
from webui.core.request import FIXED_CHOICES, PARAMETERS
from webui.services.downloads.service import State
from webui.services.library.places import OWN_FOLDERS
from webui.ui.bindings import FOLDS

KEY = re.compile(r"[a-z][a-z0-9_]*(\.[a-zA-Z0-9_]+)+")
FILE_ENDINGS = (".js", ".css", ".csv", ".png", ".json", ".log", ".html", ".py")
JAVASCRIPT_STRING = re.compile(r"\"([^\"\n]*)\"|'([^'\n]*)'|`([^`]*)`")
BLANK = re.compile(r"\{(\w+)\}")

MODELS = ("checkpoint", "unet", "vae")
"""Kinds of files that are at home among checkpoints."""

FINDINGS = {
    "python": ("ok", "fail"),
    "venv": ("ok", "warn"),
    "packages": ("ok", "warn"),
    "torch": ("ok", "warn", "fail"),
    "memory": ("ok", "warn"),
    "disk": ("ok", "warn"),
    "models": ("ok", "warn", "fail"),
    "data": ("ok", "fail"),
    "port": ("ok", "fail"),
    "browser": ("ok", "warn"),
}

EXPANSIONS: dict[str, tuple[str, ...]] = {
    "param.*": tuple(f"param.{name}" for name in PARAMETERS),
    "phase.*": tuple(f"phase.{name}" for name in get_args(Phase)),
    "*.placeholder": tuple(
        f"param.{name}.placeholder"
        for name, row in PARAMETERS.items()
        if row.kind == "text" and row.shown
    ),
    "choice.*": tuple(
        f"choice.{value.lower().replace(' ', '_')}"
        for menu in ("emphasis_modes", "noise_schedules", "refiner_passes", *PICTURE_CHOICES)
        for value in FIXED_CHOICES[menu]
    ),
    "label.*": tuple(f"label.{name}" for name in (*FOLDS, *get_args(Group)) if name != "main"),
    "reading.source_*": tuple(
        f"reading.source_{name}"
        for name in ("inkstone", "webui", "novelai", "invokeai", "comfyui", "none")
    ),
    "downloads.state_*": tuple(f"downloads.state_{state}" for state in get_args(State)),
    "misplaced.*": tuple(f"misplaced.{kind}" for kind in OWN_FOLDERS if kind not in MODELS),
    "button.*": ("button.swap", "button.random_seed", "button.reuse_seed"),
    "example.*": tuple(f"example.{number}" for number in range(1, 7)),
    "worker.*": tuple(
        f"worker.{state}"
        for state in ("starting", "loading", "ready", "busy", "restarting", "failed", "offline")
    ),
    "error.*": ("error.nul", "error.surrogate", "error.depth", "error.parts"),
    "doctor.*": tuple(f"doctor.{name}" for name in FINDINGS),
    "doctor.*.*": tuple(
        f"doctor.{n}.{state}" for n, states in FINDINGS.items() for state in states
    ),
    "check.*": tuple(f"check.{n}" for n in ("lint", "format", "types", "contracts", "tests")),
    "bench.*": tuple(
        f"bench.{name}"
        for name in (
            *("ours", "theirs", "ratio", "difference"),
            *("port", "form", "picture", "memory", "page_p50", "page_p95", "page_max"),
            *("rest_extra", "idle_browsers", "history_page"),
        )
    ),
}

NOT_KEYS = {"form.txt2img", "form.img2img"}
"""Literals that look like keys: the names under which a browser keeps the forms."""


def catalogue(language: str) -> dict[str, str]:
    return json.loads((REPOSITORY / "localizations" / f"{language}.json").read_text("utf-8"))


def namespaces() -> set[str]:
    return {key.partition(".")[0] for key in catalogue("en")}


def literals() -> Iterator[tuple[str, str]]:
    """(place, text) of each string literal of the product; "*" stands for a part put in."""
    for path in product_files():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield f"{name_of(path)}:{node.lineno}", node.value
            elif isinstance(node, ast.JoinedStr):
                yield f"{name_of(path)}:{node.lineno}", template(node)
    for path in sorted(WEBUI.rglob("*.js")):
        yield from javascript_literals(path)


def template(node: ast.JoinedStr) -> str:
    return "".join(str(v.value) if isinstance(v, ast.Constant) else "*" for v in node.values)


def javascript_literals(path: Path) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        for match in JAVASCRIPT_STRING.finditer(line):
            text = next(part for part in match.groups() if part is not None)
            yield f"{name_of(path)}:{number}", re.sub(r"\$\{[^}]*\}", "*", text)


def used_keys() -> dict[str, str]:
    """Each key that the source uses, with a place. A template that is not listed is its own key."""
    known = namespaces()
    found: dict[str, str] = {}
    for place, text in literals():
        if text in EXPANSIONS:
            found.update((key, place) for key in EXPANSIONS[text] if key not in found)
        elif is_key(text, known):
            found.setdefault(text, place)
    return found


def is_key(text: str, known: set[str]) -> bool:
    if text in NOT_KEYS or text.endswith(FILE_ENDINGS):
        return False
    return text.partition(".")[0] in known and bool(KEY.fullmatch(text.replace("*", "x")))


def blanks(text: str) -> set[str]:
    return set(BLANK.findall(text))
