"""Weights fetched outside the script: progress, a stop button, and an error that is shown."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cnnviz.ui import downloads
from cnnviz.zoo import ModelCard, find_card, is_ready
from tests.unit.loopback import Answer, Loopback, serving

CONTENT = bytes(range(256)) * 4000


@pytest.fixture
def server() -> Iterator[Loopback]:
    with serving({"weights.h5": Answer(CONTENT)}) as loopback:
        yield loopback


@pytest.fixture
def card(
    server: Loopback,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> ModelCard:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    return replace(
        find_card("mobilenet"),
        name=request.node.name,
        download_url=server.url("weights.h5"),
        download_hash=None,
        download_bytes=len(CONTENT),
    )


def finished(card: ModelCard) -> downloads.Job:
    job = downloads.start(card)
    assert job.thread is not None
    job.thread.join(30)
    assert not job.is_running
    return job


def test_a_download_reports_how_far_it_is_and_ends(card: ModelCard) -> None:
    job = finished(card)
    assert not job.error
    assert is_ready(card)
    assert job.progress[0] == 1
    assert "1 of 1 MB" in job.progress[1]


def test_two_visitors_share_one_download(card: ModelCard, server: Loopback) -> None:
    first, second = downloads.start(card), downloads.start(card)
    assert first is second or not first.is_running
    finished(card)
    assert server.num_requests["weights.h5"] == 1


def test_stop_ends_it_and_leaves_nothing(card: ModelCard, tmp_path: Path) -> None:
    job = downloads.Job()
    job.stop.set()
    downloads._run(card, job)
    assert "stopped" in job.error
    assert not is_ready(card)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_what_went_wrong_is_said(card: ModelCard, server: Loopback) -> None:
    server.answers["weights.h5"] = Answer(status=404)
    assert "Here without it: efficientnet-lite0" in finished(card).error
