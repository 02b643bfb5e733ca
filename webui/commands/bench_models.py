"""How long it takes to know what the files of a models folder are."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from webui.core.errors import ModelFileError
from webui.core.model_files.recognise import recognise_file

REFUSED = "refused"


@dataclass(frozen=True)
class RecognitionFigures:
    """`seconds` for all `files` together; `kinds`: how many there are of each kind."""

    files: int
    seconds: float
    kinds: dict[str, int]

    @property
    def seconds_per_thousand(self) -> float:
        """What a library of a thousand such files would take."""
        return self.seconds * 1000 / self.files if self.files else 0.0


def measure_recognition(folder: Path) -> RecognitionFigures:
    """Recognises every safetensors file below the folder once, as a start without a cache does."""
    paths = sorted(folder.rglob("*.safetensors"))
    kinds: Counter[str] = Counter()
    start = time.perf_counter()
    for path in paths:
        try:
            kinds[recognise_file(path).kind] += 1
        except ModelFileError:
            kinds[REFUSED] += 1
    seconds = time.perf_counter() - start
    return RecognitionFigures(len(paths), seconds, dict(kinds))
