"""Settings: the command line first, then the environment, then the defaults."""

from __future__ import annotations

import pytest

from webui.commands.given import settings
from webui.core.errors import InkstoneError


def test_the_command_line_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INKSTONE_PORT", "7001")
    assert settings(port=None).port == 7001
    assert settings(port=7002).port == 7002
    monkeypatch.delenv("INKSTONE_PORT")
    assert settings().port == 7860


def test_a_bad_value_in_the_environment_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INKSTONE_PORT", "many")
    with pytest.raises(InkstoneError) as caught:
        settings()
    assert caught.value.message.key == "error.settings"
    assert caught.value.message.values["name"] == "port"
