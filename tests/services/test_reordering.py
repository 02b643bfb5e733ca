"""Waiting jobs change places among those of their owner."""

from __future__ import annotations

import pytest

from tests.services.conftest import a_request
from webui.core.errors import NotFound
from webui.services.job_table import JobTable


def test_a_job_moves_and_the_others_keep_their_places(store):
    table = JobTable(store)
    ann, bob = {}, {}
    for name in "abcd":
        ann[name] = table.add("ann", a_request(name), None, 10).id
        bob[name] = table.add("bob", a_request(name), None, 10).id
    letters = {job_id: name for name, job_id in [*ann.items(), *bob.items()]}

    def line(owner):
        return "".join(
            letters[job_id] for job_id in table.order() if table.get(job_id).owner == owner
        )

    owners = [table.get(job_id).owner for job_id in table.order()]
    table.move("ann", ann["d"], ann["a"])
    assert (line("ann"), line("bob")) == ("dabc", "abcd")
    table.move("ann", ann["a"], None)
    assert line("ann") == "dbca"
    table.move("ann", ann["b"], ann["b"])
    assert line("ann") == "dbca"
    assert [table.get(job_id).owner for job_id in table.order()] == owners
    for wrong in ((ann["a"], bob["a"]), (bob["a"], ann["a"]), (ann["a"], "none"), ("none", None)):
        with pytest.raises(NotFound):
            table.move("ann", *wrong)
    assert (line("ann"), line("bob")) == ("dbca", "abcd")
    assert table.claim().id in (ann["d"], bob["a"])
    running = next(j for j in (ann["d"], bob["a"]) if table.get(j).state == "running")
    with pytest.raises(NotFound):
        table.move(table.get(running).owner, running, None)
