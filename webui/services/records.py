"""The rows of the store as frozen values."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pydantic import ValidationError

from webui.core.enlarging import Enlarging
from webui.core.errors import Message
from webui.core.request import GenerationRequest

JobState = Literal["queued", "running", "done", "failed", "cancelled", "set_aside"]
PictureState = Literal["writing", "saved", "skipped", "unsaved", "unkept"]

EXTRAS = "extras"
"""The kind of a job that makes a finished picture larger."""

UNKEPT = "-unkept"
"""Ending of the kind of a job whose pictures are for its client alone, not for the history."""

ACTIVE: tuple[JobState, ...] = ("queued", "running")


@dataclass(frozen=True)
class Extras:
    """A finished picture that is to be made larger.

    `picture`: its name among the uploaded ones. `infotext`: what it says of itself.
    """

    picture: str
    wish: Enlarging
    infotext: str = ""


@dataclass(frozen=True)
class Job:
    """One job. `sequence` grows with submission; times are in UTC.

    `extras`: what it does instead of drawing; its `request` then is what the picture was made of.
    """

    sequence: int
    id: str
    owner: str
    kind: str
    request: GenerationRequest
    state: JobState
    crashes: int
    cancel_requested: bool
    error: Message | None
    created: datetime
    started: datetime | None
    finished: datetime | None
    extras: Extras | None = None

    @property
    def active(self) -> bool:
        """Whether the job still waits or runs."""
        return self.state in ACTIVE

    @property
    def kept(self) -> bool:
        """Whether its pictures go into the history; else they end with its client's request."""
        return not self.kind.endswith(UNKEPT)


@dataclass(frozen=True)
class Picture:
    """One picture of a job. `path` is relative to the data folder, with forward slashes.

    `request` is the job's request as JSON. `unsaved` says why the picture lives in memory only.
    """

    id: str
    job_id: str
    index: int
    owner: str
    state: PictureState
    path: str
    seed: int
    width: int
    height: int
    infotext: str
    created: datetime
    request: str
    unsaved: Message | None = None


def read_extras(text: str) -> Extras:
    """The order that was stored as JSON."""
    values: dict[str, Any] = json.loads(text)
    return Extras(values["picture"], Enlarging(**values["wish"]), values["infotext"])


def read_request(text: str) -> GenerationRequest:
    """The request that was stored as JSON.

    A row of an older version may break a rule that was added since; it must still be shown,
    so its known fields are taken as they are.
    """
    try:
        return GenerationRequest.model_validate_json(text)
    except ValidationError:
        values: dict[str, Any] = json.loads(text)
        known = {name: values[name] for name in GenerationRequest.model_fields if name in values}
        return GenerationRequest.model_construct(**known)
