from __future__ import annotations

import itertools
import threading
from collections.abc import Callable

import pytest

from amplemarket_source.api.pacing import Pacer, PacerClosedError, in_turn
from amplemarket_source.clock import Interrupted, StoppableClock
from tests.support.clock import ManualClock


def in_threads(count: int, work: Callable[[], None]) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()


def test_calls_of_many_threads_take_exactly_the_grid_and_never_share_a_slot(
    clock: ManualClock,
) -> None:
    pacer = Pacer(500, clock)
    times: list[float] = []

    def work() -> None:
        for _ in range(25):
            waited = pacer.take()
            assert waited >= 0
            times.append(clock.monotonic())

    in_threads(8, work)
    assert len(times) == 200
    assert clock.monotonic() == pytest.approx(199 * 0.12)
    # One slot, one call: what left by the time t is never more than the slots until t.
    for number, at in enumerate(sorted(times)):
        assert at >= number * 0.12 - 1e-6


def test_each_call_is_one_interval_after_the_one_before(clock: ManualClock) -> None:
    pacer = Pacer(60, clock)
    times = []
    for _ in range(5):
        pacer.take()
        times.append(clock.monotonic())
    assert [later - earlier for earlier, later in itertools.pairwise(times)] == [1, 1, 1, 1]


def test_a_call_that_is_late_by_less_than_a_slot_keeps_the_grid(clock: ManualClock) -> None:
    pacer = Pacer(60, clock)
    pacer.take()
    clock.advance(1.4)
    pacer.take()
    pacer.take()
    assert clock.monotonic() == pytest.approx(2.0)


def test_missed_slots_are_not_made_up_for_in_a_burst(clock: ManualClock) -> None:
    pacer = Pacer(60, clock)
    pacer.take()
    clock.advance(30)
    for _ in range(3):
        pacer.take()
    assert clock.monotonic() == pytest.approx(32.0)


def test_a_pause_holds_back_the_thread_that_already_waits_in_the_gate(clock: ManualClock) -> None:
    pacer = Pacer(60, clock)
    pacer.take()
    pauses = iter([lambda: pacer.pause(50)])
    clock.on_sleep = lambda: next(pauses, lambda: None)()
    pacer.take()
    assert clock.monotonic() == pytest.approx(50)


def test_a_shorter_pause_does_not_end_a_longer_one(clock: ManualClock) -> None:
    pacer = Pacer(60, clock)
    pacer.pause(40)
    pacer.pause(2)
    pacer.take()
    assert clock.monotonic() == pytest.approx(40)


def test_after_a_pause_the_calls_are_spaced_again(clock: ManualClock) -> None:
    pacer = Pacer(60, clock)
    pacer.pause(40)
    for _ in range(3):
        pacer.take()
    assert clock.monotonic() == pytest.approx(42)


def test_closing_releases_who_waits_in_a_pause(clock: ManualClock) -> None:
    pacer = Pacer(60, clock)
    pacer.pause(3600)
    clock.on_sleep = pacer.close
    with pytest.raises(PacerClosedError):
        pacer.take()
    assert clock.monotonic() <= 1


def test_a_run_that_stops_is_told_apart_from_a_pacer_that_was_closed(clock: ManualClock) -> None:
    stoppable = StoppableClock(clock)
    pacer = Pacer(60, stoppable)
    pacer.pause(3600)
    clock.on_sleep = stoppable.stop
    with pytest.raises(Interrupted):
        pacer.take()
    assert clock.monotonic() <= 1


def test_closing_ends_a_back_off(clock: ManualClock) -> None:
    pacer = Pacer(60, clock)
    clock.on_sleep = pacer.close
    pacer.sleep(60)
    assert clock.monotonic() <= 1


def test_of_those_who_wait_the_one_whose_turn_is_lowest_goes_first(clock: ManualClock) -> None:
    pacer = Pacer(60, clock)
    went: list[int] = []
    inside, all_wait = threading.Event(), threading.Event()

    def hold_the_slot() -> None:
        inside.set()
        assert all_wait.wait(10)

    def call(turn: int) -> None:
        with in_turn(turn):
            pacer.take()
        went.append(turn)

    pacer.take()
    clock.on_sleep = hold_the_slot
    threads = [threading.Thread(target=call, args=(turn,)) for turn in (9, 3, 0, 2)]
    threads[0].start()  # nobody else is there yet, so it waits for the slot, and keeps it
    assert inside.wait(10)
    for thread in threads[1:]:
        thread.start()
    while len(pacer._turnstile._waiting) < 3:
        pass
    all_wait.set()
    for thread in threads:
        thread.join(10)
    assert went == [9, 0, 2, 3]
