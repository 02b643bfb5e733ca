"""What a merge of models is asked to do: plain data, the same for page, command and process."""

from __future__ import annotations

import math
import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from webui.core.errors import InvalidRequest, Message

Method = Literal["none", "weighted_sum", "add_difference"]
Precision = Literal["keep", "fp16", "bf16", "fp32"]
Averages = Literal["keep", "drop", "use"]
"""What becomes of the moving averages (EMA) of weights that some files hold beside the last ones:
they are kept beside them, left out, or take their places, in all models of a merge."""

LONGEST = 500
MOST_BLOCKS = 64
LOWEST_WEIGHT, HIGHEST_WEIGHT = -1.0, 2.0
"""Of a block. People push blocks a little beyond one of the models."""

NAME = re.compile(r"[^<>:\"/\\|?*]{1,120}")
RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")
SEPARATORS = re.compile(r"[,;\s]+")


class MergeOrder(BaseModel):
    """A merge by the names of the library.

    weighted_sum: A (1 - M) + B M. add_difference: A + (B - C) M. none: A, for another precision or
    VAE. `blocks`: numbers that take M's place, for IN00 to IN11, M00 and OUT00 to OUT11 (SDXL: to
    08); one more in front is `base_alpha`, which is for all but the UNet and else M. `recipe` and
    `copy_metadata` say what is written beside the weights.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str = Field(max_length=LONGEST)
    primary: str = Field(max_length=LONGEST)
    secondary: str = Field("", max_length=LONGEST)
    tertiary: str = Field("", max_length=LONGEST)
    method: Method = "weighted_sum"
    multiplier: float = Field(0.3, ge=0, le=1)
    blocks: str = Field("", max_length=2000)
    base_alpha: float | None = Field(None, ge=LOWEST_WEIGHT, le=HIGHEST_WEIGHT)
    vae: str = Field("", max_length=LONGEST)
    precision: Precision = "fp16"
    averages: Averages = "keep"
    recipe: bool = True
    copy_metadata: bool = True

    @property
    def roles(self) -> tuple[tuple[str, str], ...]:
        """(field, name) of the models that this merge takes."""
        count = {"none": 1, "weighted_sum": 2, "add_difference": 3}[self.method]
        names = (self.primary, self.secondary, self.tertiary)
        return tuple(zip(("primary", "secondary", "tertiary"), names, strict=True))[:count]


class MergeSource(BaseModel):
    """Where a model lies. `root`: the folder that links within a model's folder may lead to."""

    model_config = ConfigDict(frozen=True)

    name: str
    path: str
    kind: Literal["file", "folder"] = "file"
    root: str | None = None


class MergeJob(BaseModel):
    """All that the process that merges is told; `target` is what it writes, file or folder."""

    model_config = ConfigDict(frozen=True)

    order: MergeOrder
    models: tuple[MergeSource, ...]
    vae: MergeSource | None = None
    target: str


def check_order(order: MergeOrder) -> None:
    """Says what is wrong with an order before any file is looked at.

    Raises:
        InvalidRequest: a model or the name is missing, or the numbers of blocks are none.
    """
    problems = [
        Message("error.merge_model", {"letter": "ABC"[at]}, field)
        for at, (field, name) in enumerate(order.roles)
        if not name
    ]
    if not good_name(order.name):
        problems.append(Message("error.merge_name", {"got": order.name[:80]}, "name"))
    if problems:
        raise InvalidRequest(*problems)
    read_blocks(order.blocks)


def good_name(name: str) -> bool:
    """Whether every system takes it as the name of a file, and as one name."""
    plain = name.isprintable() and name == name.strip(" ") and name == name.strip(".")
    if not plain or RESERVED.fullmatch(name):
        return False
    return bool(NAME.fullmatch(name)) and len(name.encode("utf-8")) <= 200


def read_blocks(text: str) -> tuple[float, ...]:
    """The numbers of a text such as "0,0.25,1"; empty for an empty one.

    Raises:
        InvalidRequest: one of them is no number from -1 to 2, or there are far too many.
    """
    words = [word for word in SEPARATORS.split(text.strip()) if word]
    if len(words) > MOST_BLOCKS:
        raise _bad_block(f"{len(words)}")
    return tuple(_number(word) for word in words)


def _number(word: str) -> float:
    try:
        number = float(word)
    except ValueError as error:
        raise _bad_block(word) from error
    if not math.isfinite(number) or not LOWEST_WEIGHT <= number <= HIGHEST_WEIGHT:
        raise _bad_block(word)
    return number


def _bad_block(got: str) -> InvalidRequest:
    values = {"got": got[:40], "low": LOWEST_WEIGHT, "high": HIGHEST_WEIGHT}
    return InvalidRequest(Message("error.merge_block", values, "blocks"))
