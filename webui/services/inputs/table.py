"""Uploaded pictures as rows: who may use which, and when it was used last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from sqlalchemy import and_, delete, exists, insert, select, update

from webui.services.inputs.normalising import PlainPicture
from webui.services.store import Store
from webui.services.tables import inputs, job_inputs, jobs


@dataclass(frozen=True)
class Input:
    """An uploaded picture of an owner; `id` is its name by content."""

    owner: str
    id: str
    width: int
    height: int
    alpha: bool
    used: datetime


class InputTable:
    """Reads and changes the rows. Thread-safe; every method may raise StorageError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def keep(self, owner: str, picture: PlainPicture) -> Input:
        """Notes that the owner brought this picture, now."""
        row = Input(
            owner, picture.id, picture.width, picture.height, picture.alpha, _now()
        )  # fmt: skip
        with self._store.write() as connection:
            connection.execute(delete(inputs).where(_of(owner, picture.id)))
            connection.execute(insert(inputs).values(**vars(row)))
        return row

    def get(self, owner: str, input_id: str) -> Input | None:
        """The owner's picture of this name."""
        with self._store.read() as connection:
            row = connection.execute(select(inputs).where(_of(owner, input_id))).first()
        return Input(**row._mapping) if row else None

    def use(self, owner: str, input_id: str) -> bool:
        """Notes that the picture is used now; False when the owner has none of this name."""
        with self._store.write() as connection:
            changed = update(inputs).where(_of(owner, input_id)).values(used=_now())
            return connection.execute(changed).rowcount == 1

    def forget_unused(self, since: datetime) -> list[str]:
        """Drops rows that were used last before `since` and that no job of their owner names.

        Returns the names that nobody has any more.
        """
        named = exists().where(
            and_(
                job_inputs.c.input_id == inputs.c.id,
                job_inputs.c.job_id == jobs.c.id,
                jobs.c.owner == inputs.c.owner,
            )
        )
        old = and_(inputs.c.used < since, ~named)
        with self._store.write() as connection:
            found = connection.execute(select(inputs.c.id).where(old).distinct()).scalars().all()
            connection.execute(delete(inputs).where(old))
            left = set(connection.execute(select(inputs.c.id).distinct()).scalars())
        return [input_id for input_id in found if input_id not in left]

    def names(self) -> Sequence[str]:
        """The names of all pictures that somebody has."""
        with self._store.read() as connection:
            return connection.execute(select(inputs.c.id).distinct()).scalars().all()


def _of(owner: str, input_id: str) -> Any:
    return and_(inputs.c.owner == owner, inputs.c.id == input_id)


def _now() -> datetime:
    return datetime.now(timezone.utc)
