"""Questions about the tensors of a file, answered quickly for thousands of names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from math import prod
from operator import itemgetter
from pathlib import Path
from typing import Protocol

from webui.core.model_files.entries import Tensor
from webui.core.model_files.glance import Form

FORM = itemgetter(0, 1)


class Described(Protocol):
    """A glance, a header, or the headers of a model in several files."""

    @property
    def path(self) -> Path: ...

    @property
    def tensors(self) -> Mapping[str, Form | Tensor] | Mapping[str, Tensor]: ...

    @property
    def metadata(self) -> Mapping[str, str]: ...


class Listing:
    """The tensors of a file. Names are asked for without the `prefix`."""

    def __init__(self, tensors: Mapping[str, Form | Tensor], text: str, prefix: str = "") -> None:
        self._tensors = tensors
        self._prefix = prefix
        self._text = text

    @classmethod
    def of(cls, described: Described) -> Listing:
        """All tensors of a file."""
        tensors: Mapping[str, Form | Tensor] = {**described.tensors}
        return cls(tensors, "\n" + "\n".join(tensors) + "\n")

    def under(self, prefix: str) -> Listing:
        """The same tensors, asked for by what follows the prefix."""
        return Listing(self._tensors, self._text, self._prefix + prefix)

    def __contains__(self, name: str) -> bool:
        return self._prefix + name in self._tensors

    def __len__(self) -> int:
        return len(self._tensors)

    def names(self) -> Iterator[str]:
        """All names, with their prefixes."""
        return iter(self._tensors)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor, () if there is none of that name."""
        tensor = self._tensors.get(self._prefix + name)
        return tensor.shape if tensor is not None else ()

    def size(self, name: str, axis: int) -> int:
        """The length of one axis, 0 if there is no such tensor or axis."""
        shape = self.shape(name)
        return shape[axis] if -len(shape) <= axis < len(shape) else 0

    def any_of(self, names: Collection[str]) -> bool:
        """Whether it has a tensor of one of these names, which are whole ones."""
        return not self._tensors.keys().isdisjoint(names)

    def any_under(self, prefix: str) -> bool:
        """Whether a name begins so."""
        return f"\n{self._prefix}{prefix}" in self._text

    def any_ending(self, suffix: str) -> bool:
        """Whether a name ends so, whatever the prefix."""
        return f"{suffix}\n" in self._text

    def any_with(self, part: str) -> bool:
        """Whether a name holds this, whatever the prefix."""
        return part in self._text

    def first(self, pattern: re.Pattern[str]) -> str:
        """The first name in which the pattern is found, or "".

        A name stands between two line feeds, the only anchors: a pattern that begins with a
        literal is found ten times as fast as one with `^`. It must not take in the second one.
        """
        match = pattern.search(self._text)
        if match is None:
            return ""
        start = self._text.rfind("\n", 0, match.end()) + 1
        return self._text[start : self._text.index("\n", match.end())]

    def largest_first_axis(self, endings: tuple[str, ...]) -> int:
        """The longest axis 0 of the tensors whose names end so, 0 if there are none."""
        names = [name for name in self._tensors if name.endswith(endings)]
        # Few forms among many tensors.
        found = set(map(FORM, map(self._tensors.__getitem__, names)))
        return max((shape[0] for _, shape in found if shape), default=0)

    def count(self, form: str, start: int = 0) -> int:
        """How many of the names `form.format(start)`, `form.format(start + 1)` ... there are."""
        number = start
        while form.format(number) in self:
            number += 1
        return number - start

    def dtypes(self) -> tuple[str, ...]:
        """The types of the stored numbers, that of most bytes first."""
        sizes: Counter[str] = Counter()
        for (dtype, shape), count in Counter(map(FORM, self._tensors.values())).items():
            sizes[dtype] += prod(shape) * count
        return tuple(dtype for dtype, _ in sizes.most_common())
