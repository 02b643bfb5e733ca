"""Pauses after wrong guesses, and rates; the clock is the test's."""

from __future__ import annotations

from webui.services.throttle import FORGET_SECONDS, FREE_GUESSES, LONGEST_PAUSE, Rate, Throttle


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


def test_the_pause_grows_after_some_wrong_guesses_and_is_forgotten():
    clock = Clock()
    throttle = Throttle(clock=clock)
    for _ in range(FREE_GUESSES - 1):
        throttle.failed("10.0.0.1")
    assert throttle.pause("10.0.0.1") == 0
    pauses = []
    for _ in range(8):
        throttle.failed("10.0.0.1")
        pauses.append(throttle.pause("10.0.0.1"))
        clock.now += pauses[-1]
        assert throttle.pause("10.0.0.1") == 0
    assert pauses[:3] == [1, 2, 4]
    assert pauses[-1] == LONGEST_PAUSE
    assert throttle.pause("10.0.0.2") == 0
    clock.now += FORGET_SECONDS + 1
    throttle.failed("10.0.0.1")
    assert throttle.pause("10.0.0.1") == 0


def test_a_right_password_ends_it_and_a_network_of_ipv6_is_one():
    throttle = Throttle(clock=Clock())
    for number in range(FREE_GUESSES):
        throttle.failed(f"2001:db8::{number:x}")
    assert throttle.pause("2001:db8::ffff") > 0
    assert throttle.pause("2001:db8:1::1") == 0
    throttle.succeeded("2001:db8::1")
    assert throttle.pause("2001:db8::ffff") == 0


def test_a_rate_lets_a_burst_through_and_then_one_at_a_time():
    clock = Clock()
    rate = Rate(2, 5, clock=clock)
    assert [rate.take("a") for _ in range(6)] == [0, 0, 0, 0, 0, 1]
    assert rate.take("b") == 0
    clock.now += 0.5
    assert [rate.take("a"), rate.take("a")] == [0, 1]
    clock.now += 100
    assert [rate.take("a") for _ in range(6)].count(0) == 5
