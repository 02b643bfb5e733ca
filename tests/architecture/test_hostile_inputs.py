"""Every row of docs/hostile-inputs.md names a test that exists, or says why none does."""

from __future__ import annotations

import ast
import re

from tests.architecture.source import REPOSITORY, tree

ROW = re.compile(r"^\| (\d+) \|(?P<rest>.*)\|$", re.MULTILINE)
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
DOCUMENT = (REPOSITORY / "docs" / "hostile-inputs.md").read_text("utf-8")


def test_there_is_a_row_for_each_input() -> None:
    assert [int(row[1]) for row in ROW.finditer(DOCUMENT)] == list(range(1, 41))


def test_each_row_has_a_test_or_a_reason() -> None:
    rows = ROW.finditer(DOCUMENT)
    bare = [row[1] for row in rows if not NAMED.search(row[0]) and "does not apply" not in row[0]]
    assert bare == []


def test_the_tests_exist() -> None:
    named = NAMED.findall(DOCUMENT)
    assert len(named) > 40
    functions = {
        path: {
            node.name
            for node in ast.walk(tree(REPOSITORY / path))
            if isinstance(node, ast.FunctionDef)
        }
        for path in {path for path, _ in named}
    }
    assert [(path, name) for path, name in named if name not in functions[path]] == []
