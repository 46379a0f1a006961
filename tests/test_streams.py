"""The command line on any terminal, with a reader who leaves, and stopped: a word, the right exit code, no traceback."""

import io
import json
import os
import signal
import sys
from collections.abc import Callable

import pytest

from convatlas import cli
from convatlas.files import replace_file, write_text

CONV = ("conv", "--input", "224", "--kernel", "3")


@pytest.fixture
def run(monkeypatch) -> Callable[..., int]:
    """`run(out, err, "list")` runs a command with these streams and gives its exit code."""

    def start(out: io.TextIOBase | None, err: io.TextIOBase | None, *words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["convatlas", *words])
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "stderr", err)
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code or 0

    return start


def stream(encoding: str, errors: str = "strict") -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding, errors)


def text(of: io.TextIOWrapper) -> str:
    return of.buffer.getvalue().decode(of.encoding)


@pytest.mark.parametrize(
    ("encoding", "formula"),
    [
        ("cp1252", "floor((224 + 2·0 - 1·(3 - 1) - 1)/1) + 1 = 222"),
        ("cp437", "floor((224 + 2·0 - 1·(3 - 1) - 1)/1) + 1 = 222"),
        ("ascii", "floor((224 + 2*0 - 1*(3 - 1) - 1)/1) + 1 = 222"),
        ("utf-8", "⌊(224 + 2·0 − 1·(3 − 1) − 1)/1⌋ + 1 = 222"),
    ],
)
def test_f22_what_a_terminal_lacks_is_written_in_plain_characters(run, encoding, formula):
    out = stream(encoding)
    assert run(out, stream(encoding), *CONV) == 0
    assert formula in text(out)


@pytest.mark.parametrize("words", [("--help",), ("train", "--help"), ("list",), ("data",), ("show", "lenet5")])
def test_f22_every_table_and_help_in_ascii(run, words):
    out = stream("ascii")
    assert run(out, stream("ascii"), *words) == 0
    assert text(out).strip()


def test_f23_names_in_errors_and_bytes_of_names(run):
    err = stream("ascii")
    assert run(stream("ascii"), err, "train", "lenet5", "--data", "f\u00fcr/\udcff") == 2
    err.flush()
    assert b"f\\xfcr/\xff" in err.buffer.getvalue()


def broken_pipe() -> io.TextIOWrapper:
    """A pipe without a reader."""
    reader, writer = os.pipe()
    os.close(reader)
    return open(writer, "w", encoding="utf-8")  # noqa: PTH123


@pytest.mark.parametrize("words", [("show", "lenet5"), ("list",), ("list", "--json"), ("show", "lenet5", "--csv", "-"), CONV])
def test_f63_a_reader_who_left_changes_nothing(run, words):
    err = stream("utf-8")
    with broken_pipe() as out:
        assert run(out, err, *words) == 0
    assert not text(err)


def test_f63_a_failure_stays_one_though_nobody_reads(run):
    with broken_pipe() as out, broken_pipe() as err:
        assert run(out, err, "list", "resnt18", "--json") == 2


def test_streams_that_are_closed(run):
    assert run(None, None, "list", "lenet5") == 0


def test_a_full_disk_is_named(run):
    err = stream("utf-8")
    with open("/dev/full", "w", encoding="utf-8") as out:  # noqa: PTH123
        assert run(out, err, "list") == 1
    assert "cannot write the output: No space left" in text(err)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("words", [("list",), ("list", "--json")])
def test_f46_stopping_is_said(run, request, monkeypatch, number, words):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    monkeypatch.setattr("convatlas.console.print_networks", lambda *_: os.kill(os.getpid(), number))
    out, err = stream("utf-8"), stream("utf-8")
    assert run(out, err, *words) == 130
    assert text(err) == "convatlas: stopped\n"
    assert not text(out) or json.loads(text(out)) == {"error": "stopped"}


def test_f46_what_is_kept_is_said_and_nothing_half_written_stays(run, monkeypatch, tmp_path):
    def stop(file):
        with replace_file(file) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    monkeypatch.setattr("convatlas.studies.embed.embed", lambda *words, **_: stop(words[3]))
    err = stream("utf-8")
    assert run(stream("utf-8"), err, "embed", "lenet5", "--data", "digits", "--out", str(tmp_path / "a.npz")) == 130
    assert text(err) == "convatlas: stopped, no index was written\n"
    assert not list(tmp_path.iterdir())


def test_f23_a_name_that_the_locale_cannot_have(run, monkeypatch):
    monkeypatch.setattr("convatlas.console.print_networks", lambda *_: "data/\u00fc".encode("ascii"))
    err = stream("utf-8")
    assert run(stream("utf-8"), err, "list") == 2
    assert "'data/\\xfc' is no name of a file where the locale's encoding is" in text(err)
    assert "set PYTHONUTF8=1" in text(err)


def test_f23_bytes_of_names_in_files_that_are_written(tmp_path):
    write_text(tmp_path / "a.csv", "\udcff.jpg")
    assert (tmp_path / "a.csv").read_bytes() == b"\xff.jpg"
