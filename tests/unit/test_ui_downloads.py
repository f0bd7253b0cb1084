"""Weights fetched outside the script: progress, a stop button, and an error that is shown."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from cnnviz.ui import downloads
from cnnviz.ui.downloads import Job, Wanted
from cnnviz.zoo import download_weights, find_card, is_ready
from tests.unit.loopback import Answer, Loopback, serving

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
    assert job.thread is not None
    job.thread.join(30)
    assert not job.is_running
    return job


def test_a_download_reports_how_far_it_is_and_ends(wanted: Wanted) -> None:
    job = finished(wanted)
    assert not job.error
    assert wanted.is_here()
    assert job.progress[0] == 1
    assert "1 of 1 MB" in job.progress[1]


def test_two_visitors_share_one_download(wanted: Wanted, server: Loopback) -> None:
    first, second = downloads.start(wanted), downloads.start(wanted)
    assert first is second or not first.is_running
    finished(wanted)
    assert server.num_requests["weights.h5"] == 1


def test_stop_ends_it_and_leaves_nothing(wanted: Wanted, tmp_path: Path) -> None:
    job = Job()
    job.stop.set()
    job.run(wanted)
    assert "stopped" in job.error
    assert not wanted.is_here()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_what_went_wrong_is_said(wanted: Wanted, server: Loopback) -> None:
    server.answers["weights.h5"] = Answer(status=404)
    assert "Here without it: efficientnet-lite0" in finished(wanted).error
