"""The order in which work starts, on a clock set by hand."""

from cnnviz.ui.shell.job_queue import JobQueue, Ticket


class Hall:
    """A queue, its clock, and what has started so far."""

    def __init__(self, max_running: int = 2) -> None:
        self.now = 0.0
        self.started: list[str] = []
        self.queue = JobQueue(max_running, lambda: self.now)

    def come(self, name: str, cost_s: float = 10.0, owner: str = "") -> Ticket:
        ticket = Ticket(
            owner or name, cost_s, lambda: self.started.append(name), seconds_left=lambda: 4.0
        )
        self.queue.add(ticket)
        return ticket


def test_two_run_and_the_rest_starts_in_the_order_of_coming() -> None:
    hall = Hall()
    tickets = []
    for number in range(5):
        hall.now = float(number)
        tickets.append(hall.come(str(number)))
    assert hall.started == ["0", "1"]
    hall.queue.end(tickets[1])
    assert hall.started == ["0", "1", "2"]
    for ticket in tickets:
        hall.queue.end(ticket)
    assert hall.started == ["0", "1", "2", "3", "4"]


def test_short_work_overtakes_long_work_that_has_not_waited_long() -> None:
    hall = Hall(max_running=1)
    running = hall.come("running")
    long = hall.come("long", cost_s=60.0)
    short = hall.come("short", cost_s=2.0)
    hall.now = 59.0
    late = hall.come("late", cost_s=2.0)
    for ticket in (running, short, long, late):
        hall.queue.end(ticket)
    assert hall.started == ["running", "short", "long", "late"]


def test_a_stream_of_short_work_does_not_starve_the_long_work() -> None:
    hall = Hall(max_running=1)
    running = hall.come("running")
    hall.come("long", cost_s=30.0)
    for second in range(100):
        hall.now = float(second)
        following = hall.come(f"short {second}", cost_s=1.0)
        hall.queue.end(running)
        running = following
        if "long" in hall.started:
            break
    assert "long" in hall.started
    assert second <= 30


def test_one_session_runs_one_job_at_a_time() -> None:
    hall = Hall()
    first = hall.come("first", owner="a")
    hall.come("second", owner="a")
    hall.come("other", owner="b")
    assert hall.started == ["first", "other"]
    hall.queue.end(first)
    assert hall.started == ["first", "other", "second"]


def test_the_waiting_time_adds_up_what_comes_before() -> None:
    hall = Hall()
    hall.come("running 1")
    hall.come("running 2")  # both have 4 s left
    hall.now = 1.0
    first = hall.come("first", cost_s=10.0)
    second = hall.come("second", cost_s=10.0)
    third = hall.come("third", cost_s=10.0)
    assert hall.queue.place(first) == (1, 4.0)
    assert hall.queue.place(second) == (2, 4.0)
    assert hall.queue.place(third) == (3, 14.0)


def test_who_left_the_line_is_not_started() -> None:
    hall = Hall(max_running=1)
    running = hall.come("running")
    gone = hall.come("gone")
    assert hall.queue.remove(gone)
    assert not hall.queue.remove(running)
    hall.queue.end(running)
    assert hall.started == ["running"]
    assert hall.queue.place(gone) == (0, 0.0)
