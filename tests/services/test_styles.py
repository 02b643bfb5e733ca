"""styles.csv: read as people have it, written without losing what is theirs."""

from __future__ import annotations

from pathlib import Path

import pytest

from webui.core.errors import InvalidRequest, NotFound, StorageError
from webui.core.prompt.styles import Style
from webui.services.styles import MAX_APPLIED, StyleService

FILE = (
    "name,prompt,negative_prompt,note\r\n"
    'oil,"in oil, ""fine""\nsecond line",photo,mine\r\n'
    ",nameless,,\r\n"
    "short\r\n"
    "\r\n"
    "oil,later,,\r\n"
    "long,a,b,c,d,e\r\n"
)


def service(folder: Path, content: str | bytes | None = FILE) -> StyleService:
    if content is not None:
        data = content.encode("utf-8-sig") if isinstance(content, str) else content
        (folder / "styles.csv").write_bytes(data)
    return StyleService(folder / "styles.csv")


def test_a_file_of_users_is_read(tmp_path: Path) -> None:
    styles = service(tmp_path).list()
    assert styles == (Style("oil", "later"), Style("short"), Style("long", "a", "b"))


def test_an_older_file_calls_the_prompt_text(tmp_path: Path) -> None:
    styles = service(tmp_path, "name,text\noil,in oil\n")
    assert styles.list() == (Style("oil", "in oil"),)
    styles.save(Style("oil", "in oils", "photo"))
    assert (tmp_path / "styles.csv").read_text("utf-8-sig").splitlines()[1] == "oil,in oils,photo"
    assert styles.list() == (Style("oil", "in oils", "photo"),)


def test_saving_and_deleting_keep_all_other_rows_and_columns(tmp_path: Path) -> None:
    styles = service(tmp_path)
    styles.save(Style("oil", "new", "n"))
    styles.save(Style("水墨", "ink", ""))
    styles.delete("short")
    styles.delete("long")
    data = (tmp_path / "styles.csv").read_bytes()
    assert data.startswith(b"\xef\xbb\xbfname,prompt,negative_prompt,note\r\n")
    text = data.decode("utf-8-sig")
    assert 'oil,"in oil, ""fine""\nsecond line",photo,mine\r\n' in text
    assert ",nameless,,\r\n" in text
    assert text.endswith("oil,new,n,\r\n水墨,ink,,\r\n")
    assert [path.name for path in tmp_path.iterdir()] == ["styles.csv"]
    assert StyleService(tmp_path / "styles.csv").list() == styles.list()


def test_there_need_not_be_a_file(tmp_path: Path) -> None:
    styles = service(tmp_path, None)
    assert styles.list() == ()
    styles.save(Style("a", "b"))
    assert styles.list() == (Style("a", "b"),)
    with pytest.raises(NotFound):
        styles.delete("c")


def test_a_change_by_hand_is_seen_at_once(tmp_path: Path) -> None:
    styles = service(tmp_path, "name,prompt\na,b\n")
    assert styles.names() == ("a",)
    (tmp_path / "styles.csv").write_text("name,prompt\na,b\nc,d\n")
    assert styles.names() == ("a", "c")


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("name,prompt\n油画风格,oil\n".encode("gb18030"), None),
        (b"title,prompt\na,b\n", ()),
        (b"name,prompt\na,b\nc," + b"x" * 200_000, ("a",)),
    ],
)
def test_a_file_that_cannot_be_read_whole_is_never_written(
    tmp_path: Path, content: bytes, names: tuple[str, ...] | None
) -> None:
    styles = service(tmp_path, content)
    assert names is None or styles.names() == names
    with pytest.raises(StorageError) as caught:
        styles.save(Style("new", "x"))
    assert caught.value.message.key == "error.styles_damaged"
    assert (tmp_path / "styles.csv").read_bytes() == content


def test_a_disk_that_refuses_leaves_the_old_file(tmp_path: Path) -> None:
    styles = service(tmp_path)
    (tmp_path / "styles.csv.part").mkdir()
    with pytest.raises(StorageError) as caught:
        styles.save(Style("a", "b"))
    assert caught.value.message.key == "error.write"
    assert (tmp_path / "styles.csv").read_bytes() == FILE.encode("utf-8-sig")


@pytest.mark.parametrize("name", ["", " ", " a", "a\n", "x" * 201, "a\0"])
def test_names_that_no_menu_can_show_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        service(tmp_path).save(Style(name))
    assert caught.value.message.field == "name"


def test_styles_are_worked_into_all_prompts_of_a_request(tmp_path: Path) -> None:
    styles = service(tmp_path, "name,prompt,negative_prompt\na,[{prompt}],x\nb,y,\n")
    merged = styles.merge({"prompt": "cat", "steps": 4, "styles": ["a", "b"]})
    assert merged == {"prompt": "[cat], y", "negative_prompt": "x", "steps": 4}
    merged = styles.merge({"hires_prompt": "dog", "hires_negative_prompt": "", "styles": ["a"]})
    assert merged["hires_prompt"] == "[dog]"
    assert merged["hires_negative_prompt"] == ""
    assert styles.merge({"negative_prompt": None, "styles": ["a"]})["negative_prompt"] == "x"
    assert styles.merge({"prompt": None}) == {"prompt": None}


@pytest.mark.parametrize(
    ("chosen", "key"),
    [
        ("a", "error.styles_list"),
        ([1], "error.styles_list"),
        (["aa"], "error.unknown_style"),
        (["nothing like it"], "error.no_style"),
        (["a"] * (MAX_APPLIED + 1), "error.styles_many"),
        (["big"] * MAX_APPLIED, "error.styles_too_long"),
    ],
)
def test_styles_that_cannot_be_applied(tmp_path: Path, chosen: object, key: str) -> None:
    styles = service(tmp_path, f"name,prompt\na,b\nbig,{'{prompt}' * 20}\n")
    with pytest.raises(InvalidRequest) as caught:
        styles.merge({"prompt": "cat", "styles": chosen})
    assert caught.value.message.key == key
