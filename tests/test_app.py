"""The launcher, run as people run it: in processes of its own, in a copy of its files.

Only what would fetch hundreds of megabytes is replaced: a pip that notes what it is asked for
stands in the environment, and a command line that tells its arguments stands for the program.
"""

from __future__ import annotations

import ast
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import app

REPOSITORY = Path(__file__).resolve().parents[1]

FAKE_PIP = """
import json, os, sys, time
with open(os.environ["PIP_NOTES"], "a") as notes:
    notes.write(json.dumps(sys.argv[1:]) + chr(10))
if sys.argv[1:] != ["--version"]:
    print(os.environ.get("PIP_WORDS", ""), file=sys.stderr)
    if "PIP_WAITS" in os.environ:
        open(os.environ["PIP_WAITS"], "w").close()
        time.sleep(60)
    sys.exit(int(os.environ.get("PIP_STATUS", "0")))
"""

FAKE_CLI = """
import json, sys
print("program", json.dumps(sys.argv[1:]))
sys.exit(7 if "--seven" in sys.argv else 0)
"""

FAKE_VENV = """
import sys
print({words!r})
sys.exit(1)
"""


class Copy:
    """A copy of what the launcher needs, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notes = folder / "pip-notes"
        for name in ("app.py", "pyproject.toml", "constraints.txt"):
            shutil.copy(REPOSITORY / name, folder)
        shutil.copytree(REPOSITORY / "localizations", folder / "localizations")
        self.write("webui/__init__.py", "")
        self.write("webui/cli.py", FAKE_CLI)

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")

    def add_environment(self) -> None:
        """A `.venv` that is complete but for the packages."""
        venv = self.folder / ".venv"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
        packages = next(venv.glob("[lL]ib/**/site-packages"))
        self.write(str(packages.relative_to(self.folder) / "pip" / "__init__.py"), "")
        self.write(str(packages.relative_to(self.folder) / "pip" / "__main__.py"), FAKE_PIP)

    def environment(self, **extra: str) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "LC_", "LANG"))}
        return {**kept, "PIP_NOTES": str(self.notes), "LANG": "C.UTF-8", **extra}

    def run(self, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "app.py", *arguments],
            cwd=self.folder,
            env=self.environment(**extra),
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )

    def installs(self) -> list[list[str]]:
        """What pip was asked to install so far."""
        if not self.notes.exists():
            return []
        asked = [json.loads(line) for line in self.notes.read_text().splitlines()]
        return [arguments for arguments in asked if arguments[0] == "install"]


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path)


@pytest.fixture
def ready(copy: Copy) -> Copy:
    copy.add_environment()
    return copy


def test_the_first_run_installs_torch_then_the_rest_and_starts(ready: Copy) -> None:
    done = ready.run("serve", "--port", "1234")
    assert done.returncode == 0, done.stderr
    first, second = ready.installs()
    assert "torch" in first
    assert second[-2:] == ["--editable", "."]
    assert all("constraints.txt" in asked for asked in (first, second))
    assert done.stdout.splitlines()[-1] == 'program ["serve", "--port", "1234"]'
    assert "[4/4]" in done.stdout


def test_the_second_run_starts_at_once(ready: Copy) -> None:
    ready.run()
    before = len(ready.notes.read_text())
    done = ready.run("doctor")
    assert done.stdout == 'program ["doctor"]\n'
    assert len(ready.notes.read_text()) == before


def test_the_exit_status_is_the_programs(ready: Copy) -> None:
    assert ready.run("--seven").returncode == 7


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_changed_requirements_are_installed(ready: Copy, name: str) -> None:
    ready.run()
    path = ready.folder / name
    path.write_text("# new\n" + path.read_text("utf-8"), "utf-8")
    ready.run()
    assert len(ready.installs()) == 4


def test_changed_settings_of_tools_are_no_reason_to_install(ready: Copy) -> None:
    ready.run()
    path = ready.folder / "pyproject.toml"
    path.write_text(path.read_text("utf-8") + "\n# the linter's\n", "utf-8")
    ready.run()
    assert len(ready.installs()) == 2


@pytest.mark.parametrize("text", ["", "{", "[]", '{"source": 1}'])
def test_a_torn_stamp_counts_as_none(ready: Copy, text: str) -> None:
    ready.run()
    ready.write(".venv/inkstone.stamp", text)
    assert ready.run("version").returncode == 0
    assert len(ready.installs()) == 4


def test_the_test_command_brings_its_tools_and_serves_for_all_others(ready: Copy) -> None:
    ready.run()
    ready.run("test", "-k", "foo")
    assert ready.installs()[-1][-1] == ".[test]"
    assert ready.run("serve").stdout == 'program ["serve"]\n'
    assert len(ready.installs()) == 4


def test_torch_can_come_from_another_index(ready: Copy) -> None:
    done = ready.run("--torch-index", "https://example.invalid/whl", "version")
    first, second = ready.installs()
    assert first[first.index("--index-url") + 1] == "https://example.invalid/whl"
    assert "--no-deps" in first
    assert "--index-url" not in second
    assert done.stdout.splitlines()[-1] == 'program ["version"]'
    ready.run("version")
    ready.run("--torch-index=https://example.invalid/whl")
    assert len(ready.installs()) == 2
    ready.run("--torch-index=https://example.invalid/other")
    assert len(ready.installs()) == 4


def test_an_option_without_its_value_is_named(ready: Copy) -> None:
    done = ready.run("--torch-index")
    assert done.returncode == 1
    assert "--torch-index" in done.stderr


def test_a_failed_install_says_why_and_can_be_repeated(ready: Copy) -> None:
    words = "WARNING: Retrying after connection broken by 'NewConnectionError'"
    done = ready.run(PIP_STATUS="1", PIP_WORDS=words)
    assert done.returncode == 1
    assert "network" in done.stderr
    assert words in done.stderr
    assert "program" not in done.stdout
    again = ready.run("version")
    assert again.returncode == 0
    assert again.stdout.splitlines()[-1] == 'program ["version"]'


@pytest.mark.parametrize(
    ("words", "key"),
    [
        ("ERROR: Could not install: [Errno 28] No space left on device", "launcher.disk_full"),
        ("ERROR: [Errno 13] Permission denied: '/usr/lib'", "launcher.permission"),
        ("Temporary failure in name resolution", "launcher.network"),
        ("HTTPSConnectionPool: Read timed out. (read timeout=15)", "launcher.network"),
        ("ConnectTimeoutError(<...>)", "launcher.network"),
        ("ERROR: No matching distribution found for torch==2.13.0", "launcher.no_version"),
        ("something else", "launcher.pip_failed"),
    ],
)
def test_pips_words_are_understood(words: str, key: str) -> None:
    assert app.pip_trouble(words) == key


WITH_CTRL_C = """\
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""
"""Runs a script that Ctrl+C reaches: a shell switches it off for what it runs in its background."""


@pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")
def test_an_interrupted_install_goes_on_next_time(ready: Copy) -> None:
    waiting = ready.folder / "waiting"
    child = subprocess.Popen(
        [sys.executable, "-c", WITH_CTRL_C, "app.py"],
        cwd=ready.folder,
        env=ready.environment(PIP_WAITS=str(waiting)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not waiting.exists():
        assert child.poll() is None
        time.sleep(0.02)
    os.killpg(child.pid, signal.SIGINT)  # as Ctrl+C does: to the launcher and to pip
    _, errors = child.communicate(timeout=60)
    assert child.returncode == app.INTERRUPTED
    assert errors.splitlines()[-1].startswith("Interrupted")
    assert not (ready.folder / ".venv" / "inkstone.stamp").exists()
    assert ready.run("version").stdout.splitlines()[-1] == 'program ["version"]'


def test_a_missing_venv_module_is_explained(copy: Copy) -> None:
    copy.write(
        "fake/venv/__main__.py",
        FAKE_VENV.format(words="created successfully because ensurepip is not available"),
    )
    copy.write("fake/venv/__init__.py", "")
    done = copy.run(PYTHONPATH=str(copy.folder / "fake"))
    assert done.returncode == 1
    assert "venv module is missing" in done.stderr
    assert app.venv_fix() in done.stderr


def test_an_environment_that_cannot_be_made_is_explained(copy: Copy) -> None:
    copy.write("fake/venv/__main__.py", FAKE_VENV.format(words="Read-only file system"))
    copy.write("fake/venv/__init__.py", "")
    done = copy.run(PYTHONPATH=str(copy.folder / "fake"))
    assert done.returncode == 1
    assert "Read-only file system" in done.stderr


def test_half_an_environment_is_made_anew(copy: Copy) -> None:
    copy.write(".venv/pyvenv.cfg", "home = /nowhere\n")
    copy.write("fake/venv/__main__.py", FAKE_VENV.format(words="asked"))
    copy.write("fake/venv/__init__.py", "")
    done = copy.run(PYTHONPATH=str(copy.folder / "fake"))
    assert "asked" in done.stderr


def test_an_environment_that_pip_cannot_repair_is_made_anew(ready: Copy) -> None:
    ready.write("fake/venv/__main__.py", FAKE_VENV.format(words="asked for anew"))
    ready.write("fake/venv/__init__.py", "")
    done = ready.run(
        PIP_STATUS="2",
        PIP_WORDS="TypeError: expected string, got 'NoneType'",
        PYTHONPATH=str(ready.folder / "fake"),
    )
    assert done.returncode == 1
    assert "asked for anew" in done.stderr


def test_an_environment_is_kept_when_the_network_fails(ready: Copy) -> None:
    ready.write("fake/venv/__main__.py", FAKE_VENV.format(words="asked for anew"))
    ready.write("fake/venv/__init__.py", "")
    done = ready.run(
        PIP_STATUS="1", PIP_WORDS="Read timed out.", PYTHONPATH=str(ready.folder / "fake")
    )
    assert "asked for anew" not in done.stderr
    assert (ready.folder / ".venv" / "pyvenv.cfg").exists()


def test_a_folder_of_that_name_which_is_no_environment_is_left_alone(copy: Copy) -> None:
    copy.write(".venv/notes.txt", "mine")
    done = copy.run()
    assert done.returncode == 1
    assert ".venv" in done.stderr
    assert (copy.folder / ".venv" / "notes.txt").read_text() == "mine"


def run_altered(copy: Copy, alteration: str, **extra: str) -> subprocess.CompletedProcess[str]:
    """Runs the launcher in a Python that has been altered before."""
    script = f"import runpy, sys\n{alteration}\nsys.argv = ['app.py']\n"
    script += "runpy.run_path('app.py', run_name='__main__')"
    return subprocess.run(
        [sys.executable, "-c", script],
        cwd=copy.folder,
        env=copy.environment(**extra),
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


@pytest.mark.parametrize("version", [(3, 8, 18), (3, 9, 2), (3, 14, 0)])
def test_another_python_is_refused_with_the_versions_that_work(
    copy: Copy, version: tuple[int, int, int]
) -> None:
    done = run_altered(copy, f"sys.version_info = {version}")
    assert done.returncode == 1
    assert "3.10 to 3.13" in done.stderr
    assert not (copy.folder / ".venv").exists()


def test_old_pythons_can_read_the_launcher() -> None:
    source = (REPOSITORY / "app.py").read_text("utf-8")
    ast.parse(source, feature_version=(3, 8))


FULL_DISK = "import shutil, collections\nshutil.disk_usage = lambda path: "
FULL_DISK += "collections.namedtuple('U', 'total used free')(9, 8, 10**9)"


def test_a_full_disk_is_told_before_anything_is_fetched(copy: Copy) -> None:
    done = run_altered(copy, FULL_DISK)
    assert done.returncode == 1
    assert "1.0 GB" in done.stderr
    assert not (copy.folder / ".venv").exists()


def test_it_speaks_chinese_to_those_who_do(copy: Copy) -> None:
    done = run_altered(copy, FULL_DISK, LANG="zh_CN.UTF-8")
    assert "安装约需 3 GB" in done.stderr


def test_a_console_that_knows_no_chinese_is_no_reason_to_fail(copy: Copy) -> None:
    done = run_altered(copy, FULL_DISK, LANG="zh_CN.UTF-8", PYTHONIOENCODING="ascii")
    assert done.returncode == 1
    assert "GB" in done.stderr
