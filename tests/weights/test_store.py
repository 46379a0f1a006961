"""Fetching from a server that truncates, stalls, lies and fails."""

import errno
import hashlib
import os
import resource
import shutil
import ssl
import subprocess
import sys
import threading
from collections import namedtuple
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from filelock import FileLock

from convatlas.errors import ConvAtlasError, InputError
from convatlas.models import create_model
from convatlas.weights import store
from convatlas.weights.download import NetworkError, Part, Patience, download, ignore_progress, is_safe
from convatlas.weights.store import copies_on_disk, fetch, path, source

HASTY = Patience(stall=0.2, tries=3, pause=0.001)


@pytest.fixture
def row(publish):
    return publish()


def get(row, watch=ignore_progress) -> bytes:
    """Fetches, and looks that nothing but the file and the lock is left."""
    place = fetch(row, watch, HASTY)
    assert place == path(row)
    assert {p.name for p in place.parent.iterdir()} <= {row.file, f".{row.file}.lock"}
    return place.read_bytes()


def part_of(row) -> Path:
    place = path(row).with_name(f"{row.file}.part")
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


@pytest.mark.parametrize(
    ("script", "asked"),
    [
        ([], [None]),
        (["unsaid"], [None]),
        (["302 /elsewhere"], [None, None]),
        (["cut 1000000"], [None, "bytes=1000000-"]),
        (["cut 0", "cut 5", "good"], [None, None, "bytes=5-"]),
        (["stall 1000000"], [None, "bytes=1000000-"]),
        (["cut 1000", "whole"], [None, "bytes=1000-"]),  # the second answer ignores the range
        (["unsaid 1000000", "good"], None),  # cut, but nobody can know
        (["500", "503", "good"], [None, None, None]),
        (["429", "cut 7"], [None, None, "bytes=7-"]),
        (["cut 7", "408"], [None, "bytes=7-", "bytes=7-"]),
        (["long"], [None]),  # a length beyond the end, but the hash is right
        (["cut 1200000"] * 2 + ["cut 50000"], [None, "bytes=1200000-", "bytes=2400000-", "bytes=2450000-"]),  # worth more tries
    ],
)
def test_the_file_comes_whole_in_the_end(row, server, script, asked):
    server.script = list(script)
    if asked is None:
        with pytest.raises(NetworkError, match=r"its sha256 is .* and its 1,000,000 bytes should be about 2,500,"):
            get(row)
        server.asked.clear()
        assert get(row) == server.content
        assert server.asked == [None]  # what was wrong has not been kept
        return
    assert get(row) == server.content
    assert server.asked == asked


@pytest.mark.parametrize(
    ("script", "words", "kept"),
    [
        (["404"], "the server answers 404 Not Found. Or put http", 0),
        (["403"], "403 Forbidden", 0),
        (["500"] * 3, "500 Internal Server Error, 3 times in a row", 0),
        (["stall 1000"] * 3, "fallen silent, 3 times in a row; 3,000 bytes are kept", 3000),
        (["cut 1000", "cut 0", "cut 0"], "ended after 1,000 of 2,500,000 bytes, 3 times", 1000),
        (["short"], "its 2,499,000 bytes should be about 2,5", 0),
        (["wrong"], "its sha256 is [0-9a-f]{64}, which should begin with [0-9a-f]{8}", 0),
        (["endless"], "does not end where it should", 0),
        (["huge"], "offers 1,000,000,000,000,000 bytes where about 2,5", 0),
        (["302 http://mirror.example/x"], "leads to http://mirror.example/x, which is not https", 0),
    ],
)
def test_what_cannot_be_had_is_said(row, server, script, words, kept):
    server.script = list(script)
    with pytest.raises(NetworkError, match=words) as caught:
        get(row)
    assert caught.value.exit_code == 1
    assert f"put {row.url} (2.4 MiB) as {row.file} into {store.folder()}" in str(caught.value)
    assert not path(row).exists()
    assert part_of(row).stat().st_size == kept
    server.script.clear()
    assert get(row) == server.content  # and the next call is not spoilt by it


def test_nobody_listens(row, server):
    server.shutdown()
    server.server_close()
    with pytest.raises(NetworkError, match=r"no connection \(.*refused\), 3 times in a row"):
        get(row)


