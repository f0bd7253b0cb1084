"""A computer without data sets and without a network."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders.loopback import Loopback, serving


@pytest.fixture(autouse=True)
def empty_computer(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Path:
    """Folders of the test's own to put data into, and no network beyond this machine."""

    def connect_here_only(self: socket.socket, address: tuple[str, int]) -> None:
        assert address[0] == "127.0.0.1", f"the test must not reach {address}"
        real_connect(self, address)

    real_connect = socket.socket.connect
    monkeypatch.setattr(socket.socket, "connect", connect_here_only)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    if request.node.get_closest_marker("real_data"):
        return tmp_path
    (tmp_path / "home").mkdir()
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.setenv("CNNVIZ_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("CNNVIZ_SYSTEM_DATA_DIRS", str(tmp_path / "system"))
    return tmp_path


@pytest.fixture
def debian_folder(empty_computer: Path) -> Path:
    """Where the Debian package would put Fashion-MNIST."""
    return empty_computer / "system" / "fashion-mnist"


@pytest.fixture
def server() -> Iterator[Loopback]:
    with serving({}) as loopback:
        yield loopback
