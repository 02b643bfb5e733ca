"""How long it takes to know what the files of a models folder are, and to load one of them."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from webui.commands.paths import REPOSITORY
from webui.core.errors import ModelFileError
from webui.core.model_files.recognise import recognise_file
from webui.engine.bench_loading import measure_loading

REFUSED = "refused"


@dataclass(frozen=True)
class RecognitionFigures:
    """`seconds` for all `files` together; `kinds`: how many there are of each kind.

    `cpu_seconds`: of them those in which the processor worked for us, also on a busy machine.
    """

    files: int
    seconds: float
    cpu_seconds: float
    kinds: dict[str, int]

    @property
    def seconds_per_thousand(self) -> float:
        """What a library of a thousand such files would take."""
        return self.seconds * 1000 / self.files if self.files else 0.0


def measure_recognition(folder: Path) -> RecognitionFigures:
    """Recognises every safetensors file below the folder once, as a start without a cache does."""
    paths = sorted(folder.rglob("*.safetensors"))
    kinds: Counter[str] = Counter()
    start, start_cpu = time.perf_counter(), time.process_time()
    for path in paths:
        try:
            kinds[recognise_file(path).kind] += 1
        except ModelFileError:
            kinds[REFUSED] += 1
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - start_cpu
    return RecognitionFigures(len(paths), seconds, cpu_seconds, dict(kinds))


def measure_models(file: Path | None) -> dict[str, Any]:
    """Recognises a thousand files as a collector has them, and loads `file`.

    Without one, an SD1 of 2 GB with random weights. All that is written is gone afterwards.

    Raises:
        ModelFileError: the file cannot be loaded.
    """
    with tempfile.TemporaryDirectory(prefix="inkstone-bench-") as folder:
        library = Path(folder, "library")
        _write("tests.model_library", library)
        recognition = measure_recognition(library)
        if file is None:
            file = Path(folder, "sd1.safetensors")
            _write("tests.full_width", file)
        loading = measure_loading(file)
    return {
        "recognition": asdict(recognition),
        "loading": {**asdict(loading), "ratio": loading.ratio},
    }


def _write(module: str, target: Path) -> None:
    """What the tests write with, in a process of its own, whose memory is gone afterwards."""
    subprocess.run([sys.executable, "-m", module, str(target)], cwd=REPOSITORY, check=True)
