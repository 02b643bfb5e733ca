"""Jobs and pictures as JSON, in the form that browsers and API clients get."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from typing import Any

from webui.core.errors import Message
from webui.core.events import StepDone
from webui.core.passes import pass_steps
from webui.core.seeds import single
from webui.services.progress import Progress
from webui.services.records import UNKEPT, Extras, Job, Picture, read_request


def job_view(
    job: Job,
    viewer: str,
    done: int,
    position: int | None,
    progress: Progress | None,
    remarks: Sequence[Message] = (),
) -> dict[str, Any]:
    """A job as `viewer` may see it: prompt and settings are the owner's alone.

    `done`: pictures that are there. `position`: 1 for the next to start, None unless it waits.
    `progress`: where it is, None unless it runs.
    """
    mine = job.owner == viewer
    total = job.request.pictures
    return {
        "id": job.id,
        "mine": mine,
        "kind": job.kind.removesuffix(UNKEPT),
        "state": job.state,
        "prompt": job.request.prompt if mine else None,
        "pictures_total": total,
        "pictures_done": done,
        "position": position,
        "created": moment(job.created),
        "started": moment(job.started),
        "finished": moment(job.finished),
        "progress": progress.progress if progress else done / total,
        "phase": progress.phase if progress else None,
        "step": progress.step if progress else 0,
        "steps": progress.steps if progress else sum(pass_steps(job.request)),
        "tiles": list(progress.tiles) if progress and progress.tiles else None,
        "eta_seconds": progress.eta_seconds if progress else None,
        "cancel_requested": job.cancel_requested,
        "error": job.error.to_json() if job.error and mine else None,
        "remarks": [remark.to_json() for remark in remarks] if mine else [],
        "request": job.request.model_dump() if mine else None,
        "extras": _order(job.extras) if mine and job.extras else None,
    }


def _order(extras: Extras) -> dict[str, Any]:
    """What is done with which uploaded picture."""
    return {"picture": extras.picture, **asdict(extras.wish)}


def picture_view(picture: Picture) -> dict[str, Any]:
    """A picture with the settings that make just this one again."""
    return {
        "id": picture.id,
        "job_id": picture.job_id,
        "index": picture.index,
        "seed": picture.seed,
        "width": picture.width,
        "height": picture.height,
        "infotext": picture.infotext,
        "created": moment(picture.created),
        "url": f"/pictures/{picture.id}.png",
        "thumb": f"/pictures/{picture.id}/thumb.webp",
        "settings": settings_of(picture),
        "unsaved": picture.unsaved.to_json() if picture.unsaved else None,
    }


def step_view(job_id: str, progress: Progress, step: StepDone | None = None) -> dict[str, Any]:
    """A moment of a running job, with the preview that came with it."""
    preview = step.preview if step else None
    return {
        "job_id": job_id,
        "phase": progress.phase,
        "indices": list(progress.indices),
        "step": progress.step,
        "steps": progress.steps,
        "tiles": list(progress.tiles) if progress.tiles else None,
        "eta_seconds": progress.eta_seconds,
        "loaded": progress.loaded,
        "progress": progress.progress,
        "preview": _data_url(preview) if preview else None,
    }


def settings_of(picture: Picture) -> dict[str, Any]:
    """The fields of the request that makes just this picture."""
    alone = single(read_request(picture.request), picture.index)
    return {**alone.model_dump(), "seed": picture.seed}


def moment(time: datetime | None) -> str | None:
    """A time as ISO 8601 in UTC, to the millisecond."""
    if time is None:
        return None
    text = time.astimezone(timezone.utc).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _data_url(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")
