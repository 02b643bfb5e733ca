"""`doctor`, and each thing that it looks at."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from tests.commands.test_cli import run
from tests.model_writers import sd1_checkpoint, write_model
from webui.commands import findings


@pytest.fixture
def taken_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture
def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def test_a_sound_installation(tmp_path: Path, free_port: int) -> None:
    done = run("doctor", "--data-dir", str(tmp_path), "--port", str(free_port))
    assert done.returncode == 0, done.stdout
    assert "✗" not in done.stdout
    assert "starter" in done.stdout
    assert "doctor." not in done.stdout


def test_the_memory_level_is_shown() -> None:
    done = run("doctor", "--memory-level", "low")
    assert "low" in done.stdout
    assert run("doctor", "--memory-level", "lowest").returncode == 1


def test_what_stops_the_program_is_counted(tmp_path: Path, taken_port: int) -> None:
    done = run("doctor", "--models-dir", str(tmp_path), "--port", str(taken_port))
    assert done.returncode == 1
    assert done.stdout.count("✗") >= 2
    assert str(taken_port) in done.stdout


def test_a_torch_that_does_not_start_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "torch.py").write_text("raise ImportError('libtorch is broken')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    finding = findings.torch_device()
    assert finding.state == "fail"
    assert "libtorch is broken" in finding.values["reason"]


def test_a_data_folder_that_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_text("")
    assert findings.data_folder(path).state == "fail"
    assert findings.data_folder(tmp_path / "new" / "data").state == "ok"


def test_versions_that_differ_from_the_tested_ones_are_named(tmp_path: Path) -> None:
    constraints = tmp_path / "constraints.txt"
    constraints.write_text(
        "# a comment\n"
        'pytest==0.1; python_version < "3.0"\n'
        "not-installed-anywhere==1.0\n"
        "packaging==0.1\n"
    )
    finding = findings.package_versions(constraints)
    assert finding.state == "warn"
    assert finding.values["others"].startswith("packaging ")
    assert finding.values["count"] == 1


def test_no_models(tmp_path: Path) -> None:
    assert findings.models(tmp_path).state == "fail"


def test_further_folders_of_models(tmp_path: Path) -> None:
    comfy, gone = tmp_path / "comfy", tmp_path / "gone"
    write_model(comfy / "models" / "checkpoints" / "theirs.safetensors", sd1_checkpoint())
    finding = findings.models(tmp_path / "models", [comfy])
    assert (finding.state, finding.values["names"]) == ("ok", "theirs")
    assert findings.models(tmp_path / "models", [comfy, gone]).values["missing"] == str(gone)
    done = run("doctor", "--models-dir", str(tmp_path), "--model-folder", str(comfy))
    assert "theirs" in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="ports below 1024 are free to all there")
def test_an_address_of_another_machine_is_refused() -> None:
    finding = findings.port_free("203.0.113.1", 7860)
    assert finding.state == "fail"
    assert finding.values["reason"]
