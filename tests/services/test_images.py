from __future__ import annotations

import io
import json
import os
import random
import shutil
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import event, insert, update

from webui.core.errors import NotFound
from webui.services.images import ImageStore
from webui.services.picture_files import png_bytes
from webui.services.tables import jobs, pictures

NOISE = random.Random(1).randbytes(64 * 64 * 3)


def save(images, job, index=0, text="a cat\nSteps: 3", rgb=NOISE, size=64):
    seed = 40 + index
    return images.save(job, index, seed, rgb, size, size, text, json.dumps({"seed": seed}))


@contextmanager
def asked_of(store):
    """The statements that the database is given meanwhile, with their parameters."""
    asked = []

    def note(connection, cursor, statement, parameters, context, many):
        asked.append((statement, parameters))

    event.listen(store._engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(store._engine, "before_cursor_execute", note)


def plans(store, asked):
    """How the database would look up what it was asked."""
    with store.read() as connection:
        return [
            line[-1]
            for statement, parameters in asked
            if statement.startswith("SELECT")
            for line in connection.exec_driver_sql("EXPLAIN QUERY PLAN " + statement, parameters)
        ]


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_saved_picture_has_pixels_and_both_texts(tmp_path, images, job):
    picture = save(images, job, text="ein Kätzchen 猫, 100%\nNegative prompt: dog\nSteps: 3")
    path = images.path(picture)
    today = datetime.now().strftime("%Y-%m-%d")
    assert path == tmp_path / "data/outputs/txt2img-images" / today / "00000-40.png"
    with Image.open(path) as image:
        assert image.tobytes() == NOISE
        assert image.text["parameters"] == picture.infotext
        assert json.loads(image.text["inkstone"]) == {"seed": 40}
    assert images.get("ann", picture.id) == picture
    assert images.content(picture) == path.read_bytes()
    assert picture.unsaved is None


def test_infotext_goes_into_the_chunk_that_its_letters_ask_for():
    assert b"tEXtparameters\0caf\xe9" in png_bytes(NOISE, 64, 64, "café", "{}")
    assert b"iTXtparameters\0" in png_bytes(NOISE, 64, 64, "猫", "{}")


def test_other_formats_are_saved_under_their_own_suffix(store, job):
    images = ImageStore(store, file_format="jpg", quality=50)
    picture = save(images, job)
    assert images.path(picture).name == "00000-40.jpg"
    assert images.content(picture).startswith(b"\xff\xd8\xff")
    assert images.thumbnail(picture)


def test_pixels_of_the_wrong_length_are_refused(images, job, tmp_path):
    with pytest.raises(ValueError, match="not enough image data"):
        save(images, job, rgb=NOISE[:-3])
    assert images.of_job(job.id) == []
    assert not list((tmp_path / "data").rglob("*.png*"))


def test_numbers_run_on_over_a_restart_and_past_other_peoples_files(tmp_path, job, store):
    first = ImageStore(store)
    folder = first.path(save(first, job)).parent
    (folder / "00007-1.png").write_bytes(b"theirs")
    assert first.path(save(first, job, 1)).name == "00001-41.png"
    again = ImageStore(store)
    assert again.path(save(again, job, 2)).name == "00008-42.png"
    assert (folder / "00007-1.png").read_bytes() == b"theirs"


def test_a_new_day_gets_a_new_folder(job, store):
    days = iter([datetime(2026, 1, 31), datetime(2026, 2, 1), datetime(2026, 2, 1)])
    images = ImageStore(store, today=lambda: next(days))
    paths = [images.path(save(images, job, index)) for index in range(3)]
    assert [path.parent.name for path in paths] == ["2026-01-31", "2026-02-01", "2026-02-01"]
    assert [path.name[:5] for path in paths] == ["00000", "00000", "00001"]


def test_the_same_picture_twice_stays_one(images, job):
    first, second = save(images, job), save(images, job)
    assert first.id == second.id
    assert len(files_in(images.path(first).parent)) == 1


def test_pictures_belong_to_their_owner(images, job):
    picture = save(images, job)
    for viewer, picture_id in [("ben", picture.id), ("ann", "nothing"), ("ann", "../x")]:
        with pytest.raises(NotFound, match="picture_not_found"):
            images.get(viewer, picture_id)
    assert images.get("root", picture.id, admin=True) == picture
    assert images.page("ben", 1, 10) == ([], 0)


def test_pages_and_search(images, job):
    saved = [save(images, job, index, text=f"Cat {index}_%") for index in range(4)]
    images.skip(job, 4, 44)
    assert images.page("ann", 1, 3) == ([saved[3], saved[2], saved[1]], 4)
    assert images.page("ann", 2, 3) == ([saved[0]], 4)
    assert images.page("ann", 3, 3) == ([], 4)
    assert images.page("ann", 1, 3, "cat 2") == ([saved[2]], 1)
    assert images.page("ann", 1, 3, "_%")[1] == 4
    assert images.page("ann", 1, 3, "%_")[1] == 0  # letters, not placeholders
    save(images, job, 5)
    assert images.page("ann", 1, 3)[1] == 5
    assert [picture.index for picture in images.of_job(job.id)] == [0, 1, 2, 3, 4, 5]


def test_a_file_that_the_user_removed(images, job):
    picture = save(images, job)
    images.path(picture).unlink()
    with pytest.raises(NotFound, match="picture_gone"):
        images.content(picture)
    with pytest.raises(NotFound, match="picture_gone"):
        images.thumbnail(picture)


OUTSIDE = ["../../etc/passwd", "/etc/passwd", "outputs/../../x", "c:\\x", ""]


@pytest.mark.parametrize("path", OUTSIDE)
def test_rows_never_lead_out_of_the_data_folder(images, job, store, path):
    picture = save(images, job)
    with store.write() as connection:
        connection.execute(update(pictures).values(path=path))
    stray = images.get("ann", picture.id)
    for ask in (images.content, images.path, images.thumbnail):
        with pytest.raises(NotFound, match="picture_gone"):
            ask(stray)


def test_thumbnails_are_small_and_their_cache_may_vanish(tmp_path, images, job):
    wide = save(images, job, rgb=os.urandom(512 * 512 * 3), size=512)
    for _ in range(2):
        with Image.open(io.BytesIO(images.thumbnail(wide))) as small:
            assert (small.format, small.size) == ("WEBP", (320, 320))
        cached = list((tmp_path / "data/cache/thumbnails").rglob("*.webp"))
        assert len(cached) == 1
        shutil.rmtree(tmp_path / "data/cache")
    (tmp_path / "data/cache").write_text("no folder")
    assert images.thumbnail(wide)


def test_a_far_page_of_200000_pictures_reads_the_index_alone(store):
    """What makes it fast is checked, not the time: no step of the plan walks over rows."""
    images = ImageStore(store)
    now = datetime.now(timezone.utc)
    with store.write() as connection:
        connection.execute(
            insert(jobs).values(
                id="j", owner="ann", kind="t", request="{}", state="done", created=now
            )
        )
        row = {"job_id": "j", "owner": "ann", "state": "saved", "path": "p", "seed": 1}
        row |= {"width": 64, "height": 64, "infotext": "x", "created": now}
        rows = [{**row, "id": f"p{n}", "index": n} for n in range(500)]
        connection.execute(insert(pictures), rows)
    images.recover()  # counts them, as a server that starts does
    with asked_of(store) as asked:
        found, total = images.page("ann", 20, 24)
    assert ([picture.index for picture in found][:2], total) == ([43, 42], 500)
    lines = plans(store, asked)
    assert any("COVERING INDEX pictures_by_owner" in line for line in lines)
    assert not [line for line in lines if line.startswith("SCAN pictures")]
    with asked_of(store) as asked:
        images.page("ann", 1, 24)
    assert not any("count(" in statement for statement, _ in asked)
    # What every change of a job asks: not a word about the pictures of other jobs.
    with asked_of(store) as asked:
        assert images.saved_counts(["j", *(f"j{n}" for n in range(20))])["j"] == 500
    assert not [line for line in plans(store, asked) if "(job_id=?)" not in line]
