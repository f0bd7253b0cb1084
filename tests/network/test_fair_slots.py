"""Slots go to those who wait, in their order."""

import threading
import time

from cnnviz.network.fair_slots import FairSlots


def test_threads_that_ask_again_at_once_let_others_in_after_one_step() -> None:
    """Two threads take a slot again and again; a third waits for at most one step of them."""
    slots, stop, step_s = FairSlots(2), threading.Event(), 0.02
    entries = 0

    def work() -> None:
        nonlocal entries
        while not stop.is_set():
            with slots:
                entries += 1
                time.sleep(step_s)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    overtaken = []
    for _ in range(10):
        before = entries
        with slots:
            overtaken.append(entries - before)
    stop.set()
    for thread in threads:
        thread.join()
    assert entries > 10
    # those two who waited before, and perhaps one that came in while the count was read
    assert max(overtaken) <= 4


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
