"""The figures of docs/samplers.md, on a tiny model."""

from __future__ import annotations

from pathlib import Path

from webui.engine.convergence import measure
from webui.engine.device import cpu_device


def test_distances_shrink_with_the_steps(tiny_folder: Path) -> None:
    names = ("Euler", "Heun", "DPM++ 2M SDE", "DPM adaptive")
    rows = list(
        measure(
            tiny_folder,
            samplers=names,
            steps=(4, 12),
            reference_steps=40,
            width=64,
            height=64,
            device=cpu_device(),
        )
    )
    assert [row.sampler for row in rows] == list(names)
    assert [row.reference for row in rows[:3]] == ["DPM++ 2M", "DPM++ 2M", "DPM++ 2M SDE"]
    for row in rows[:3]:
        assert row.distances[0] > row.distances[1] > 0
    assert rows[0].calls == (4, 12)
    assert rows[1].calls == (7, 23)
    assert rows[3].calls[0] == rows[3].calls[1] > 9
