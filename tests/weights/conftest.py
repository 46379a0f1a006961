import hashlib
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from convatlas.weights import checkpoints
from convatlas.weights.checkpoints import Checkpoint

CONTENT = random.Random(0).randbytes(2_500_000)


class Handler(BaseHTTPRequestHandler):
    """Answers each request as the next word of the server's script says; like a good server when there is none."""

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        server = self.server
        server.asked.append(self.headers.get("Range"))
        how, *more = (server.script.pop(0) if server.script else "good").split()
        body = b"?" * len(server.content) if how == "wrong" else server.content
        start = int((self.headers.get("Range") or "bytes=0-")[6:-1])
        if how.isdecimal():
            self.begin(int(how), {"Location": " ".join(more)} if more else {}, 0)
        elif how == "endless":
            self.begin(200, {}, None)
            while not server.ended.is_set():
                self.wfile.write(bytes(1 << 16))
        elif start and how in ("good", "cut", "stall", "long"):
            if start >= len(body):
                self.begin(416, {}, 0)
                return
            self.begin(206, {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"}, len(body) - start)
            self.give(body[start:], how, more)
        else:
            lies = {"long": len(body) + 1000, "short": len(body) - 1000, "huge": 10**15, "unsaid": None}
            self.begin(200, {}, lies.get(how, len(body)))
            self.give(body, how, more)

    def begin(self, status: int, headers: dict[str, str], length: int | None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def give(self, body: bytes, how: str, more: list[str]) -> None:
        self.wfile.write(body[: int(more[0])] if more else body)
        if how in ("stall", "slow"):
            self.server.ended.wait(0.4 if how == "slow" else 20)
        if how == "slow":
            self.wfile.write(body[int(more[0]) :])


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CONTENT
        self.script: list[str] = []
        self.asked: list[str | None] = []
        self.ended = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_: object) -> None:
        pass  # a client that has gone


@pytest.fixture
def server(monkeypatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.ended.set()
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache, and no torch hub."""
    for name in ("CONVATLAS_OFFLINE", "CONVATLAS_MIRROR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CONVATLAS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path / "cache" / "weights"


@pytest.fixture
def publish(server, monkeypatch) -> Callable[..., Checkpoint]:
    """Publishes bytes on the server as the only weights there are."""

    def publish(content: bytes = CONTENT, name: str = "resnet20") -> Checkpoint:
        server.content = content
        sha256 = hashlib.sha256(content).hexdigest()[:8]
        row = replace(
            checkpoints.ROWS[0],
            name=name, url=f"{server.url}/models/{name}-{sha256}.pth", sha256=sha256, mebibytes=len(content) / 2**20,
        )  # fmt: skip
        monkeypatch.setattr(checkpoints, "ROWS", (row,))
        return row

    return publish
