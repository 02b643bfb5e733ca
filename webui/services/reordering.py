"""Changing the order of the jobs that one owner has waiting; those of others are not touched."""

from __future__ import annotations

from sqlalchemy import select, update

from webui.core.errors import NotFound
from webui.services.store import Store
from webui.services.tables import jobs


def move(store: Store, owner: str, job_id: str, before: str | None) -> None:
    """Puts a waiting job in front of another of the same owner, or (None) behind all of them.

    The numbers that stand for the order go round among the owner's waiting jobs, so that the
    place of everybody else stays what it was.

    Raises:
        NotFound: one of the two does not wait, or is somebody else's.
        StorageError: the database cannot be written.
    """
    waiting = (
        select(jobs.c.id, jobs.c.sequence)
        .where(jobs.c.owner == owner, jobs.c.state == "queued")
        .order_by(jobs.c.sequence)
    )
    with store.write() as connection:
        line = {row.id: row.sequence for row in connection.execute(waiting)}
        for wanted in (job_id, *([before] if before is not None else [])):
            if wanted not in line:
                raise NotFound("error.no_move", id=wanted[:40])
        order = [other for other in line if other != job_id]
        if before != job_id:
            order.insert(len(order) if before is None else order.index(before), job_id)
            places = dict(zip(order, sorted(line.values()), strict=True))
            moved = {name: place for name, place in places.items() if line[name] != place}
            # Through negative numbers, since no two rows may have the same one in between.
            for sign in (-1, 1):
                for name, place in moved.items():
                    connection.execute(
                        update(jobs).where(jobs.c.id == name).values(sequence=sign * place)
                    )
