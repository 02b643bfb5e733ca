from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webui.services.progress import ProgressMeter


def drive(meter, batches, steps, clock, seconds=1.0, decode=2.0):
    """Plays a job; yields the meter's moments with the true time each."""
    for batch in batches:
        meter.phase("denoise", batch[0], clock[0])
        for step in range(1, steps + 1):
            clock[0] += seconds
            meter.step(batch, step, steps, clock[0])
            yield meter.now, clock[0]
        meter.phase("decode", batch[0], clock[0])
        for index in batch:
            clock[0] += decode / len(batch)
            meter.settle([index], clock[0])
            yield meter.now, clock[0]


def test_progress_is_over_the_whole_job():
    meter = ProgressMeter(4, {0}, 10)
    assert meter.now.progress == pytest.approx(0.25)
    meter.step((1, 2), 5, 10, 0.0)
    assert meter.now.progress == pytest.approx(0.25 + 0.25)
    meter.step((1, 2), 10, 10, 1.0)
    assert meter.now.progress == pytest.approx(0.75)
    meter.settle([1], 2.0)
    assert meter.now.progress == pytest.approx(0.75)
    meter.settle([2], 2.0)
    assert meter.now.progress == pytest.approx(0.75)
    meter.settle([3], 3.0)
    assert meter.now.progress == 1.0


def test_the_share_of_a_model_that_is_read_is_told_until_it_is_there():
    meter = ProgressMeter(1, (), 10)
    meter.phase("load", 0, 0.0)
    assert meter.now.loaded is None
    meter.load_step(3, 4)
    assert (meter.now.loaded, meter.now.progress) == (0.75, 0.0)
    meter.phase("encode", 0, 1.0)
    assert meter.now.loaded is None


def test_eta_of_a_steady_job_is_right():
    clock = [100.0]
    meter = ProgressMeter(6, (), 20)
    moments = list(drive(meter, [(0, 1), (2, 3), (4, 5)], 20, clock))
    end = clock[0]
    assert moments[0][0].eta_seconds is None  # one step, with all its warming up, is no measure
    for now, at in moments[23:]:  # from the second batch on the time to decode is known
        assert now.eta_seconds == pytest.approx(end - at, rel=0.1, abs=2.5)
    assert moments[-1][0].eta_seconds == 0


@given(
    st.integers(1, 8),
    st.integers(1, 4),
    st.integers(1, 5),
    st.sets(st.integers(0, 7)),
)
def test_progress_never_goes_back_and_ends_at_one(total, size, steps, settled):
    settled = {index for index in settled if index < total}
    missing = [index for index in range(total) if index not in settled]
    batches = [tuple(missing[at : at + size]) for at in range(0, len(missing), size)]
    meter = ProgressMeter(total, settled, steps)
    seen = [meter.now.progress]
    seen += [now.progress for now, _ in drive(meter, batches, steps, [0.0])]
    assert seen == sorted(seen)
    assert seen[-1] == pytest.approx(1.0)


def test_skipped_pictures_count_as_over():
    meter = ProgressMeter(2, (), 10)
    meter.step((0,), 3, 10, 0.0)
    meter.settle([0], 1.0)
    assert meter.now.progress == pytest.approx(0.5)
    assert meter.now.settled == 1


def test_a_new_batch_begins_at_step_0():
    meter = ProgressMeter(2, (), 10)
    meter.step((0,), 10, 10, 0.0)
    meter.phase("decode", 0, 0.5)
    assert meter.now.step == 10
    meter.settle([0], 1.0)
    meter.phase("denoise", 1, 1.0)
    assert (meter.now.step, meter.now.progress) == (0, pytest.approx(0.5))


def test_a_step_of_the_second_pass_counts_as_much_as_its_picture_is_larger():
    """10 steps of a second each, then 5 that take 4 seconds each: 30 seconds in all."""
    meter = ProgressMeter(1, (), 10, 5, 4.0)
    at = 0.0
    meter.phase("denoise", 0, at)
    for step in range(1, 11):
        at += 1
        meter.step((0,), step, 15, at)
        assert meter.now.progress == pytest.approx(at / 30)
    assert meter.now.eta_seconds == pytest.approx(20)
    meter.phase("upscale", 0, at)
    meter.phase("hires", 0, at)
    for step in range(11, 16):
        at += 4
        meter.step((0,), step, 15, at)
        assert (meter.now.phase, meter.now.steps) == ("hires", 15)
        assert meter.now.progress == pytest.approx(at / 30)
        assert meter.now.eta_seconds == pytest.approx(30 - at)


def test_tiles_are_shares_of_their_picture():
    meter = ProgressMeter(2, (), 4)
    meter.phase("denoise", 0, 0.0)
    meter.tiles_begun(0, (1, 2, 6), 0.0)
    meter.step((0,), 2, 4, 1.0)
    assert meter.now.progress == pytest.approx(1 / 6 / 2)
    meter.phase("decode", 0, 2.0)
    meter.tiles_begun(0, (3, 4, 6), 3.0)
    assert (meter.now.phase, meter.now.step, meter.now.tiles) == ("denoise", 0, (3, 4, 6))
    assert meter.now.progress == pytest.approx(2 / 6 / 2)
    meter.settle([0], 4.0)
    meter.phase("denoise", 1, 4.0)
    assert (meter.now.tiles, meter.now.progress) == (None, 0.5)


def test_eta_of_tiles_counts_what_is_done_between_them():
    """Of 2 pictures each has 5 tiles of 3 steps, and a tile takes 2 seconds beside its steps."""
    meter = ProgressMeter(2, (), 3)
    clock, moments = 0.0, []
    for index in (0, 1):
        meter.phase("denoise", index, clock)
        for tile in range(1, 6):
            meter.tiles_begun(index, (tile, tile, 5), clock)
            for step in (1, 2, 3):
                clock += 1.0
                meter.step((index,), step, 3, clock)
                moments.append((meter.now, clock))
            meter.phase("decode", index, clock)
            clock += 2.0
        meter.settle([index], clock)
    for now, at in moments[3:]:  # from the second tile on
        assert now.eta_seconds == pytest.approx(clock - at, abs=4.5)
    progress = [now.progress for now, _ in moments]
    assert progress == sorted(progress)
