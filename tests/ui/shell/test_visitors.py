"""Bounds on visitors: how many there are, and how much they upload."""

import cv2
import numpy as np
import pytest
from starlette.exceptions import HTTPException
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFileRec
from streamlit.testing.v1 import AppTest

from cnnviz.ui.shell import server, visitors


def test_who_is_here_stays_and_who_comes_late_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    connected = {"first", "second"}
    monkeypatch.setattr(visitors, "_runs", {})
    monkeypatch.setattr(visitors, "is_connected", lambda name: name in connected)
    monkeypatch.setenv("CNNVIZ_MAX_VISITORS", "2")

    def come(name: str) -> bool:
        monkeypatch.setattr(visitors, "session", lambda: name)
        is_admitted = not visitors.is_full()
        if is_admitted:
            visitors.begin_run()
        return is_admitted

    assert come("first")
    assert come("second")
    assert come("first")
    connected.add("third")
    assert not come("third")
    connected.remove("first")
    assert come("third")
    connected.add("first")
    assert not come("first")


@pytest.mark.parametrize("written", ["", "-1", "many", "1e3"])
def test_a_bound_that_is_no_number_is_the_usual_one(
    monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    monkeypatch.setenv("CNNVIZ_MAX_VISITORS", written)
    assert visitors.max_visitors() == 300


def test_a_full_room_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visitors, "_runs", {})
    monkeypatch.setenv("CNNVIZ_MAX_VISITORS", "0")
    app = AppTest.from_file("../../../app.py", default_timeout=60).run()
    assert not app.exception
    assert [info.value for info in app.info] == [
        "The room is full: this server admits 0 people at once. Reload the page in a few minutes."
    ]


def file_of(name: str, num_bytes: int) -> UploadedFileRec:
    return UploadedFileRec(name, f"{name}.png", "image/png", bytes(num_bytes))


def test_uploads_are_bounded_for_each_visitor_and_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MAX_SESSION_BYTES", 100)
    monkeypatch.setattr(server, "MAX_UPLOADED_BYTES", 250)
    monkeypatch.setattr(MemoryUploadedFileManager, "add_file", server._add_file)
    manager = MemoryUploadedFileManager("/upload")
    manager.add_file("one", file_of("a", 60))
    with pytest.raises(HTTPException, match="Remove files"):
        manager.add_file("one", file_of("b", 60))
    manager.remove_file("one", "a")
    manager.add_file("one", file_of("b", 100))
    manager.add_file("two", file_of("c", 100))
    with pytest.raises(HTTPException, match="no room"):
        manager.add_file("three", file_of("d", 60))
    manager.remove_session_files("one")
    manager.add_file("three", file_of("d", 60))


@pytest.mark.parametrize("name", ["cat\x00.png", "\x1b[31mcat.png", "\u202egnp.png"])
def test_a_name_that_cannot_be_shown_breaks_nothing(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(MemoryUploadedFileManager, "add_file", server._add_file)
    content = cv2.imencode(".png", np.zeros((20, 30, 3), np.uint8))[1].tobytes()
    app = AppTest.from_file("../../../app.py", default_timeout=60)
    app.query_params["source"] = "upload"
    app.run()
    app.file_uploader[0].set_value((name, content, "image/png"))
    app.run()
    assert not app.exception
    assert not app.error
