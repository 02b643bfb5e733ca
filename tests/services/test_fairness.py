from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.services.conftest import a_request
from webui.services.fairness import Waiting, fair_order
from webui.services.job_table import JobTable
from webui.services.store import Store

OWNERS = st.lists(st.sampled_from("abcde"), min_size=1, max_size=40)


def test_two_owners_take_turns():
    waiting = [Waiting(n, f"{owner}{n}", owner) for n, owner in enumerate("aaabb")]
    assert fair_order(waiting, {}) == ["a0", "b3", "a1", "b4", "a2"]


def test_owner_served_longest_ago_comes_first():
    waiting = [Waiting(1, "a1", "a"), Waiting(2, "b2", "b"), Waiting(3, "c3", "c")]
    assert fair_order(waiting, {"a": 7, "b": 9}) == ["c3", "a1", "b2"]


@given(OWNERS, st.dictionaries(st.sampled_from("abcde"), st.integers(1, 100)))
def test_nobody_waits_longer_than_a_round(owners, served):
    waiting = [Waiting(n, str(n), owner) for n, owner in enumerate(owners)]
    order = [waiting[int(job_id)] for job_id in fair_order(waiting, served)]
    assert sorted(order) == waiting
    for owner in set(owners):
        own = [place for place, job in enumerate(order) if job.owner == owner]
        assert [order[place].sequence for place in own] == sorted(order[p].sequence for p in own)
        waits = [place - before for before, place in zip([-1, *own], own, strict=False)]
        assert max(waits) <= len(set(owners))


@settings(max_examples=15, deadline=None)
@given(OWNERS, st.integers(0, 5))
def test_the_order_shown_is_the_order_kept(owners, served_before):
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        table = JobTable(store)
        for owner in owners[:served_before]:
            table.add(owner, a_request(), None, 100)
            table.claim()
        for owner in owners:
            table.add(owner, a_request(), None, 100)
        shown = table.order()
        kept = [table.claim().id for _ in owners]
        assert shown == kept
        assert table.claim() is None
        store.close()
