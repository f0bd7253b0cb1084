"""Slots go to those who wait, in their order."""

import threading
import time

from cnnviz.network.fair_slots import FairSlots


def wait_until_waiting(slots: FairSlots, count: int) -> None:
    deadline = time.monotonic() + 30
    while slots.num_waiting < count:
        assert time.monotonic() < deadline, "nobody queued"
        time.sleep(0.001)


def test_who_asks_again_at_once_goes_to_the_end_of_the_line() -> None:
    slots, entered = FairSlots(1), []

    def work(name: str, times: int) -> None:
        for _ in range(times):
            with slots:
                entered.append(name)

    threads = []
    with slots:
        for number, (name, times) in enumerate((("greedy", 3), ("second", 1), ("third", 1)), 1):
            thread = threading.Thread(target=work, args=(name, times))
            thread.start()
            threads.append(thread)
            wait_until_waiting(slots, number)
    for thread in threads:
        thread.join(30)
    assert entered == ["greedy", "second", "third", "greedy", "greedy"]
    assert slots.num_waiting == 0


def test_no_more_than_so_many_are_inside() -> None:
    slots, lock = FairSlots(2), threading.Lock()
    inside = most = 0

    def work() -> None:
        nonlocal inside, most
        for _ in range(50):
            with slots:
                with lock:
                    inside += 1
                    most = max(most, inside)
                time.sleep(0.0005)
                with lock:
                    inside -= 1

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 2
    with slots, slots:  # both were given back
        pass


def test_an_error_inside_gives_the_slot_back() -> None:
    slots = FairSlots(1)
    for _ in range(3):
        try:
            with slots:
                raise ValueError
        except ValueError:
            pass
    with slots:
        pass
