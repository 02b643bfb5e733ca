"""Who may import whom."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.architecture.source import REPOSITORY, WEBUI, name_of, product_files, tree

LINT_IMPORTS = Path(sysconfig.get_path("scripts"), "lint-imports")

IMPORT_THE_SERVER = """
import importlib, pkgutil, sys
import webui.http, webui.services, webui.ui
names = ["webui.main", "webui.compose", "webui.commands.serve"]
for package in (webui.http, webui.services, webui.ui):
    names += [m.name for m in pkgutil.walk_packages(package.__path__, package.__name__ + ".")]
for name in names:
    importlib.import_module(name)
heavy = {"torch", "diffusers", "transformers"} & set(sys.modules)
sys.exit(f"the server imports {heavy}" if heavy else 0)
"""


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(LINT_IMPORTS), "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_import_contracts_hold() -> None:
    done = lint_imports(REPOSITORY)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("core/seeds.py", "import torch", "core imports no other layer"),
        ("services/hub.py", "import webui.engine.device", "the server never reaches the engine"),
        ("http/identity.py", "import gradio", "only webui.ui knows gradio"),
        ("engine/noise.py", "import webui.services.hub", "the engine knows core alone"),
        ("services/hub.py", "import webui.http.app", "server layers point downwards"),
    ],
)
def test_a_forbidden_import_is_noticed(
    tmp_path: Path, module: str, line: str, contract: str
) -> None:
    shutil.copytree(WEBUI, tmp_path / "webui", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    with (tmp_path / "webui" / module).open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")
    done = lint_imports(tmp_path)
    assert done.returncode == 1, done.stdout
    assert f"{contract} BROKEN" in done.stdout


def test_the_server_imports_without_torch() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_THE_SERVER],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_imports_stand_at_the_top_except_where_they_keep_torch_away() -> None:
    """Only commands import late: there it keeps torch out of those that need none."""
    late = [
        f"{name_of(path)}:{node.lineno}"
        for path in product_files()
        if "commands" not in path.parts
        for function in ast.walk(tree(path))
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
        for node in ast.walk(function)
        if isinstance(node, (ast.Import, ast.ImportFrom))
    ]
    assert not late
