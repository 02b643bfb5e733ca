"""Folders on the server, as an administrator's batch reads them."""

from __future__ import annotations

import pytest

from tests.hostile_pictures import gradient, saved
from webui.core.errors import InvalidRequest
from webui.services.inputs.folder import folder_inputs


def fill(folder, **files):
    folder.mkdir()
    for name, data in files.items():
        (folder / name.replace("_", ".")).write_bytes(data)
    return folder


def test_pictures_come_by_name_with_their_masks(inputs, tmp_path):
    def picture(side):
        return saved(gradient((side, 8)), "PNG")

    photos = fill(
        tmp_path / "photos", a10_png=picture(10), a2_jpg=picture(2), b_png=picture(3)[:60],
        notes_txt=b"words", c_txt=saved(gradient((4, 8)), "WEBP"),
    )  # fmt: skip
    masks = fill(tmp_path / "masks", a10_bmp=picture(30), c_png=b"\x89PNG\r\n\x1a\n")
    (photos / "below").mkdir()
    (tmp_path / "secret.png").write_bytes(picture(9))
    (photos / "out.png").symlink_to(tmp_path / "secret.png")
    (photos / "within.png").symlink_to(photos / "a10.png")
    rows = folder_inputs(inputs, "ann", photos, masks)
    seen = [(r.name, r.taken.width if r.taken else r.problem.key) for r in rows]
    assert seen == [
        ("a2.jpg", 2), ("a10.png", 10), ("b.png", "error.input_damaged"), ("c.txt", 4),
        ("out.png", "error.input_link"), ("within.png", 10),
    ]  # fmt: skip
    assert [(r.name, r.mask.width) for r in rows if r.mask] == [("a10.png", 30)]
    assert rows[3].problem.key == "error.input_damaged"  # of its mask
    assert inputs.content("ann", rows[0].taken.id)


@pytest.mark.parametrize("path", ["", "relative", "/nowhere/at/all", "file", "nul\0"])
def test_what_is_no_folder_is_told(inputs, tmp_path, monkeypatch, path):
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "relative").mkdir()
    monkeypatch.chdir(tmp_path)
    place = tmp_path / path if path == "file" else type(tmp_path)(path)
    with pytest.raises(InvalidRequest) as caught:
        folder_inputs(inputs, "ann", place)
    assert (caught.value.message.key, caught.value.message.field) == ("error.input_folder", "path")
