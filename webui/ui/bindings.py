"""Request fields and their controls, bound by name through the table of parameters.

Controls pass values on as they are: a number out of its range must reach
`webui.core.validation`, which says what is wrong at the field. So Gradio gets no bounds; the
browser's part (`assets/fields.js`) shows them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import gradio as gr
from gradio.components import Component

from webui.core.catalogue import AUTOMATIC
from webui.core.parameters import Parameter
from webui.core.request import PARAMETERS, RANDOM_SEED, SAME
from webui.core.validation import Names
from webui.ui.text import inline, t

LINES: Mapping[str, int] = MappingProxyType({"prompt": 3, "negative_prompt": 2})


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
    if parameter.name == "seed":
        return RANDOM_SEED
    if parameter.name == "checkpoint":
        return names.checkpoints[0] if names.checkpoints else None
    return parameter.default


@dataclass(frozen=True)
class Form:
    """The controls of one tab by field name."""

    controls: Mapping[str, Component]

    def __getitem__(self, name: str) -> Component:
        return self.controls[name]

    def place(self, name: str) -> None:
        """Puts a control where the page stands now."""
        render: Callable[[], object] = self.controls[name].render
        render()

    @property
    def inputs(self) -> list[Component]:
        """All controls in the order of the table: the order in which scripts see them."""
        return list(self.controls.values())

    def values(self, data: Mapping[Component, Any]) -> dict[str, Any]:
        """Request fields from what Gradio hands to a handler with a set of inputs."""
        return {name: data[control] for name, control in self.controls.items()}


def controls(names: Names, fields: Iterable[str] = PARAMETERS) -> Form:
    """Makes the controls, not yet placed: `Form.place` puts each where it belongs."""
    return Form(MappingProxyType({name: _control(PARAMETERS[name], names) for name in fields}))


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
