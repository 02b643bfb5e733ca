"""Sizes, names and words that keep the code readable; see CONTRIBUTING.md."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from statistics import median

import pytest

from tests.architecture.source import (
    REPOSITORY,
    functions,
    name_of,
    product_files,
    repository_files,
    tree,
)

LONGEST_FILE = 300
MEDIAN_FILE = 150
MOST_STATEMENTS = 40
FORBIDDEN_MODULES = {"utils", "util", "helpers", "common", "shared", "manager", "misc"}

CARD = {
    ".ci",
    ".gitattributes",
    ".gitignore",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "DEVELOPERS.md",
    "LICENSE",
    "README.md",
    "README.zh-CN.md",
    "app.py",
    "constraints.txt",
    "docs",
    "extensions",
    "localizations",
    "models",
    "pyproject.toml",
    "tests",
    "webui",
}
"""The names at the top of the repository; docs/adr/0001 says why there are no others."""

# Written in parts, so that this file is not among those that it finds.
NOT_OURS = re.compile(
    "|".join(
        [
            r"pypi\." + r"org",
            r"pythonhosted\." + r"org",
            r"download\.pytorch\." + r"org",
            r"file:" + r"///",
            r"(?<![\w.~}])/(?:work|root|opt)" + r"/\w",
            r"/home/" + r"\w",
        ]
    )
)


@pytest.fixture(scope="module", params=product_files(), ids=name_of)
def source(request: pytest.FixtureRequest) -> Path:
    return request.param


def test_files_are_short(source: Path) -> None:
    assert len(source.read_text("utf-8").splitlines()) <= LONGEST_FILE


def test_the_median_file_is_short() -> None:
    lengths = [len(path.read_text("utf-8").splitlines()) for path in product_files()]
    assert median(lengths) <= MEDIAN_FILE


def test_functions_are_short(source: Path) -> None:
    long = [
        (function.name, statements)
        for function in functions(tree(source))
        if (statements := count_statements(function)) > MOST_STATEMENTS
    ]
    assert not long


def count_statements(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    inner = [node for node in ast.walk(function) if isinstance(node, ast.stmt)]
    return len(inner) - 1


def test_nothing_is_printed(source: Path) -> None:
    prints = [
        node.lineno
        for node in ast.walk(tree(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    ]
    assert not prints


def test_module_names_say_what_they_hold(source: Path) -> None:
    assert source.stem not in FORBIDDEN_MODULES


def test_nothing_changes_at_module_level(source: Path) -> None:
    """No `global`, and no empty list, dict or set at the top of a module waiting to be filled."""
    module = tree(source)
    assert not [n.lineno for n in ast.walk(module) if isinstance(n, ast.Global)]
    waiting = [
        node.lineno
        for node in module.body
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and is_empty_container(node.value)
    ]
    assert not waiting


def is_empty_container(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Call):
        made = isinstance(value.func, ast.Name) and value.func.id in ("list", "dict", "set")
        return made and not value.args and not value.keywords
    return isinstance(value, (ast.List, ast.Dict)) and not ast.unparse(value).strip("[]{}")


def test_the_top_of_the_repository_holds_what_the_design_names() -> None:
    found = {path.relative_to(REPOSITORY).parts[0] for path in repository_files()}
    assert not found - CARD


def test_no_file_names_a_registry_or_a_machine() -> None:
    found = []
    for path in repository_files():
        if path.suffix in (".safetensors", ".png", ".jpg", ".webp", ".ico", ".woff2", ".zip"):
            continue
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            if hit := NOT_OURS.search(line):
                found.append(f"{name_of(path)}:{number}: {hit[0]}")
    assert not found
