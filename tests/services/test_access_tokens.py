"""Tokens: kept as hashes, ended at once, seen by a server that runs."""

from __future__ import annotations

import pytest

from webui.core.errors import InvalidRequest, NotFound, StorageError
from webui.services.access_tokens import FILE_NAME, MAX_NOTE, MOST, AccessTokens


def test_a_token_names_its_owner_until_it_is_revoked(tmp_path):
    tokens = AccessTokens(tmp_path)
    row, text = tokens.make("bob", " for  Krita ")
    assert (row.owner, row.note) == ("bob", "for Krita")
    assert tokens.owner_of(text) == "bob"
    for wrong in (text[:-1], text + "x", text.replace("ink_", "x_"), "", "ink__", f"ink_{row.id}_"):
        assert tokens.owner_of(wrong) is None
    with pytest.raises(NotFound):
        tokens.revoke(row.id, "ann")
    tokens.revoke(row.id, "bob")
    assert tokens.owner_of(text) is None


def test_only_hashes_are_kept_in_a_file_of_the_users_own(tmp_path):
    _, text = AccessTokens(tmp_path).make("bob")
    file = tmp_path / FILE_NAME
    assert text.rsplit("_", 1)[-1] not in file.read_text()
    assert text.split("_", 2)[2] not in file.read_text()
    assert file.stat().st_mode & 0o077 == 0


def test_another_process_is_heeded_at_once(tmp_path):
    server, command_line = AccessTokens(tmp_path), AccessTokens(tmp_path)
    assert server.list() == []
    row, text = command_line.make("bob")
    assert server.owner_of(text) == "bob"
    command_line.revoke(row.id)
    assert server.owner_of(text) is None


def test_bounds_and_a_damaged_file(tmp_path):
    tokens = AccessTokens(tmp_path)
    for note in ("x" * (MAX_NOTE + 1), "a\0b"):
        with pytest.raises(InvalidRequest):
            tokens.make("bob", note)
    for _ in range(MOST):
        tokens.make("bob")
    with pytest.raises(InvalidRequest):
        tokens.make("bob")
    assert tokens.make("ann")
    (tmp_path / FILE_NAME).write_text("{")
    with pytest.raises(StorageError):
        tokens.list()
