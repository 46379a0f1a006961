"""Pictures from addresses: only where asked for, from this machine alone in the tests, within limits."""

import io
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from PIL import Image

from convatlas.errors import ConvAtlasError, InputError
from convatlas.files import is_address, missing_words
from convatlas.studies import fetch
from convatlas.studies.fetch import fetch_all


def jpeg() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(file, "JPEG")
    return file.getvalue()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path.startswith("/to-"):
            self.send_response(302)
            self.send_header(
                "Location", {"/to-cat": "/cat", "/to-file": "file:///etc/hostname", "/to-http": "http://192.0.2.1/cat"}[path]
            )
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if path == "/404":
            self.send_error(404)
            return
        body = {"/cat": jpeg(), "/page": b"<!DOCTYPE html><title>cat</title>", "/text": b"a cat", "/short": jpeg()}.get(
            path, b"\xff\xd8\xff" + bytes(5000)
        )
        self.send_response(200)
        if path == "/short":
            self.send_header("Content-Length", str(len(body) + 10))
            self.send_header("Connection", "close")
            self.close_connection = True
        elif path == "/endless":
            self.send_header("Connection", "close")
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def test_a_picture_is_fetched_and_told_by_its_content(server: str, tmp_path: Path) -> None:
    words = [f"{server}/cat?size=large", "own.jpg", f"{server}/to-cat"]
    paths, addresses = fetch_all(words, True, tmp_path)
    assert [path.read_bytes() for path in (paths[0], paths[2])] == [jpeg(), jpeg()]
    assert paths[1] == Path("own.jpg")
    assert [addresses.get(path) for path in paths] == [words[0], None, words[2]]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/404", "the server answers 404 Not Found"), ("/page", "is a web page: give the address of the picture itself"),
        ("/text", "is neither a picture nor a film"), ("/large", "has more than 0 MiB"), ("/endless", "has more than 0 MiB"),
        ("/short", "ended after|cannot fetch"), ("/to-file", r"not https|file"), ("/to-http", "which is not https"),
    ],
)  # fmt: skip
def test_what_is_no_picture_is_refused(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, words: str
) -> None:
    monkeypatch.setattr(fetch, "MOST_BYTES", 4000)
    with pytest.raises(ConvAtlasError, match=words):
        fetch_all([server + path], True, tmp_path)


def test_slow_servers_and_none(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "MOST_SECONDS", -1.0)
    with pytest.raises(ConvAtlasError, match="takes longer than"):
        fetch_all([f"{server}/cat"], True, tmp_path)
    with pytest.raises(ConvAtlasError, match=r"cannot fetch http://127\.0\.0\.1:9/cat"):
        fetch_all(["http://127.0.0.1:9/cat"], True, tmp_path / "other")


@pytest.mark.parametrize(
    ("address", "asked", "words"),
    [
        ("https://example.com/cat.jpg", False, "is an address, and addresses are not fetched unless asked for: add --fetch"),
        ("http://example.com/cat.jpg", True, "--fetch needs an address that begins with https://"),
        ("ftp://example.com/cat.jpg", True, "--fetch needs an address that begins with https://"),
        ("file:///etc/passwd", True, "--fetch needs an address that begins with https://"),
    ],
)
def test_addresses_that_are_not_fetched(tmp_path: Path, address: str, asked: bool, words: str) -> None:
    with pytest.raises(InputError, match=words):
        fetch_all(["a.jpg", address], asked, tmp_path)
    assert not list(tmp_path.iterdir())


def test_offline_forbids_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVATLAS_OFFLINE", "1")
    with pytest.raises(InputError, match=r"CONVATLAS_OFFLINE forbids fetching https://example\.com/cat\.jpg"):
        fetch_all(["https://example.com/cat.jpg"], True, tmp_path)


def test_other_commands_know_an_address_too() -> None:
    assert is_address("HTTPS://x")
    assert not is_address("C:\\cats")
    assert not is_address("a:b/c")
    words = "https://example.com/cat.jpg is an address, and addresses are not fetched: give a file or folder"
    assert missing_words(Path("https://example.com/cat.jpg")) == words  # a Path keeps one of two slashes
    assert missing_words("cat.jpg") == "cat.jpg does not exist"
