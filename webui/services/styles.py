"""The styles of `styles.csv`, a file that people bring along and edit by hand.

Columns `name`, `prompt` and `negative_prompt` (older files: `text` for the prompt), in UTF-8
with a byte-order mark, as spreadsheets want it. What else is in the file stays in it: further
columns, rows without a name, rows that are too short.
"""

from __future__ import annotations

import csv
import io
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from webui.core.errors import InvalidRequest, Message, NotFound, StorageError
from webui.core.pass_fields import MAX_PROMPT_CHARACTERS
from webui.core.prompt.styles import Extracted, Style, extract, merge
from webui.core.request import SAME
from webui.core.validation import shorten
from webui.services.files import write_whole

FILE_NAME = "styles.csv"
COLUMNS = ("name", "prompt", "negative_prompt")
OLDER = {"prompt": "text"}
"""Columns by which files of old releases call ours."""

MAX_FILE_BYTES = 16 * 2**20
MAX_STYLES = 5000
MAX_NAME = 200
MAX_APPLIED = 50

PROMPTS = ("prompt", "hires_prompt")
NEGATIVES = ("negative_prompt", "hires_negative_prompt")


@dataclass(frozen=True)
class _Table:
    """The file as it was read. `damage` says why it must not be written over."""

    header: tuple[str, ...] = COLUMNS
    rows: tuple[tuple[str, ...], ...] = ()
    damage: str | None = None

    def cell(self, row: Sequence[str], column: str) -> str:
        for name in (column, OLDER.get(column, column)):
            if name in self.header:
                place = self.header.index(name)
                return row[place] if place < len(row) else ""
        return ""

    def styles(self) -> dict[str, Style]:
        """By name; of rows with the same name the last one counts."""
        named = [Style(*(self.cell(row, column) for column in COLUMNS)) for row in self.rows]
        return {style.name: style for style in named if style.name.strip()}


class StyleService:
    """Reads the file anew when it changed, and writes it whole. Thread-safe."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._seen: tuple[int, int] | None = None
        self._table = _Table()

    def list(self) -> tuple[Style, ...]:
        """All styles in the order of the file."""
        return tuple(self._read().styles().values())

    def names(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(self._read().styles())

    def save(self, style: Style) -> None:
        """Adds a style, or changes the one of that name.

        Raises:
            InvalidRequest: the name is empty, too long or not printable, or there is no room.
            StorageError: the file cannot be written, or would be damaged by it.
        """
        _check(style)
        with self._lock:
            table = self._read_now()
            known = table.styles()
            if style.name not in known and len(known) >= MAX_STYLES:
                raise InvalidRequest(Message("error.styles_full", {"high": MAX_STYLES}, "name"))
            self._write(_with(table, style))

    def delete(self, name: str) -> None:
        """Takes a style out of the file.

        Raises:
            NotFound: there is none of that name.
            StorageError: as `save`.
        """
        with self._lock:
            table = self._read_now()
            if name not in table.styles():
                raise NotFound("error.no_style", got=shorten(name))
            rows = tuple(row for row in table.rows if table.cell(row, "name") != name)
            self._write(_Table(table.header, rows, table.damage))

    def apply(self, prompt: str, negative_prompt: str, names: Iterable[str]) -> tuple[str, str]:
        """Both prompts with these styles, applied in this order.

        Raises:
            InvalidRequest: for a name that the file does not have, or too long a result.
        """
        styles = self._chosen(names)
        return (
            _merged(prompt, [style.prompt for style in styles], "prompt"),
            _merged(negative_prompt, [s.negative_prompt for s in styles], "negative_prompt"),
        )

    def merge(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Request fields in which the entry `styles`, a list of names, is worked into the prompts.

        Prompts of the hires pass get the styles as well, if there are any. What is no text is
        left for validation to refuse.

        Raises:
            InvalidRequest: as `apply`, or `styles` is no list of texts.
        """
        filled = dict(values)
        styles = self._chosen(filled.pop("styles", None) or [])
        for fields, texts in (
            (PROMPTS, [style.prompt for style in styles]),
            (NEGATIVES, [style.negative_prompt for style in styles]),
        ):
            for field in fields:
                text = SAME if filled.get(field) is None else filled[field]
                wanted = isinstance(text, str) and (field == fields[0] or text != SAME)
                if wanted and styles:
                    filled[field] = _merged(text, texts, field)
        return filled

    def extract(self, prompt: str, negative_prompt: str) -> Extracted:
        """The styles that these prompts were made with, and what is left of them without."""
        return extract(prompt, negative_prompt, self.list())

    def _chosen(self, names: object) -> tuple[Style, ...]:
        if not isinstance(names, (list, tuple)) or not all(isinstance(n, str) for n in names):
            raise InvalidRequest(Message("error.styles_list", {"got": shorten(names)}, "styles"))
        if len(names) > MAX_APPLIED:
            values = {"got": len(names), "high": MAX_APPLIED}
            raise InvalidRequest(Message("error.styles_many", values, "styles"))
        known = self._read().styles() if names else {}
        unknown = [name for name in names if name not in known]
        if unknown:
            raise InvalidRequest(*(_unknown(name, known) for name in unknown))
        return tuple(known[name] for name in names)

    def _read(self) -> _Table:
        with self._lock:
            return self._read_now()

    def _read_now(self) -> _Table:
        try:
            status = self.path.stat()
            seen = status.st_size, status.st_mtime_ns
            if seen != self._seen:
                self._table = _parse(self.path, status.st_size)
                self._seen = seen
        except FileNotFoundError:
            self._table, self._seen = _Table(), None
        except OSError as error:
            self._table, self._seen = _Table(damage=error.strerror or str(error)), None
        return self._table

    def _write(self, table: _Table) -> None:
        if table.damage is not None:
            raise StorageError("error.styles_damaged", path=self.path.name, reason=table.damage)
        text = io.StringIO()
        csv.writer(text).writerows([table.header, *table.rows])
        try:
            write_whole(self.path, text.getvalue().encode("utf-8-sig"))
        except OSError as error:
            reason = error.strerror or str(error)
            raise StorageError("error.write", path=str(self.path), reason=reason) from error
        # The clock of a file system may not tell two writes apart.
        self._seen = None


