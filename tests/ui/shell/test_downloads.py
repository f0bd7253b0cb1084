"""Weights fetched outside the script: progress, a stop button, and an error that is shown."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from cnnviz.ui.shell import downloads
from cnnviz.ui.shell.downloads import Wanted
from cnnviz.ui.shell.jobs import Job, Report
from cnnviz.zoo import download_weights, find_card, is_ready
from tests.builders.loopback import Answer, Loopback, serving

CONTENT = bytes(range(256)) * 4000


@pytest.fixture
def server() -> Iterator[Loopback]:
    with serving({"weights.h5": Answer(CONTENT)}) as loopback:
        yield loopback


@pytest.fixture
def wanted(
    server: Loopback,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> Wanted:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    card = replace(
        find_card("mobilenet"),
        download_url=server.url("weights.h5"),
        download_hash=None,
        download_bytes=len(CONTENT),
    )
    fetch = partial(download_weights, card)
    return Wanted(request.node.name, "weights", len(CONTENT), partial(is_ready, card), fetch)


def finished(wanted: Wanted) -> Job:
    job = downloads.start(wanted)
    job.wait(30)
    assert not job.is_running
    return job


def test_a_download_reports_how_far_it_is_and_ends(wanted: Wanted) -> None:
    job = finished(wanted)
    assert not job.error
    assert wanted.is_here()
    share, sentence = downloads.progress(job)
    assert share == 1
    assert "1 of 1 MB" in sentence


def test_two_visitors_share_one_download(wanted: Wanted, server: Loopback) -> None:
    first, second = downloads.start(wanted), downloads.start(wanted)
    assert first is second or not first.is_running
    finished(wanted)
    assert server.num_requests["weights.h5"] == 1


def test_stop_ends_it_and_leaves_nothing(wanted: Wanted, tmp_path: Path) -> None:
    begins = threading.Event()

    def work(report: Report) -> object:
        begins.wait(10)
        return wanted.fetch(on_progress=report)

    job = Job(work)
    job.stop()
    begins.set()
    job.wait(30)
    assert job.is_stopped
    assert not wanted.is_here()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_what_went_wrong_is_said(wanted: Wanted, server: Loopback) -> None:
    server.answers["weights.h5"] = Answer(status=404)
    assert "Here without it: efficientnet-lite0" in finished(wanted).error
