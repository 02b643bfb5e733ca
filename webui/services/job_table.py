"""The queue as rows: every change of a job's state is one guarded transaction."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, and_, func, insert, select, update

from webui.core.errors import InvalidRequest, Message
from webui.core.picture_rules import uploads
from webui.core.request import GenerationRequest
from webui.services.fairness import Waiting, fair_order
from webui.services.records import (
    ACTIVE,
    EXTRAS,
    UNKEPT,
    Extras,
    Job,
    JobState,
    read_extras,
    read_request,
)
from webui.services.reordering import move
from webui.services.store import Store
from webui.services.tables import extras as orders
from webui.services.tables import job_inputs, jobs


class QueueCounts(NamedTuple):
    """How much there is to do; `owners` counts those who wait or are served."""

    queued: int
    running: int
    owners: int


class JobTable:
    """Reads and changes the rows of jobs. Thread-safe; every method may raise StorageError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(
        self,
        owner: str,
        request: GenerationRequest,
        key: str | None,
        cap: int,
        *,
        keep: bool = True,
        extras: Extras | None = None,
    ) -> Job:
        """Puts a job at the end of its owner's line; a known `key` gives the job it gave before.

        `keep`: its pictures go into the history. `extras`: what it does instead of drawing.

        Raises:
            InvalidRequest: the owner has `cap` jobs waiting already.
        """
        kind = EXTRAS if extras else "img2img" if request.init_image else "txt2img"
        with self._store.write() as connection:
            if key is not None:
                known = connection.execute(
                    _rows().where(jobs.c.owner == owner, jobs.c.idempotency_key == key)
                ).first()
                if known:
                    return _job(known)
            waiting = connection.execute(
                select(func.count())
                .select_from(jobs)
                .where(jobs.c.state == "queued", jobs.c.owner == owner)
            ).scalar_one()
            if waiting >= cap:
                raise InvalidRequest(Message("error.queue_full", {"high": cap}))
            job_id = secrets.token_hex(8)
            connection.execute(
                insert(jobs).values(
                    id=job_id,
                    owner=owner,
                    kind=kind if keep else kind + UNKEPT,
                    request=request.model_dump_json(),
                    state="queued",
                    created=_now(),
                    idempotency_key=key,
                )
            )
            named = set(uploads(request).values())
            if extras:
                named = {extras.picture}
                order = json.dumps(asdict(extras))
                connection.execute(insert(orders).values(job_id=job_id, order=order))
            if named:
                rows = [{"job_id": job_id, "input_id": input_id} for input_id in named]
                connection.execute(insert(job_inputs), rows)
            return _job(connection.execute(_rows().where(jobs.c.id == job_id)).one())

    def get(self, job_id: str) -> Job | None:
        """The job of this id."""
        with self._store.read() as connection:
            row = connection.execute(_rows().where(jobs.c.id == job_id)).first()
        return _job(row) if row else None

    def some(self, job_ids: Sequence[str]) -> list[Job]:
        """The jobs of these ids, in no order."""
        with self._store.read() as connection:
            rows = connection.execute(_rows().where(jobs.c.id.in_(tuple(job_ids)))).all()
        return [_job(row) for row in rows]

    def in_states(self, states: Iterable[JobState]) -> list[Job]:
        """All jobs in these states, the oldest first."""
        with self._store.read() as connection:
            rows = connection.execute(
                _rows().where(jobs.c.state.in_(tuple(states))).order_by(jobs.c.sequence)
            ).all()
        return [_job(row) for row in rows]

    def finished(self, owner: str, limit: int) -> list[Job]:
        """The owner's latest jobs that are over, the newest first."""
        with self._store.read() as connection:
            rows = connection.execute(
                _rows()
                .where(jobs.c.owner == owner, jobs.c.state.not_in(ACTIVE))
                .order_by(jobs.c.sequence.desc())
                .limit(limit)
            ).all()
        return [_job(row) for row in rows]

    def order(self) -> list[str]:
        """Ids of all queued jobs in the order in which they will start."""
        with self._store.read() as connection:
            rows = connection.execute(
                select(jobs.c.sequence, jobs.c.id, jobs.c.owner).where(jobs.c.state == "queued")
            ).all()
            served = _served(connection)
        return fair_order((Waiting(*row) for row in rows), served)

    def counts(self) -> QueueCounts:
        """Figures for everybody to see."""
        with self._store.read() as connection:
            rows = connection.execute(
                select(jobs.c.state, jobs.c.owner, func.count())
                .where(jobs.c.state.in_(ACTIVE))
                .group_by(jobs.c.state, jobs.c.owner)
            ).all()
        by_state = {state: sum(n for s, _, n in rows if s == state) for state in ACTIVE}
        return QueueCounts(by_state["queued"], by_state["running"], len({row[1] for row in rows}))

    def claim(self) -> Job | None:
        """Starts the next job, if one waits: nobody else gets the same one."""
        with self._store.write() as connection:
            lines = connection.execute(
                select(jobs.c.owner, func.min(jobs.c.sequence))
                .where(jobs.c.state == "queued")
                .group_by(jobs.c.owner)
            ).all()
            if not lines:
                return None
            served = _served(connection)
            _, sequence = min((served.get(owner, 0), first) for owner, first in lines)
            latest = connection.execute(select(func.max(jobs.c.served))).scalar() or 0
            connection.execute(
                update(jobs)
                .where(jobs.c.sequence == sequence, jobs.c.state == "queued")
                .values(state="running", served=latest + 1, started=_now())
            )
            return _job(connection.execute(_rows().where(jobs.c.sequence == sequence)).one())

    def move(self, owner: str, job_id: str, before: str | None) -> None:
        """Puts a waiting job in front of another of the same owner, or (None) behind all.

        Raises:
            NotFound: one of the two does not wait, or is somebody else's.
        """
        move(self._store, owner, job_id, before)

    def request_cancel(self, job_id: str) -> None:
        """Cancels a job that waits; asks for it where it runs; leaves one that is over."""
        with self._store.write() as connection:
            connection.execute(
                update(jobs)
                .where(jobs.c.id == job_id, jobs.c.state == "queued")
                .values(state="cancelled", cancel_requested=True, finished=_now())
            )
            connection.execute(
                update(jobs)
                .where(jobs.c.id == job_id, jobs.c.state == "running")
                .values(cancel_requested=True)
            )

    def leave_running(
        self, job_id: str, state: JobState, error: Message | None = None, *, crashed: bool = False
    ) -> bool:
        """Ends a running job, or puts it back ("queued") to the front of its owner's line.

        False when it does not run: then nothing changes, so no job can end twice.
        """
        values: dict[str, Any] = {"state": state}
        if state == "queued":
            values["started"] = None
        else:
            values["finished"] = _now()
        if error:
            values["error"] = json.dumps(error.to_json(), default=str)
        if crashed:
            values["crashes"] = jobs.c.crashes + 1
        running = and_(jobs.c.id == job_id, jobs.c.state == "running")
        with self._store.write() as connection:
            return connection.execute(update(jobs).where(running).values(**values)).rowcount == 1


def _served(connection: Connection) -> dict[str, int]:
    """The latest start of every owner who waits."""
    waiting = select(jobs.c.owner).where(jobs.c.state == "queued").distinct()
    rows = connection.execute(
        select(jobs.c.owner, func.max(jobs.c.served))
        .where(jobs.c.owner.in_(waiting), jobs.c.served.is_not(None))
        .group_by(jobs.c.owner)
    ).all()
    return {row[0]: row[1] for row in rows}


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _rows() -> Select[Any]:
    return select(jobs, orders.c.order).outerjoin(orders, orders.c.job_id == jobs.c.id)


def _job(row: Row[Any]) -> Job:
    return Job(
        sequence=row.sequence,
        id=row.id,
        owner=row.owner,
        kind=row.kind,
        request=read_request(row.request),
        state=row.state,
        crashes=row.crashes,
        cancel_requested=row.cancel_requested,
        error=Message.from_json(json.loads(row.error)) if row.error else None,
        created=row.created,
        started=row.started,
        finished=row.finished,
        extras=read_extras(row.order) if row.order else None,
    )
