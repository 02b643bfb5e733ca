"""The tables of the store. Plain SQL types only, so that PostgreSQL can take them over."""

from __future__ import annotations

from datetime import datetime, timezone

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

SCHEMA_VERSION = 1


class UtcTime(TypeDecorator[datetime]):
    """A moment in UTC. SQLite keeps no time zone, so it is put back when reading."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Stores UTC without its zone."""
        return value.astimezone(timezone.utc).replace(tzinfo=None) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Reads UTC with its zone."""
        return value.replace(tzinfo=timezone.utc) if value else None


METADATA = MetaData()

schema_version = Table(
    "schema_version",
    METADATA,
    Column("version", Integer, primary_key=True, autoincrement=False),
)

jobs = Table(
    "jobs",
    METADATA,
    Column("sequence", Integer, primary_key=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("owner", String(200), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("request", Text, nullable=False),
    Column("state", String(12), nullable=False),
    Column("crashes", Integer, nullable=False, default=0),
    Column("cancel_requested", Boolean, nullable=False, default=False),
    Column("error", Text),
    Column("created", UtcTime, nullable=False),
    Column("started", UtcTime),
    Column("finished", UtcTime),
    Column("served", Integer),  # counts the starts of all jobs; the largest of an owner is its turn
    Column("idempotency_key", String(200)),
    UniqueConstraint("owner", "idempotency_key"),
    Index("jobs_by_state", "state", "owner", "sequence"),
    Index("jobs_by_owner", "owner", "sequence"),
    Index("jobs_by_turn", "owner", "served"),
    Index("jobs_served", "served"),
    sqlite_autoincrement=True,
)

job_inputs = Table(
    "job_inputs",
    METADATA,
    Column("job_id", String(32), ForeignKey("jobs.id"), primary_key=True),
    Column("input_id", String(64), primary_key=True),
    Index("job_inputs_by_input", "input_id"),
)
"""Which uploaded pictures the requests of jobs name."""

extras = Table(
    "extras",
    METADATA,
    Column("job_id", String(32), ForeignKey("jobs.id"), primary_key=True),
    Column("order", Text, nullable=False),
)
"""What jobs of the kind "extras" do with a finished picture, as JSON."""

inputs = Table(
    "inputs",
    METADATA,
    Column("owner", String(200), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("alpha", Boolean, nullable=False),
    Column("used", UtcTime, nullable=False),
    Index("inputs_by_id", "id"),
    Index("inputs_by_use", "used"),
)
"""Uploaded pictures: a row for each owner, one file for all owners of the same pixels."""

pictures = Table(
    "pictures",
    METADATA,
    Column("number", Integer, primary_key=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("job_id", String(32), ForeignKey("jobs.id"), nullable=False),
    Column("index", Integer, nullable=False),
    Column("owner", String(200), nullable=False),
    Column("state", String(12), nullable=False),
    Column("path", String(500), nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("infotext", Text, nullable=False),
    Column("created", UtcTime, nullable=False),
    UniqueConstraint("job_id", "index"),
    # Holds all that paging needs, so a far page skips entries of the index and no rows.
    Index("pictures_by_owner", "owner", "state", "number"),
    Index("pictures_by_state", "state"),
    sqlite_autoincrement=True,
)
