"""Thirty sessions on the class activation page: how long a move takes, how much memory grows.

    python benchmarks/load.py [--sessions 30] [--moves 8] [--think 2.0]

Starts the app on a free port of this machine, speaks to it as browsers do (websocket, Streamlit's
messages, fetching every image), and stops by itself. Each session moves the opacity slider with
about `think` seconds between moves; every third move asks for another class, so that evidence is
computed and not only painted. Prints one line; asserts nothing.
"""

import argparse
import asyncio
import random
import statistics
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

REPOSITORY = Path(__file__).parents[1]
PAGE = "class_activation"


@contextmanager
def running_app(port: int) -> Any:
    """Start the server, wait until it answers, stop it at the end."""
    command = [sys.executable, "-m", "cnnviz", "app", "--no-browser", "--port", str(port)]
    process = subprocess.Popen(
        command, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(1200):  # TensorFlow is loaded first
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        process.wait(10)


def memory_mb(process: subprocess.Popen) -> float:
    """Resident memory of the server."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


async def fetch(port: int, path: str) -> int:
    """Fetch an image, give its size in bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
    writer.write(request.encode())
    await writer.drain()
    size = len(await reader.read(-1))
    writer.close()
    return size


@dataclass
class Session:
    """One visitor: remembers the widgets that the page sent."""

    port: int
    number: int
    page_hash: str = ""
    fragment: str = ""
    slider: str = ""
    classes: str = ""
    options: list[str] = field(default_factory=list)
    bytes_received: int = 0

    async def until_done(self, socket: Any) -> None:
        """Read what one run of the script sends, and fetch its images."""
        addresses: list[str] = []
        while True:
            raw = await asyncio.wait_for(socket.recv(), 120)
            self.bytes_received += len(raw)
            message = ForwardMsg.FromString(raw)
            kind = message.WhichOneof("type")
            if kind == "new_session":
                self.page_hash = message.new_session.page_script_hash
            elif kind == "delta" and message.delta.HasField("new_element"):
                self._note(message.delta, addresses)
            elif kind == "script_finished":
                break
        for address in addresses:
            self.bytes_received += await fetch(self.port, address)

    def _note(self, delta: Any, addresses: list[str]) -> None:
        element = delta.new_element
        kind = element.WhichOneof("type")
        if kind == "exception":
            raise RuntimeError(element.exception.message)
        if kind == "slider" and element.slider.label == "Opacity":
            self.slider, self.fragment = element.slider.id, delta.fragment_id
        if kind == "selectbox" and element.selectbox.label == "Class":
            self.classes, self.options = element.selectbox.id, list(element.selectbox.options)
        if kind == "imgs":
            addresses += [image.url for image in element.imgs.imgs]

    async def run(self, socket: Any, opacity: float | None, class_name: str | None) -> None:
        """Ask for one run: of the page, or of its fragment after a move."""
        message = BackMsg()
        rerun = message.rerun_script
        rerun.page_script_hash = self.page_hash
        rerun.page_name = "" if self.page_hash else PAGE
        if opacity is not None:
            rerun.fragment_id = self.fragment
            widget = rerun.widget_states.widgets.add()
            widget.id = self.slider
            widget.double_array_value.data.append(opacity)
        if class_name is not None:
            widget = rerun.widget_states.widgets.add()
            widget.id, widget.string_value = self.classes, class_name
        await socket.send(message.SerializeToString())
        await self.until_done(socket)
        while not self.slider:  # the first visitor of a fresh server is sent on through app.py
            await self.until_done(socket)


async def visit(session: Session, options: argparse.Namespace, first: list, moves: list) -> None:
    """Come, look, move, with the pauses of a person."""
    rng = random.Random(session.number)
    await asyncio.sleep(rng.uniform(0, options.think))
    address = f"ws://127.0.0.1:{session.port}/_stcore/stream?page={quote(PAGE)}"
    async with websockets.connect(address, subprotocols=["streamlit"], max_size=None) as socket:
        started = time.perf_counter()
        await session.run(socket, None, None)
        first.append(time.perf_counter() - started)
        for move in range(options.moves):
            await asyncio.sleep(rng.expovariate(1 / options.think) if options.think else 0)
            other = rng.choice(session.options) if move % 3 == 2 else None
            started = time.perf_counter()
            await session.run(socket, round(rng.random() * 20) / 20, other)
            moves.append(time.perf_counter() - started)


async def all_visits(port: int, options: argparse.Namespace) -> tuple[list, list, list]:
    """Run all sessions at once; gives first looks, moves (seconds) and errors."""
    first: list[float] = []
    moves: list[float] = []
    sessions = [Session(port, number) for number in range(options.sessions)]
    visits = (visit(session, options, first, moves) for session in sessions)
    results = await asyncio.gather(*visits, return_exceptions=True)
    return first, moves, [error for error in results if isinstance(error, BaseException)]


def main() -> None:
    """Start, visit, report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=30, choices=range(1, 101), metavar="1..100")
    parser.add_argument("--moves", type=int, default=8, choices=range(1, 101), metavar="1..100")
    parser.add_argument("--think", type=float, default=2.0)
    parser.add_argument("--port", type=int, default=8599)
    options = parser.parse_args()
    with running_app(options.port) as process:
        single = argparse.Namespace(sessions=1, moves=3, think=0.0)
        asyncio.run(all_visits(options.port, single))  # load the network before measuring
        before = memory_mb(process)
        first, moves, errors = asyncio.run(all_visits(options.port, options))
        after = memory_mb(process)
    percentiles = statistics.quantiles(moves, n=100)
    print(
        f"{options.sessions} sessions, {len(moves)} moves, think {options.think} s: "
        f"first look p50 {statistics.median(first) * 1e3:.0f} ms, move p50 "
        f"{percentiles[49] * 1e3:.0f} ms, p95 {percentiles[94] * 1e3:.0f} ms, "
        f"max {max(moves) * 1e3:.0f} ms; memory {before:.0f} to {after:.0f} MB; "
        f"errors {len(errors)} {errors[:1]}"
    )


if __name__ == "__main__":
    main()
