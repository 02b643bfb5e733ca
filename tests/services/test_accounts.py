from __future__ import annotations

import stat

import pytest

from webui.core.errors import InkstoneError, StorageError
from webui.services.accounts import ADMIN, SESSION_SECONDS, Accounts


def test_without_accounts_everybody_administers(tmp_path):
    accounts = Accounts(tmp_path)
    assert not accounts
    assert accounts.admin("local")
    assert not accounts.check("local", "")


def test_the_made_password_works_after_a_restart_and_is_not_kept_in_the_clear(tmp_path):
    password = Accounts(tmp_path).create_admin()
    again = Accounts(tmp_path)
    assert again
    assert again.check(ADMIN, password)
    assert not again.check(ADMIN, password + "x")
    assert not again.check("other", password)
    for file in tmp_path.iterdir():
        assert password.encode() not in file.read_bytes()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_sessions_end_with_time_forgery_and_a_new_password(tmp_path):
    now = [1000.0]
    accounts = Accounts(tmp_path, clock=lambda: now[0])
    accounts.add("bob:one")
    session = accounts.session("bob")
    assert accounts.name_of(session) == "bob"
    for forged in (session[:-1], session + "0", "", "a.b.c", session.replace(".", "", 1), "é.é.é"):
        assert accounts.name_of(forged) is None
    now[0] += SESSION_SECONDS + 1
    assert accounts.name_of(session) is None
    now[0] = 1000.0
    accounts.add("bob:two")
    assert accounts.name_of(session) is None


@pytest.mark.parametrize("pair", ["", "bob", ":x", "bob:", "a" * 65 + ":x", "a\nb:x"])
def test_malformed_accounts_are_refused(tmp_path, pair):
    with pytest.raises(InkstoneError):
        Accounts(tmp_path).add(pair)


def test_damaged_accounts_do_not_open_the_door(tmp_path):
    (tmp_path / "accounts.json").write_text('[{"name": "admin"}]')
    with pytest.raises(StorageError):
        Accounts(tmp_path)


def test_the_first_account_administers(tmp_path):
    accounts = Accounts(tmp_path)
    for pair in ("ann:a", "bob:b", "ann:c"):
        accounts.add(pair)
    assert accounts.admin("ann")
    assert not accounts.admin("bob")
    assert not accounts.admin("nobody")
