"""Twenty visitors watch feature visualizations: how long does everybody else wait?

    python benchmarks/watching.py [--watchers 20] [--seconds 40]

Starts the app on a free port of this machine. Each watcher opens the page of feature visualization
with a seed of its own, so that no work is shared, and draws its progress as a browser does. Beside
them one visitor loads the Gabor page again and again, and the health check is asked. Prints one
line before and one while they watch; asserts nothing.
"""

import argparse
import asyncio
import statistics
import time
import urllib.request
from typing import Any

import websockets
from load import running_app
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

GABOR, FILTERS = "gabor", "filters"


async def watch(port: int, page: str, query: str, until: float, latencies: list | None) -> int:
    """Open a page until a time comes, answer its fragments; return how often it was drawn."""
    address = f"ws://127.0.0.1:{port}/_stcore/stream?page={page}"
    async with websockets.connect(address, subprotocols=["streamlit"], max_size=None) as socket:
        message = BackMsg()
        message.rerun_script.query_string = query
        message.rerun_script.page_name = page
        started = time.perf_counter()
        await socket.send(message.SerializeToString())
        runs, fragments, drawn, page_hash = 0, {}, set(), ""
        while time.perf_counter() < until:
            now = time.perf_counter()
            due = [name for name, (_, when) in fragments.items() if when <= now]
            for name in due:
                interval, _ = fragments[name]
                fragments[name] = (interval, now + interval)
                again = BackMsg()
                again.rerun_script.fragment_id = name
                again.rerun_script.page_script_hash = page_hash
                again.rerun_script.query_string = query
                await socket.send(again.SerializeToString())
            try:
                raw = await asyncio.wait_for(socket.recv(), 0.1)
            except TimeoutError:
                continue
            received = ForwardMsg.FromString(raw)
            kind = received.WhichOneof("type")
            if kind == "new_session":
                page_hash = received.new_session.page_script_hash
                drawn = set()
            elif kind == "auto_rerun":
                rerun = received.auto_rerun
                fragments[rerun.fragment_id] = (rerun.interval, now + rerun.interval)
                drawn.add(rerun.fragment_id)
            elif kind == "script_finished":
                runs += 1
                if received.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:  # the whole page
                    fragments = {name: fragments[name] for name in drawn}
                if latencies is not None and not fragments:
                    latencies.append(time.perf_counter() - started)
                    await asyncio.sleep(0.5)
                    started = time.perf_counter()
                    await socket.send(message.SerializeToString())
        return runs


async def ask_health(port: int, until: float) -> list[float]:
    """Ask whether the server is well, twice a second; return how long it took."""
    latencies = []
    address = f"http://127.0.0.1:{port}/_stcore/health"
    while time.perf_counter() < until:
        started = time.perf_counter()
        await asyncio.to_thread(lambda: urllib.request.urlopen(address, timeout=120).read())
        latencies.append(time.perf_counter() - started)
        await asyncio.sleep(0.5)
    return latencies


async def measure(port: int, num_watchers: int, seconds: float) -> str:
    """Let so many watch for a while; return what the others noticed."""
    until = time.perf_counter() + seconds
    gabor: list[float] = []
    watchers = [
        watch(port, FILTERS, f"network=efficientnet-lite0&seed={1000 + number}", until, None)
        for number in range(num_watchers)
    ]
    results: list[Any] = await asyncio.gather(
        ask_health(port, until), watch(port, GABOR, "", until, gabor), *watchers
    )
    health, drawn = results[0], results[2:]
    slowest = max(gabor, default=float("nan"))
    usual = statistics.median(gabor) if gabor else float("nan")
    return (
        f"{num_watchers} watchers, {seconds:.0f} s: Gabor page p50 {usual * 1e3:.0f} ms, max "
        f"{slowest * 1e3:.0f} ms ({len(gabor)} loads); health check p50 "
        f"{statistics.median(health) * 1e3:.0f} ms, max {max(health) * 1e3:.0f} ms; "
        f"{sum(drawn)} progress drawings"
    )


def main() -> None:
    """Measure a quiet server, then one with watchers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--watchers", type=int, default=20, choices=range(1, 101), metavar="1..100")
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--port", type=int, default=8599)
    options = parser.parse_args()
    with running_app(options.port):
        asyncio.run(measure(options.port, 1, 15))  # load and compile before measuring
        print(asyncio.run(measure(options.port, 0, 10)))
        print(asyncio.run(measure(options.port, options.watchers, options.seconds)))


if __name__ == "__main__":
    main()
