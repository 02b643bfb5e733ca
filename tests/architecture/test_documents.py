"""What the documents promise."""

from __future__ import annotations

import re

import pytest

from tests.architecture.source import REPOSITORY

COMMANDS = ("python3 app.py", "python3 app.py test")
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#]+)")
DOCUMENTS = [
    *sorted(REPOSITORY.glob("*.md")),
    *sorted((REPOSITORY / "docs").rglob("*.md")),
    REPOSITORY / "models" / "README.md",
]


def code_lines(text: str) -> list[str]:
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    return [line.split("  #")[0].strip() for block in blocks for line in block.splitlines()]


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_the_readme_names_both_commands(name: str) -> None:
    lines = code_lines((REPOSITORY / name).read_text("utf-8"))
    assert set(COMMANDS) <= set(lines)


def test_ci_runs_the_command_of_the_readme_and_nothing_else() -> None:
    lines = (REPOSITORY / ".ci" / "run").read_text("utf-8").splitlines()
    commands = [line for line in lines if line and not line.startswith(("#", "set ", "cd "))]
    assert commands == [COMMANDS[1]]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(path) -> None:
    targets = LINK.findall(path.read_text("utf-8"))
    missing = [target for target in targets if not (path.parent / target.split()[0]).exists()]
    assert not missing


def test_decisions_have_the_four_parts() -> None:
    records = sorted((REPOSITORY / "docs" / "adr").glob("[0-9]*.md"))
    numbers = [int(path.name[:4]) for path in records]
    assert numbers == list(range(1, len(records) + 1))
    for path in records:
        text = path.read_text("utf-8")
        for part in ("## Status", "## Context", "## Decision", "## Consequences"):
            assert part in text, (path.name, part)


def test_both_user_guides_have_the_same_chapters() -> None:
    levels = [
        re.findall(r"^(#+) ", (REPOSITORY / "docs" / name).read_text("utf-8"), re.MULTILINE)
        for name in ("user-guide.md", "user-guide.zh-CN.md")
    ]
    assert levels[0] == levels[1]
