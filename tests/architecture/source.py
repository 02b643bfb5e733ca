"""The project's own source files, for tests that read them."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
WEBUI = REPOSITORY / "webui"


def product_files() -> list[Path]:
    """Every Python file that ships: the launcher, webui/ and extensions/."""
    folders = (WEBUI, REPOSITORY / "extensions")
    return [REPOSITORY / "app.py", *(path for top in folders for path in sorted(top.rglob("*.py")))]


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


def name_of(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def repository_files() -> list[Path]:
    """What git tracks or would track; every file in a copy that is no git checkout."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
    ).stdout
    paths = (REPOSITORY / name for name in listed.decode().split("\0") if name)
    return [path for path in paths if path.is_file()]


def functions(module: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(module):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node