def test_a_refused_certificate_is_not_asked_again(row, monkeypatch):
    error = ssl.SSLCertVerificationError("bad")
    error.verify_message = "self-signed certificate"
    asked = []

    def refuse(*_, **__):
        asked.append(1)
        raise URLError(error)

    monkeypatch.setattr("urllib.request.OpenerDirector.open", refuse)
    with pytest.raises(NetworkError, match=r"certificate is refused \(self-signed"):
        get(row)
    assert len(asked) == 1


@pytest.mark.parametrize("size", [1, 1_000_000, 2_499_999])
def test_a_run_that_was_killed_is_continued(row, server, size):
    part_of(row).write_bytes(server.content[:size])
    seen = []
    assert get(row, lambda here, total, note: seen.append((here, total, note))) == server.content
    assert server.asked == [f"bytes={size}-"]
    assert seen == sorted(seen)
    assert seen[-1] == (2_500_000, 2_500_000, "")


@pytest.mark.parametrize(("part", "asked"), [(b"x" * 1000, 2), (b"x" * 2_500_000, 2), (b"x" * 3_000_000, 2), (None, 0)])
def test_a_beginning_of_another_file_is_thrown_away(row, server, part, asked):
    part_of(row).write_bytes(server.content if part is None else part)  # None: killed just before the renaming
    assert get(row) == server.content
    assert len(server.asked) == asked


def test_the_second_call_needs_no_server_and_a_broken_file_is_replaced(row, server):
    assert get(row) == get(row)
    assert len(server.asked) == 1
    path(row).write_bytes(server.content[:-1])
    assert get(row) == server.content
    assert len(server.asked) == 2


def test_torch_hub_may_have_it(row, server, tmp_path):
    copy = tmp_path / "torch" / "hub" / "checkpoints" / row.file
    copy.parent.mkdir(parents=True)
    copy.write_bytes(server.content)
    assert fetch(row) == copy
    assert copies_on_disk(row) == [copy]
    assert not server.asked
    copy.write_bytes(b"broken")
    assert get(row) == server.content


def test_offline_says_what_to_put_where(row, server, monkeypatch, cache):
    monkeypatch.setenv("CONVATLAS_OFFLINE", "1")
    with pytest.raises(InputError, match="is not in") as caught:
        fetch(row)
    assert str(caught.value).endswith(f"put {row.url} (2.4 MiB) as {row.file} into {cache}")
    assert not cache.exists()
    cache.mkdir(parents=True)
    (cache / row.file).write_bytes(b"half")
    with pytest.raises(InputError, match="is broken, and CONVATLAS_OFFLINE forbids"):
        fetch(row)
    (cache / row.file).write_bytes(server.content)
    assert fetch(row) == cache / row.file
    assert not server.asked
    monkeypatch.setenv("CONVATLAS_OFFLINE", "0")
    assert not store.offline()


def test_a_mirror_takes_the_place_of_the_server(row, server, monkeypatch):
    monkeypatch.setenv("CONVATLAS_MIRROR", f"{server.url}/torch/")
    assert store.address(row) == f"{server.url}/torch/models/{row.file}"
    assert get(row) == server.content
    for wrong in ("http://mirror.example", "file:///etc", "mirror.example"):
        monkeypatch.setenv("CONVATLAS_MIRROR", wrong)
        with pytest.raises(InputError, match="begins with https://, got "):
            store.address(row)


def test_only_https_is_safe_but_for_this_machine():
    assert is_safe("https://a.example/b")
    assert is_safe("http://localhost:8/b")
    assert not any(
        map(is_safe, ("http://a.example/b", "http://localhost.example", "ftp://localhost/b", "file:///b", "//a", ""))
    )


def test_a_disk_without_room_is_said_before_anything_comes(row, server, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: namedtuple("Usage", "free")(1_000_000))  # noqa: PYI024
    with pytest.raises(ConvAtlasError, match=r"needs 2 MiB more in .*, which has 1 MiB left: free some space"):
        get(row)
    assert not server.asked


def test_a_disk_that_fills_on_the_way_keeps_what_it_has(row, server):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_001, limits[1]))
    try:
        with pytest.raises(
            ConvAtlasError, match=r"cannot write .*\.part: the file would be larger than this disk allows"
        ) as caught:
            get(row)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.exit_code == 1
    assert "Or put" not in str(caught.value)
    assert part_of(row).stat().st_size == 1_000_001
    assert get(row) == server.content
    assert server.asked == [None, "bytes=1000001-"]


