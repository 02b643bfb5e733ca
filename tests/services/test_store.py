from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from datetime import datetime, timedelta, timezone

import pytest
from sqlalchemy import insert, select, update

from tests.services.conftest import a_request
from webui.core.errors import StorageError
from webui.services.job_table import JobTable
from webui.services.store import FILE_NAME, Store
from webui.services.tables import jobs, schema_version

HOLD = """
import sys, time
from pathlib import Path
from webui.services.store import Store
store = Store(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(600)
"""


def test_second_instance_is_refused_and_told_who_holds_the_folder(tmp_path, store):
    with pytest.raises(StorageError) as refused:
        Store(tmp_path / "data")
    assert refused.value.message.key == "error.data_dir_in_use"
    assert refused.value.message.values["pid"] == str(os.getpid())


def test_lock_dies_with_its_process(tmp_path, repository):
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    holder = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=repository)
    try:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(StorageError, match="data_dir_in_use"):
            Store(tmp_path)
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        holder.stdout.close()
    Store(tmp_path).close()


def test_close_gives_the_folder_free(tmp_path):
    Store(tmp_path).close()
    Store(tmp_path).close()


def test_jobs_survive_reopening(tmp_path):
    first = Store(tmp_path)
    job = JobTable(first).add("ann", a_request("漢字 \U0001f408"), None, 10)
    first.close()
    second = Store(tmp_path)
    assert JobTable(second).get(job.id) == job
    second.close()


def test_times_come_back_in_utc(store):
    east = timezone(timedelta(hours=8))
    job = JobTable(store).add("ann", a_request(), None, 10)
    with store.write() as connection:
        noon = datetime(2026, 1, 2, 12, tzinfo=east)
        connection.execute(update(jobs).values(started=noon))
    found = JobTable(store).get(job.id)
    assert found.started == noon
    assert found.started.tzinfo is timezone.utc


def test_newer_database_is_refused(tmp_path):
    store = Store(tmp_path)
    with store.write() as connection:
        connection.execute(update(schema_version).values(version=99))
    store.close()
    with pytest.raises(StorageError) as refused:
        Store(tmp_path)
    assert refused.value.message.key == "error.data_newer"
    assert refused.value.message.values["found"] == 99
    # Nothing was changed and nothing is held.
    with sqlite3.connect(tmp_path / FILE_NAME) as raw:
        assert raw.execute("select version from schema_version").fetchall() == [(99,)]
    raw.close()


NO_DATABASES = [b"this is no database" * 100, b"SQLite format 3\0" + b"x" * 5000]


@pytest.mark.parametrize("content", NO_DATABASES)
def test_corrupt_database_is_named(tmp_path, content):
    (tmp_path / FILE_NAME).write_bytes(content)
    with pytest.raises(StorageError) as refused:
        Store(tmp_path)
    assert refused.value.message.key == "error.data_corrupt"
    assert refused.value.message.values["path"].endswith(FILE_NAME)
    assert (tmp_path / FILE_NAME).read_bytes() == content


def test_data_folder_that_is_a_file(tmp_path):
    path = tmp_path / "data"
    path.write_text("x")
    with pytest.raises(StorageError, match="not_a_folder"):
        Store(path)
    with pytest.raises(StorageError, match="not_a_folder"):
        Store(path / "below")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write all")
def test_read_only_folder(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match="read_only"):
        Store(tmp_path / "data")


def test_failed_transaction_leaves_nothing(store):
    table = JobTable(store)
    row = {"owner": "a", "kind": "txt2img", "request": "{}", "state": "queued"}

    def stumble():
        with store.write() as connection:
            now = datetime.now(timezone.utc)
            connection.execute(insert(jobs).values(id="x", created=now, **row))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        stumble()
    assert table.get("x") is None


def test_wal_and_full_sync(store):
    with store.read() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_full_database_says_so(store):
    with store.read() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
    values = {"owner": "a", "kind": "t", "request": "r" * 4000, "state": "queued"}
    values["created"] = datetime.now(timezone.utc)

    def fill():
        with store.write() as connection:
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
            for number in range(100):
                connection.execute(insert(jobs).values(id=f"j{number}", **values))

    with pytest.raises(StorageError) as refused:
        fill()
    assert refused.value.message.key == "error.disk_full"
    with store.read() as connection:
        assert connection.execute(select(jobs)).all() == []
