"""What a request field tells the user interface, the REST schema, the infotext and the CLI."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from annotated_types import Ge, Le, MultipleOf
from pydantic import BaseModel

Kind = Literal["text", "integer", "number", "choice", "flag", "color"]
Group = Literal[
    "main",
    "seed",
    "hires",
    "refiner",
    "sampling",
    "guidance",
    "img2img",
    "inpaint",
    "soft",
    "outpaint",
    "tiles",
]


@dataclass(frozen=True)
class Spec:
    """The part of a field's row that its type cannot say; stands in its `Annotated`.

    `infotext`: the key in the saved text, None when the field has no key of its own there.
    `rest`: its name in the HTTP contract. `choices`: which list offers its values
    ("samplers", "schedules", "checkpoints", "vaes", "upscalers", "picture_upscalers", or one of
    the request's FIXED_CHOICES). `step`: the step of its slider. `axis`: whether a grid may vary
    it. `group`: the part of the form that it belongs to. `needs`: fields of which one must be on
    or filled for this one to matter. `shown`: whether forms and command lines offer it.
    """

    kind: Kind
    infotext: str | None = None
    rest: str | None = None
    choices: str | None = None
    step: float | None = None
    axis: bool = True
    group: Group = "main"
    needs: tuple[str, ...] = ()
    shown: bool = True


@dataclass(frozen=True)
class Parameter:
    """One row of the table of parameters: a field of the request with all that derives from it."""

    name: str
    kind: Kind
    default: Any
    minimum: float | None
    maximum: float | None
    multiple: float | None
    step: float | None
    infotext: str | None
    rest: str
    choices: str | None
    axis: bool
    group: Group
    needs: tuple[str, ...]
    shown: bool

    @property
    def label(self) -> str:
        """Key of the control's label in the catalogues."""
        return f"param.{self.name}"

    @property
    def may_be_empty(self) -> bool:
        """Whether its menu also offers SAME: "as before" or "none"."""
        return bool(self.choices) and self.default == "" and self.name != "checkpoint"

    def idle(self, values: Mapping[str, Any]) -> bool:
        """Whether none of the fields is on that this one needs; `values` by field name."""
        return bool(self.needs) and not any(values.get(name) for name in self.needs)

    @property
    def flag(self) -> str:
        """Name of the command-line flag."""
        return "--" + self.name.replace("_", "-")


def parameters_of(model: type[BaseModel]) -> Mapping[str, Parameter]:
    """Reads the table of parameters from a model whose fields are annotated with `Spec`."""
    return MappingProxyType({name: _row(model, name) for name in model.model_fields})


def _row(model: type[BaseModel], name: str) -> Parameter:
    info = model.model_fields[name]
    spec = next(item for item in info.metadata if isinstance(item, Spec))
    low = next((item.ge for item in info.metadata if isinstance(item, Ge)), None)
    high = next((item.le for item in info.metadata if isinstance(item, Le)), None)
    multiple = next(
        (item.multiple_of for item in info.metadata if isinstance(item, MultipleOf)), None
    )
    return Parameter(
        name=name,
        kind=spec.kind,
        default=info.default,
        minimum=_number(low),
        maximum=_number(high),
        multiple=_number(multiple),
        step=spec.step if spec.step is not None else _number(multiple),
        infotext=spec.infotext,
        rest=spec.rest or name,
        choices=spec.choices,
        axis=spec.axis,
        group=spec.group,
        needs=spec.needs,
        shown=spec.shown,
    )


def _number(value: Any) -> float | None:
    return value if isinstance(value, (int, float)) else None
