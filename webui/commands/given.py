"""Settings from what the command line gives; the environment and the defaults fill the rest."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from webui.core.errors import InkstoneError
from webui.services.settings import Settings


def settings(**given: Any) -> Settings:
    """The settings with these values; None stands for "not given".

    Raises:
        InkstoneError: a value, here or in the environment, is not valid.
    """
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(map(str, first["loc"]))
        raise InkstoneError("error.settings", name=name, reason=first["msg"]) from error
