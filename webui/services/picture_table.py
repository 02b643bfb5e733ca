"""Pictures as rows, in the order in which they were made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, Select, delete, func, insert, select, update

from webui.services.records import Picture, PictureState
from webui.services.store import Store
from webui.services.tables import jobs, pictures


class PictureTable:
    """Reads and changes the rows of pictures. Thread-safe; methods may raise StorageError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def begin(self, picture: Picture) -> Picture | None:
        """Takes the place (job, index) for a picture; None, or the one that has it already.

        A row that was left in state "writing" makes way: its file never came to be.
        """
        with self._store.write() as connection:
            place = (pictures.c.job_id == picture.job_id, pictures.c.index == picture.index)
            connection.execute(delete(pictures).where(*place, pictures.c.state == "writing"))
            taken = connection.execute(_rows().where(*place)).first()
            if taken:
                return _picture(taken)
            connection.execute(
                insert(pictures).values(**{name: getattr(picture, name) for name in _STORED_FIELDS})
            )
        return None

    def settle(self, picture_id: str, state: PictureState = "saved") -> None:
        """The file is in its place: the picture counts from now on."""
        with self._store.write() as connection:
            connection.execute(
                update(pictures).where(pictures.c.id == picture_id).values(state=state)
            )

    def drop(self, picture_id: str) -> None:
        """Forgets a row whose file never came to be."""
        with self._store.write() as connection:
            connection.execute(
                delete(pictures).where(pictures.c.id == picture_id, pictures.c.state == "writing")
            )

    def remove(self, picture_id: str) -> None:
        """Forgets a picture that was not to be kept."""
        with self._store.write() as connection:
            connection.execute(
                delete(pictures).where(pictures.c.id == picture_id, pictures.c.state == "unkept")
            )

    def in_state(self, state: PictureState) -> list[Picture]:
        """All pictures in this state."""
        return self._all(_rows().where(pictures.c.state == state))

    def get(self, picture_id: str) -> Picture | None:
        """The saved picture of this id."""
        found = self._all(_rows().where(pictures.c.id == picture_id, pictures.c.state == "saved"))
        return found[0] if found else None

    def of_job(self, job_id: str) -> list[Picture]:
        """A job's pictures by index, skipped ones and those that are not to be kept included."""
        return self._all(
            _rows()
            .where(pictures.c.job_id == job_id, pictures.c.state != "writing")
            .order_by(pictures.c.index)
        )

    def saved_counts(self, job_ids: Sequence[str]) -> dict[str, int]:
        """How many pictures of each of these jobs are saved."""
        # As a condition of the rows the state would tempt SQLite to read the index of states,
        # which is most of a long history.
        kept = func.count().filter(pictures.c.state.in_(("saved", "unkept")))
        query = select(pictures.c.job_id, kept).where(pictures.c.job_id.in_(tuple(job_ids)))
        with self._store.read() as connection:
            rows = connection.execute(query.group_by(pictures.c.job_id)).all()
        return {row[0]: row[1] for row in rows}

    def totals(self) -> dict[str, int]:
        """How many saved pictures each owner has."""
        query = select(pictures.c.owner, func.count()).where(pictures.c.state == "saved")
        with self._store.read() as connection:
            rows = connection.execute(query.group_by(pictures.c.owner)).all()
        return {row[0]: row[1] for row in rows}

    def count(self, owner: str, search: str) -> int:
        """How many saved pictures the owner has whose infotext contains `search`."""
        with self._store.read() as connection:
            query = _found(select(func.count()).select_from(pictures), owner, search)
            return int(connection.execute(query).scalar_one())

    def page(self, owner: str, offset: int, limit: int, search: str = "") -> list[Picture]:
        """The owner's saved pictures, the newest first, from `offset` on."""
        numbers = (
            _found(select(pictures.c.number), owner, search)
            .order_by(pictures.c.number.desc())
            .offset(offset)
            .limit(limit)
            .subquery()
        )
        return self._all(
            _rows()
            .join(numbers, numbers.c.number == pictures.c.number)
            .order_by(pictures.c.number.desc())
        )

    def latest_job(self, owner: str) -> str | None:
        """The job of the owner's newest picture."""
        newest = self.page(owner, 0, 1)
        return newest[0].job_id if newest else None

    def _all(self, query: Select[Any]) -> list[Picture]:
        with self._store.read() as connection:
            return [_picture(row) for row in connection.execute(query).all()]


_STORED_FIELDS = tuple(column.name for column in pictures.c if column.name != "number")


def _rows() -> Select[Any]:
    columns = [pictures.c[name] for name in _STORED_FIELDS]
    return select(*columns, jobs.c.request).join(jobs, jobs.c.id == pictures.c.job_id)


def _found(query: Select[Any], owner: str, search: str) -> Select[Any]:
    query = query.where(pictures.c.owner == owner, pictures.c.state == "saved")
    return query.where(pictures.c.infotext.icontains(search, autoescape=True)) if search else query


def _picture(row: Row[Any]) -> Picture:
    return Picture(**row._mapping)