def _parse(path: Path, size: int) -> _Table:
    """Reads what can be read; raises OSError alone."""
    if size > MAX_FILE_BYTES:
        return _Table(damage=f"{size} > {MAX_FILE_BYTES} B")
    data, damage = path.read_bytes(), None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        text, damage = data.decode("utf-8-sig", "replace"), str(error)
    rows: list[tuple[str, ...]] = []
    try:
        for row in csv.reader(io.StringIO(text.replace("\0", ""), newline="")):
            rows.append(tuple(row))
    except csv.Error as error:
        damage = str(error)
    rows = [row for row in rows if row]
    if not rows:
        return _Table(damage=damage)
    header = tuple(name.strip() for name in rows[0])
    if "name" not in header:
        return _Table(damage=damage or f"name? {shorten(','.join(header))}")
    return _Table(header, tuple(rows[1:]), damage)


def _with(table: _Table, style: Style) -> _Table:
    """The table with the style in place of the last row of its name, or at the end."""
    header = list(table.header)
    for column in COLUMNS:
        if column not in header and OLDER.get(column) not in header:
            header.append(column)
    rows = list(table.rows)
    places = [i for i, row in enumerate(rows) if table.cell(row, "name") == style.name]
    old = list(rows[places[-1]]) if places else []
    new = old + [""] * (len(header) - len(old))
    for column, value in zip(
        COLUMNS, (style.name, style.prompt, style.negative_prompt), strict=True
    ):
        new[header.index(column if column in header else OLDER[column])] = value
    if places:
        rows[places[-1]] = tuple(new)
    else:
        rows.append(tuple(new))
    return _Table(tuple(header), tuple(rows), table.damage)


def _check(style: Style) -> None:
    name = style.name
    if not name.strip() or name != name.strip() or len(name) > MAX_NAME or not name.isprintable():
        values = {"got": shorten(name), "high": MAX_NAME}
        raise InvalidRequest(Message("error.style_name", values, "name"))
    for field in ("prompt", "negative_prompt"):
        text = getattr(style, field)
        if len(text) > MAX_PROMPT_CHARACTERS:
            values = {"got": len(text), "high": MAX_PROMPT_CHARACTERS}
            raise InvalidRequest(Message("error.too_long", values, field))
        if "\0" in text:
            raise InvalidRequest(Message("error.nul", {"at": text.index("\0") + 1}, field))


def _merged(text: str, pieces: Sequence[str], field: str) -> str:
    merged = merge(text, pieces, MAX_PROMPT_CHARACTERS) if pieces else text
    if merged is None:
        raise InvalidRequest(
            Message("error.styles_too_long", {"high": MAX_PROMPT_CHARACTERS}, field)
        )
    return merged


def _unknown(name: str, known: Iterable[str]) -> Message:
    near = get_close_matches(shorten(name), list(known), n=1, cutoff=0.4)
    values = {"got": shorten(name), "near": near[0] if near else ""}
    return Message("error.unknown_style" if near else "error.no_style", values, "styles")
