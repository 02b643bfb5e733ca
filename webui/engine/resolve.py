"""From a catalogue row's "package.module:function" to the function itself."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from webui.core.errors import InkstoneError


def resolve(target: str) -> Callable[..., Any]:
    """Imports the module and returns the function.

    Raises:
        InkstoneError: if there is no such module or function, naming the target.
    """
    module_name, _, function_name = target.partition(":")
    try:
        function = getattr(import_module(module_name), function_name)
    except (ImportError, AttributeError) as error:
        raise InkstoneError("error.bad_target", target=target, reason=str(error)) from error
    if not callable(function):
        raise InkstoneError("error.bad_target", target=target, reason="not callable")
    return function  # type: ignore[no-any-return]
