from __future__ import annotations

import asyncio
import threading

import pytest

from webui.services.hub import EventHub


async def take(subscription, number):
    return [await asyncio.wait_for(anext_of(subscription), 30) for _ in range(number)]


def anext_of(subscription):
    return subscription.__anext__()


def step(job="j", number=1, preview=None):
    return {"job_id": job, "step": number, "preview": preview}


def test_private_payloads_go_to_their_owner_alone():
    async def scene():
        hub = EventHub()
        ann, ben = hub.subscribe("ann"), hub.subscribe("ben")
        hub.publish("picture", {"n": 1}, owner="ann")
        hub.publish("job", {"prompt": "secret"}, owner="ann", others={"prompt": None})
        hub.publish("queue", {"queued": 0})
        seen_by_ann, seen_by_ben = await take(ann, 3), await take(ben, 2)
        assert [e.payload for e in seen_by_ann] == [{"n": 1}, {"prompt": "secret"}, {"queued": 0}]
        assert [e.payload for e in seen_by_ben] == [{"prompt": None}, {"queued": 0}]
        ids = [event.id for event in seen_by_ann]
        assert ids == sorted(set(ids))

    asyncio.run(scene())


def test_only_the_newest_step_of_a_job_waits_and_keeps_its_place_in_time():
    async def scene():
        hub = EventHub()
        browser = hub.subscribe("ann")
        hub.publish("step", step("a", 1, "picture"), owner="ann")
        hub.publish("step", step("b", 1), owner="ann")
        hub.publish("job", {"id": "a"}, owner="ann")
        for number in range(2, 50):
            hub.publish("step", step("a", number), owner="ann")
        hub.publish("job", {"id": "a", "state": "done"}, owner="ann")
        events = await take(browser, 4)
        assert [event.kind for event in events] == ["step", "job", "step", "job"]
        assert events[0].payload["job_id"] == "b"
        assert events[2].payload == step("a", 49, "picture")  # the newest preview is kept

    asyncio.run(scene())


def test_steps_that_were_read_in_time_all_arrive():
    async def scene():
        hub = EventHub()
        browser = hub.subscribe("ann")
        seen = []
        for number in range(10):
            hub.publish("step", step("a", number), owner="ann")
            seen += await take(browser, 1)
        assert [event.payload["step"] for event in seen] == list(range(10))

    asyncio.run(scene())


def test_events_from_many_threads_arrive_complete_and_in_order():
    async def scene():
        hub = EventHub()
        browser = hub.subscribe("ann")

        def talk(name):
            for number in range(200):
                hub.publish("job", {"from": name, "n": number})

        threads = [threading.Thread(target=talk, args=(name,)) for name in "abc"]
        for thread in threads:
            thread.start()
        events = await take(browser, 600)
        for thread in threads:
            thread.join()
        assert [e.id for e in events] == sorted(e.id for e in events)
        for name in "abc":
            numbers = [e.payload["n"] for e in events if e.payload["from"] == name]
            assert numbers == list(range(200))

    asyncio.run(scene())


def test_replay_after_an_id():
    async def scene():
        hub = EventHub(replay=5)
        ids = [hub.publish("job", {"n": n}) for n in range(4)]
        hub.publish("picture", {"private": True}, owner="ann")
        browser = hub.subscribe("ben", after=ids[1])
        assert browser.complete
        assert [event.payload["n"] for event in await take(browser, 2)] == [2, 3]

    asyncio.run(scene())


def test_a_gap_in_the_replay_is_told():
    async def scene():
        hub = EventHub(replay=3)
        ids = [hub.publish("job", {"n": n}) for n in range(10)]
        assert not hub.subscribe("ann", after=ids[2]).complete
        assert hub.subscribe("ann", after=ids[-1]).complete
        assert not hub.subscribe("ann", after=5).complete  # of an earlier server
        assert not hub.subscribe("ann", after=ids[-1] + 10**9).complete  # the clock went back

    asyncio.run(scene())


def test_a_browser_that_falls_behind_is_let_go_and_the_others_are_not():
    async def scene():
        hub = EventHub(subscriber_limit=10)
        slow, quick = hub.subscribe("ann"), hub.subscribe("ann")
        for number in range(12):
            hub.publish("job", {"n": number})
            await take(quick, 1)
        with pytest.raises(StopAsyncIteration):
            await slow.__anext__()
        hub.publish("job", {"n": 12})
        assert (await take(quick, 1))[0].payload == {"n": 12}

    asyncio.run(scene())


def test_close_ends_those_who_wait():
    async def scene():
        hub = EventHub()
        browser = hub.subscribe("ann")
        waiting = asyncio.ensure_future(anext_of(browser))
        await asyncio.sleep(0)
        threading.Thread(target=hub.close).start()
        with pytest.raises(StopAsyncIteration):
            await asyncio.wait_for(waiting, 30)
        async with hub.subscribe("ann") as late:
            assert [event async for event in late] == []

    asyncio.run(scene())


def test_publishing_to_a_browser_whose_loop_is_gone():
    hub = EventHub()

    async def leave():
        return hub.subscribe("ann")

    subscription = asyncio.run(leave())
    hub.publish("job", {"n": 1})
    hub.publish("job", {"n": 2})
    hub.close()
    assert subscription._closed