def test_a_disk_that_takes_pieces_gets_the_rest(tmp_path, row, server):
    with Part(tmp_path / "x.part") as part:
        whole = part.file.write
        part.file = type("Slow", (), {"write": lambda _, data: whole(data[:1000]), "close": part.file.close})()
        part.write(server.content[:5500])
        assert part.size == 5500
        assert part.sha256.digest() == hashlib.sha256(server.content[:5500]).digest()


def test_a_folder_that_cannot_be_made_is_named(row, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CONVATLAS_CACHE", str(tmp_path / "file"))
    with pytest.raises(InputError, match=r"cannot write .*: (a part of the path|there is a file)"):
        fetch(row)


def test_errors_of_the_disk_are_no_errors_of_the_network(row, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EIO, "Input/output error")

    with Part(tmp_path / "x.part") as part, monkeypatch.context() as patch:
        patch.setattr(Part, "write", refuse)
        with pytest.raises(OSError, match="Input/output"):
            download(row.url, part, row, ignore_progress, HASTY)


def test_processes_at_once_fetch_once(row, server):
    server.script = ["slow 1000000"]
    script = (
        "import sys\n"
        "from convatlas.weights import checkpoints, store\n"
        f"print(store.fetch(checkpoints.Checkpoint(**{ {name: getattr(row, name) for name in row.__slots__}!r})))\n"
        "assert 'torch' not in sys.modules\n"
    )
    begin = [subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert {process.communicate(timeout=60)[0] for process in begin} == {f"{path(row)}\n"}
    assert server.asked == [None]
    assert path(row).read_bytes() == server.content


def test_who_waits_sees_how_far_it_is(row, server):
    part = part_of(row)
    part.write_bytes(server.content[:1000])
    seen, waited = [], threading.Event()

    def watch(here, size, note):
        seen.append((here, size, note))
        waited.set()

    with FileLock(part.with_name(f".{row.file}.lock")):
        thread = threading.Thread(target=get, args=(row, watch))
        thread.start()
        assert waited.wait(10)
    thread.join()
    assert seen[0] == (1000, 2_500_000, "another process fetches it")
    assert path(row).exists()


def test_folders(monkeypatch):
    home = Path("~").expanduser()
    assert store.folder() == Path(os.environ["CONVATLAS_CACHE"]) / "weights"
    monkeypatch.delenv("CONVATLAS_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert store.folder() == home / ".cache" / "convatlas" / "weights"
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert store.folder() == Path("/x/convatlas/weights")
    monkeypatch.setenv("CONVATLAS_CACHE", "~/here")
    assert store.folder() == home / "here" / "weights"


def test_a_tag_a_file_or_a_run_folder(publish, server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = create_model("resnet20")
    torch.save(model.state_dict(), tmp_path / "own.pth")
    row = publish((tmp_path / "own.pth").read_bytes())
    for tag in ("default", "imagenet1k_v1", "IMAGENET1K_V1"):
        again = create_model("resnet20", weights=tag)
        assert torch.equal(again.conv1.weight, model.conv1.weight)
    assert len(server.asked) == 1
    (tmp_path / "default").mkdir()
    assert source("resnet20", "default") == path(row)  # a folder, but of no run
    (tmp_path / "default" / "model.safetensors").touch()
    assert source("resnet20", "default") == Path("default")
    (tmp_path / "imagenet1k_v1").touch()
    assert source("resnet20", "imagenet1k_v1") == Path("imagenet1k_v1")
    for written in ("none.pth", "runs/none", Path("default")):
        assert source("resnet20", written) == Path(written)
    with pytest.raises(InputError, match=r"none\.pth does not exist: weights need a file"):
        create_model("resnet20", weights="none.pth")
    with pytest.raises(InputError, match=r"unknown weights of resnet20 'v2': there is imagenet1k_v1 \(default\); a file"):
        create_model("resnet20", weights="v2")
    with pytest.raises(
        InputError, match="lenet5 has no published weights, so it needs a file or a run folder; 1 network has some"
    ):
        create_model("lenet5", weights="best")
