"""Work outside the script: shared, stopped, and its mistakes kept as sentences."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
from streamlit.testing.v1 import AppTest

from cnnviz.errors import AnalysisError
from cnnviz.ui.shell import jobs, visitors
from cnnviz.ui.shell.job_queue import JobQueue


@pytest.fixture(autouse=True)
def no_jobs() -> Iterator[None]:
    jobs._jobs.clear()
    yield
    jobs._jobs.clear()


def test_a_job_reports_how_far_it_is_and_ends_with_its_value() -> None:
    go_on = threading.Event()

    def work(report: jobs.Report) -> str:
        report(1, 4)
        go_on.wait(10)
        return "done"

    job = jobs.Job(work)
    while job.progress[0] == 0:
        time.sleep(0.01)
    share, sentence = job.progress
    assert share == 0.25
    assert sentence.startswith("1 of 4, about ")
    assert job.is_running
    go_on.set()
    job.wait(10)
    assert job.value == "done"


def test_a_stopped_job_ends_at_its_next_report() -> None:
    count = 0

    def work(report: jobs.Report) -> None:
        nonlocal count
        while True:
            count += 1
            report(count, 10**9)
            time.sleep(0.001)

    job = jobs.Job(work)
    job.stop()
    job.wait(10)
    assert not job.is_running
    assert job.is_stopped


def test_what_goes_wrong_is_a_sentence() -> None:
    def work(report: jobs.Report) -> None:
        raise AnalysisError("Choose another network.")

    job = jobs.Job(work)
    job.wait(10)
    assert job.error == "Choose another network."


def page_with_a_job() -> None:
    import time

    import streamlit as st

    from cnnviz.ui.shell import jobs

    def work(report: jobs.Report) -> int:
        for i in range(60):
            report(i, 60)
            time.sleep(0.03)
        return 7

    value = jobs.result_of(("count",), "Counting", work)
    if value is not None:
        st.title(str(value))


def test_a_page_shows_progress_then_the_value_and_works_only_once() -> None:
    app = AppTest.from_function(page_with_a_job, default_timeout=30).run()
    assert not app.exception
    assert [button.label for button in app.button] == ["Stop"]
    assert not app.title
    (job,) = jobs._jobs.values()
    job.wait(20)
    app.run()
    assert app.title[0].value == "7"
    assert [*jobs._jobs.values()] == [job]


def test_a_stopped_job_can_be_tried_again() -> None:
    app = AppTest.from_function(page_with_a_job, default_timeout=30).run()
    (job,) = jobs._jobs.values()
    app.button[0].click().run()
    job.wait(10)
    app.run()
    assert app.info[0].value == "Counting: stopped."
    app.button[0].click().run()
    (again,) = jobs._jobs.values()
    assert again is not job
    again.wait(20)
    app.run()
    assert app.title[0].value == "7"


def test_stop_of_one_visitor_leaves_the_work_to_the_others() -> None:
    def work(report: jobs.Report) -> int:
        for i in range(100):
            report(i, 100)
            time.sleep(0.02)
        return 7

    job = jobs.Job(work)
    job.look("one")
    job.look("another")
    job.leave("one")
    assert not job.is_stopping
    job.leave("another")
    assert job.is_stopping
    job.wait(10)
    assert job.is_stopped


def test_who_closed_the_browser_does_not_keep_work_going(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visitors, "is_connected", lambda name: name != "closed")
    job = jobs.Job(lambda report: time.sleep(0.3))
    job.look("closed")
    job.look("open")
    job.leave("open")
    assert job.is_stopping


def endless(report: jobs.Report) -> None:
    while True:
        report(1, 1000)
        time.sleep(0.005)


def test_work_that_nobody_waits_for_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_ALONE_S", 0.2)
    connected = {"", "one"}
    monkeypatch.setattr(visitors, "is_connected", lambda name: name in connected)
    job = jobs.Job(endless, JobQueue())
    job.look("one")
    connected.remove("")  # the session that began it
    job.wait(0.6)
    assert job.is_running  # for the other one, who may look rarely
    connected.remove("one")
    job.wait(5)
    assert job.is_stopped


def test_work_that_ended_because_nobody_waited_begins_anew_for_the_next() -> None:
    app = AppTest.from_function(page_with_a_job, default_timeout=30).run()
    (job,) = jobs._jobs.values()
    job._alone_since = -1e9
    job._looked.clear()
    job.wait(10)
    assert job.is_stopped
    app.run()
    assert not app.error
    (again,) = jobs._jobs.values()
    assert again is not job
    again.wait(20)
    assert app.run().title[0].value == "7"


def test_who_moved_on_does_not_keep_work_going(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_ALONE_S", 0.2)
    job = jobs.Job(endless, JobQueue())
    job.wait(0.6)
    assert job.is_running
    visitors.begin_run()  # and asks for something else
    job.wait(5)
    assert job.is_stopped


def test_who_waits_is_told_the_place_in_line_and_can_leave_it() -> None:
    queue = JobQueue(max_running=1)
    first = jobs.Job(endless, queue, cost_s=20.0)
    second = jobs.Job(lambda report: "second", queue, cost_s=20.0)
    third = jobs.Job(lambda report: "third", queue, cost_s=21.0)
    assert second.progress[1].startswith("you are number 1 in line, about ")
    assert third.progress[1].startswith("you are number 2 in line, about ")
    second.stop()
    assert second.is_stopped
    assert not second.is_running
    assert third.progress[1].startswith("you are number 1 in line")
    first.stop()
    third.wait(10)
    assert third.value == "third"


def test_a_stopped_job_begins_anew_for_the_next_visitor() -> None:
    app = AppTest.from_function(page_with_a_job, default_timeout=30).run()
    (job,) = jobs._jobs.values()
    app.button[0].click().run()
    job.wait(10)
    other = AppTest.from_function(page_with_a_job, default_timeout=30).run()
    assert not other.info
    (again,) = jobs._jobs.values()
    again.wait(20)
    assert other.run().title[0].value == "7"


def test_only_so_many_results_are_kept() -> None:
    for i in range(jobs.MAX_JOBS + 5):
        jobs.result_of(("number", i), "Counting", lambda report, i=i: i + 1)
    assert len(jobs._jobs) <= jobs.MAX_JOBS + 1
    assert jobs.result_of(("number", jobs.MAX_JOBS + 4), "Counting", lambda report: 0) == (
        jobs.MAX_JOBS + 5
    )


READS_FOR_EVER = """
import io, time
import h5py
from h5py._objects import phil
from cnnviz.ui.shell import jobs, visitors

kept = h5py.File(io.BytesIO(), "w")  # its end wants the library's lock

def work(report):
    while True:
        with phil:
            time.sleep(0.3)
        report(0, 1)

jobs.Job(work)
time.sleep(0.5)
"""


def test_a_process_ends_although_a_job_is_reading_a_network() -> None:
    ended = subprocess.run([sys.executable, "-c", READS_FOR_EVER], timeout=60, check=False)
    assert ended.returncode == 0
