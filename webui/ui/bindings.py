"""Request fields and their controls, bound by name through the table of parameters.

Gradio draws the fields that everybody sees at once; those in `FOLDS` are drawn by the browser's
part (`assets/plain.js`), because each Gradio control costs the page time before it can be used.
Their values come along with Generate as one JSON text, `Form.more`.

Controls pass values on as they are: a number out of its range must reach
`webui.core.validation`, which says what is wrong at the field. So Gradio gets no bounds; the
browser's part (`assets/fields.js`) shows them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import gradio as gr
from gradio.components import Component

from webui.core.catalogue import AUTOMATIC
from webui.core.errors import InvalidRequest, Message
from webui.core.parameters import Group, Parameter
from webui.core.request import PARAMETERS, RANDOM_SEED, SAME
from webui.core.validation import Names
from webui.ui.text import inline, t

LINES: Mapping[str, int] = MappingProxyType({"prompt": 3, "negative_prompt": 2})

RANDOM = frozenset({"seed", "variation_seed"})
"""Fields whose untouched form says "a new one each time"."""


def fields_of(group: Group) -> tuple[str, ...]:
    """The fields of a group, those to tick at its end."""
    rows = [row for row in PARAMETERS.values() if row.group == group and row.shown]
    return tuple(row.name for row in sorted(rows, key=lambda row: row.kind == "flag"))


FOLDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "hires": fields_of("hires"),
        "refiner": fields_of("refiner"),
        "seed": fields_of("seed"),
        "advanced": (
            *("clip_skip", "eta", "noise_source", "vae"),
            *fields_of("guidance"),
            *fields_of("sampling"),
        ),
    }
)
"""The sections of the form that open and close, with their fields."""

FOLDED = frozenset(name for names in FOLDS.values() for name in names)
OPEN = tuple(
    row.name
    for row in PARAMETERS.values()
    if row.shown and row.name not in FOLDED and row.group == "main"
)
"""The fields that Gradio draws."""


def element_id(name: str) -> str:
    """The id of a field's element in the page."""
    return f"ink-{name}"


def choices_of(names: Names, parameter: Parameter) -> list[str]:
    """What the field's menu offers; SAME first where the field may say "as before" or "none"."""
    offered = names.offered(parameter.choices or "")
    return [SAME, *offered] if parameter.may_be_empty else list(offered)


def menu_of(choices: Iterable[str]) -> list[tuple[str, str]]:
    """Rows of a menu: what is shown, and the value. Names stay; "Automatic" is a word."""
    return [(inline("form.automatic") if c == AUTOMATIC else c, c) for c in choices]


def initial_value(parameter: Parameter, names: Names) -> Any:
    """What an untouched form shows."""
    if parameter.name in RANDOM:
        return RANDOM_SEED
    if parameter.name == "checkpoint":
        return names.checkpoints[0] if names.checkpoints else None
    return parameter.default


@dataclass(frozen=True)
class Form:
    """The controls of one tab by field name; `more` brings what Gradio does not draw."""

    controls: Mapping[str, Component]
    more: Component

    def __getitem__(self, name: str) -> Component:
        return self.controls[name]

    def place(self, name: str) -> None:
        """Puts a control where the page stands now."""
        _render(self.controls[name])

    def place_more(self) -> None:
        """Puts `more`, which nobody sees, into the page."""
        _render(self.more)

    @property
    def inputs(self) -> list[Component]:
        """All controls in the order of the table: the order in which scripts see them."""
        return list(self.controls.values())

    def values(self, data: Mapping[Component, Any]) -> dict[str, Any]:
        """Request fields from what Gradio hands to a handler with `inputs` and `more`.

        Raises:
            InvalidRequest: `more` is not the JSON that our page sends.
        """
        values = {name: data[control] for name, control in self.controls.items()}
        return {**_more(data[self.more]), **values}


def _render(control: Component) -> None:
    render: Callable[[], object] = control.render
    render()


def _more(text: object) -> dict[str, Any]:
    """What the page says beside Gradio's controls; keys that it must not set are refused."""
    try:
        values = json.loads(str(text or "{}"))
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise InvalidRequest(Message("error.body", {"at": "more", "why": "JSON"}))
    return values


def controls(names: Names, fields: Iterable[str] = OPEN) -> Form:
    """Makes the controls, not yet placed: `Form.place` puts each where it belongs."""
    made = {name: _control(PARAMETERS[name], names) for name in fields}
    return Form(MappingProxyType(made), gr.Textbox(render=False, visible="hidden"))


def _control(parameter: Parameter, names: Names) -> Component:
    common: dict[str, Any] = {
        "label": t(parameter.label),
        "value": initial_value(parameter, names),
        "elem_id": element_id(parameter.name),
        "elem_classes": ["ink-field", f"ink-{parameter.kind}"],
        "interactive": True,
        "render": False,
        "min_width": 0,
    }
    if parameter.choices:
        menu = menu_of(choices_of(names, parameter))
        return gr.Dropdown(menu, allow_custom_value=True, **common)
    if parameter.kind == "text":
        lines = LINES.get(parameter.name, 1)
        placeholder = t(f"{parameter.label}.placeholder")
        return gr.Textbox(lines=lines, max_lines=12, placeholder=placeholder, **common)
    hint = t("form.automatic") if parameter.default is None else None
    return gr.Number(placeholder=hint, step=parameter.step or 1, **common)
