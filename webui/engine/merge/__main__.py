"""`python -m webui.engine.merge`: reads a job as JSON, writes its target, tells how far it is.

Each line of its output is a JSON object: `done` and `total` bytes, and at last `notes` or `error`.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from webui.core.errors import InkstoneError, Message, ModelFileError
from webui.core.merging import MergeJob
from webui.engine.merge.blocks import weights_of
from webui.engine.merge.plan import Step, Table, plan, with_vae
from webui.engine.merge.recipe import metadata_of, sha256_of
from webui.engine.merge.sources import WHOLE, Source, open_model, open_vae
from webui.engine.merge.write import write

SECONDS = 0.2
"""Between two reports."""

SMALL_FILES = (".json", ".txt", ".md", ".model")
LARGEST_SMALL_FILE = 2**26
SPECIAL = {9: "inpaint", 8: "ip2p"}

Say = Callable[..., None]


def main() -> None:
    """Does the job that comes on standard input."""
    try:
        job = MergeJob.model_validate_json(sys.stdin.buffer.read())
        _say(notes=[note.to_json() for note in merge(job, _say)])
    except InkstoneError as error:
        _say(error=error.message.to_json())
    except BrokenPipeError:  # whoever asked for it is gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None


def merge(job: MergeJob, say: Say) -> list[Message]:
    """Writes the target and returns what a person should know of it.

    Raises:
        ModelFileError: the models do not go together, are damaged, or the target cannot be
            written.
    """
    models = [open_model(source, job.order.averages) for source in job.models]
    _check_alike(models)
    vae = None if job.vae is None else open_vae(job.vae)
    first = models[0]
    weigh = weights_of(job.order, first.parts[WHOLE], first.file)
    planned: dict[str, list[Step]] = {}
    notes: list[Message] = []
    for part, table in first.parts.items():
        others = [model.parts.get(part, {}) for model in models[1:]]
        # In a folder, all but the UNet's part takes the weight of what is in no block.
        by_name = weigh if part == WHOLE else (lambda _: weigh(""))
        steps, said = plan(job.order, [table, *others] if all(others) else [table], by_name)
        if others and not all(others):
            said = [Message("merge.kept_part", {"part": part})]
        planned[part] = steps
        notes += said
    if vae is not None:
        _bake(job, planned, vae)
    try:
        _write(job, models, planned, say)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ModelFileError("error.convert_unwritten", file=job.target, reason=reason) from error
    return notes


def _check_alike(models: Sequence[Source]) -> None:
    first = models[0]
    for other in models[1:]:
        if other.source.kind != first.source.kind:
            raise ModelFileError("error.merge_layouts", file=first.file, other=other.file)
        if other.family != first.family:
            values = {"file": first.file, "family": first.family}
            raise ModelFileError(
                "error.merge_families", **values, other=other.file, other_family=other.family
            )


def _bake(job: MergeJob, planned: dict[str, list[Step]], vae: Table) -> None:
    if job.models[0].kind == "file":
        planned[WHOLE] = with_vae(job.order, planned[WHOLE], vae)
        return
    steps, _ = plan(job.order, [vae], lambda _: 0.0)
    mine = {step.name: step.shape for step in planned.get("vae", [])}
    for step in steps:
        if mine.get(step.name) != step.shape:
            file = str(step.sources[0].header.path)
            raise ModelFileError("error.merge_vae", field="vae", file=file, tensor=step.name)
    planned["vae"] = steps


def _write(
    job: MergeJob, models: Sequence[Source], planned: dict[str, list[Step]], say: Say
) -> None:
    total = sum(step.size for steps in planned.values() for step in steps)
    if job.order.recipe:
        total += sum(model.weights.stat().st_size for model in models)
    report = _Reporter(total, say)
    hashes = [sha256_of(m.weights, report) for m in models] if job.order.recipe else []
    metadata = metadata_of(
        job.order,
        [(model.source.name, model.metadata) for model in models],
        hashes,
        SPECIAL.get(models[0].inputs, ""),
    )
    target = Path(job.target)
    if job.models[0].kind == "file":
        write(target, planned[WHOLE], metadata, report)
        return
    _copy_small_files(Path(job.models[0].path), target)
    for part, steps in planned.items():
        (target / part).mkdir(parents=True, exist_ok=True)
        stem = "model" if part.startswith("text") else "diffusion_pytorch_model"
        file = target / part / f"{stem}.safetensors"
        write(file, steps, metadata if part == WHOLE else {"format": "pt"}, report)


def _copy_small_files(source: Path, target: Path) -> None:
    """Settings and tokenizers of a folder, one level down, without links that lead elsewhere."""
    target.mkdir(parents=True)
    for file in sorted([*source.glob("*"), *source.glob("*/*")]):
        if file.suffix not in SMALL_FILES or file.name.endswith(".index.json"):
            continue
        inside = file.resolve().is_relative_to(source.resolve())
        if inside and file.is_file() and file.stat().st_size <= LARGEST_SMALL_FILE:
            place = target / file.relative_to(source)
            place.parent.mkdir(exist_ok=True)
            shutil.copyfile(file, place)


class _Reporter:
    """Says how many bytes are done, a few times a second."""

    def __init__(self, total: int, say: Say) -> None:
        self._total = total
        self._say = say
        self._done = 0
        self._said = 0.0

    def __call__(self, more: int) -> None:
        self._done += more
        now = time.monotonic()
        if now - self._said >= SECONDS or self._done == self._total:
            self._said = now
            self._say(done=self._done, total=self._total)


def _say(**values: Any) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
