"""`bench`, as far as it can be tried in seconds."""

from __future__ import annotations

import json
from pathlib import Path

from tests.commands.test_cli import run


def test_the_engines_figures_as_table_and_json(tmp_path: Path) -> None:
    target = tmp_path / "figures.json"
    done = run("bench", "engine", "--runs", "1", "--json", str(target))
    assert done.returncode == 0, done.stderr
    rows = json.loads(target.read_text())["engine"]
    assert [row["sampler"] for row in rows] == ["DDIM", "Euler"]
    for row in rows:
        assert row["difference"] < 1e-4
        assert len(row["ours"]) == len(row["theirs"]) == 1
        assert f"{row['ratio']:.3f}" in done.stdout
    painting = json.loads(target.read_text())["painting"]
    # The picture as bytes a few times over; its latents alone would be more.
    assert painting["times"] < 10
    assert painting["blurred"] < painting["hard"] / 2
    assert f"{painting['hard']:.2f}" in done.stdout.replace("\n", " ")


def test_without_a_model_there_is_nothing_to_measure(tmp_path: Path) -> None:
    done = run("bench", "engine", "--models-dir", str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.startswith("--checkpoint: ")
