"""The openly licensed icon sets and names, fetched with npm at pinned versions.

Only MIT and Apache-2.0 sets are used, so that nothing made from them must be shared alike.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Source:
    """An npm package: what it is used for, and whose work it is."""

    package: str
    version: str
    use: str
    author: str
    licence: str
    url: str


FLUENT = ("Microsoft Corporation", "MIT", "https://github.com/microsoft/fluentui-emoji")
ICON_SETS: Mapping[str, Source] = {
    "3d": Source("@iconify-json/fluent-emoji", "1.2.7", "style 3d", *FLUENT),
    "flat": Source("@iconify-json/fluent-emoji-flat", "1.2.6", "styles flat and pixel", *FLUENT),
    "line": Source("@iconify-json/fluent-emoji-high-contrast", "1.2.6", "style line", *FLUENT),
    "cartoon": Source(
        "@iconify-json/noto",
        "1.2.9",
        "style cartoon",
        "Google Inc",
        "Apache-2.0",
        "https://github.com/googlefonts/noto-emoji",
    ),
}
NAMES = Source(
    "emojibase-data",
    "17.0.0",
    "names and keywords",
    "Miles Johnson; names from Unicode CLDR",
    "MIT; Unicode-3.0",
    "https://github.com/milesj/emojibase",
)


class FetchError(RuntimeError):
    """npm is missing, or could not bring a package."""


def fetch(folder: Path) -> None:
    """Brings every package that `folder` lacks into it, unpacked, one folder each.

    Raises:
        FetchError: with npm's own words.
    """
    npm = shutil.which("npm")
    for source in [*ICON_SETS.values(), NAMES]:
        target = package_folder(folder, source)
        if target.is_dir():
            continue
        if npm is None:
            raise FetchError("npm is not on the PATH: install Node.js, or bring data.zip")
        folder.mkdir(parents=True, exist_ok=True)
        wanted = f"{source.package}@{source.version}"
        ran = subprocess.run(
            [npm, "pack", "--silent", wanted],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if ran.returncode != 0:
            raise FetchError(f"npm pack {wanted}: {ran.stderr.strip()}")
        archive = folder / ran.stdout.split()[-1]
        aside = target.with_suffix(".part")
        shutil.rmtree(aside, ignore_errors=True)
        with tarfile.open(archive) as packed:
            packed.extractall(aside, filter="data")
        aside.rename(target)
        archive.unlink()


def package_folder(folder: Path, source: Source) -> Path:
    """Where `fetch` leaves a package."""
    return folder / f"{source.package.replace('/', '-').lstrip('@')}-{source.version}"


def read(folder: Path, source: Source, name: str) -> Any:
    """A JSON file of a fetched package."""
    file = package_folder(folder, source) / "package" / name
    return json.loads(file.read_text(encoding="utf-8"))


def attribution() -> str:
    """Whose work the renders are, as Markdown; it travels with the renders and the model."""
    lines = [
        "# Where the pictures and names come from",
        "",
        "| package | version | used for | author | licence |",
        "|---|---|---|---|---|",
    ]
    for source in [*ICON_SETS.values(), NAMES]:
        linked = f"[{source.package}]({source.url})"
        lines.append(
            f"| {linked} | {source.version} | {source.use} | {source.author} | {source.licence} |"
        )
    lines += ["", "Style pixel is made from the flat set by rendering it on a coarse grid.", ""]
    return "\n".join(lines)
