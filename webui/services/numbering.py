"""Running numbers of picture files, such as 00042-7.png, counted per folder."""

from __future__ import annotations

import re
from pathlib import Path

_NUMBERED = re.compile(r"(\d{5,})-")


class Numbering:
    """Gives names that no file in the folder has. For one writer at a time."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._next = 0

    def next_name(self, folder: Path, seed: int, suffix: str) -> str:
        """The next free name in `folder`, which is made if need be; `suffix` has no dot.

        Raises:
            OSError: the folder cannot be made or read.
        """
        folder.mkdir(parents=True, exist_ok=True)
        if folder != self._folder:
            names = (_NUMBERED.match(path.name) for path in folder.iterdir())
            self._next = max((int(name[1]) + 1 for name in names if name), default=0)
            self._folder = folder
        while (folder / f"{self._next:05}-{seed}.{suffix}").exists():
            self._next += 1
        name = f"{self._next:05}-{seed}.{suffix}"
        self._next += 1
        return name
