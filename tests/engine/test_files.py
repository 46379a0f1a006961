import errno
import json
import os
import resource
import signal
from pathlib import Path

import pytest
import torch

from convatlas import files
from convatlas.engine.events import Epoch
from convatlas.engine.recipe import Recipe
from convatlas.engine.record import Run, check_run_folder, free_path, images_per_second
from convatlas.engine.stop import DiskFull
from convatlas.errors import ConvAtlasError, InputError, first_line
from convatlas.files import NoRoom, make_folder, read_json, replace_file, write_json, write_text
from convatlas.runs.training import start
from convatlas.studies.compare import Comparison
from convatlas.studies.folds import CrossValidation
from convatlas.studies.sweep import Sweep


def write_half(path: Path) -> None:
    with path.open("wb") as file:
        file.writelines([b"ha", "lf"])


def test_half_a_file_is_never_seen(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "whole")
    with pytest.raises(TypeError), replace_file(path) as temporary:
        write_half(temporary)
    assert path.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [path]


def test_json_has_no_nan(tmp_path):
    write_json(tmp_path / "a.json", {"a": 1})
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"a": float("nan")})
    assert read_json(tmp_path / "a.json") == {"a": 1}


@pytest.mark.parametrize("content", [b'{"a": 1', b"", b"\xff\xfe\x00"])
def test_json_cut_short_is_named(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.json is not readable JSON.*cut short"):
        read_json(tmp_path / "a.json")
    with pytest.raises(InputError, match=r"b\.json does not exist"):
        read_json(tmp_path / "b.json")


@pytest.fixture
def run(tmp_path):
    run = Run.create(tmp_path / "run", Recipe())
    run.save_state({"epoch": 1, "model": {"w": torch.zeros(3)}})
    run.append(Epoch(1, 0.5, {"loss": None, "accuracy": None}, 0.1, 10.0, 1.0))
    return run


def intact(run: Run) -> None:
    assert run.load_state()["epoch"] == 1
    assert len(run.epochs()) == 1
    assert run.recipe == Recipe()
    assert not list(run.path.glob(".*"))


BIG = {"epoch": 2, "model": {"w": torch.zeros(100_000)}}


def test_a_full_disk_is_a_sentence_and_costs_nothing_old(run, monkeypatch):
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    for write in (lambda: run.save_state(BIG), lambda: run.finish(BIG["model"], {}, {}), lambda: run.keep_epochs(0)):
        with pytest.raises(ConvAtlasError, match=r"cannot write .*disk is full: free some space") as told:
            write()
        assert told.value.exit_code == 1
    intact(run)


@pytest.fixture
def full_disk(monkeypatch):
    """`full_disk()`: from now on nothing can be written any more."""

    def fill() -> None:
        def refuse(_: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "fsync", refuse)

    return fill


def test_f45_after_a_full_disk_the_advice_is_true(tmp_path, full_disk, monkeypatch):
    run = Run.create(tmp_path / "run", Recipe(limit=100, epochs=1, batch_size=8, device="cpu", precision="32"))
    events = start(run)
    next(events)
    full_disk()
    again = f"disk is full: free some space. Then continue with: convatlas train --out {run.path} --resume"
    with pytest.raises(DiskFull, match=again):
        list(events)
    monkeypatch.undo()
    list(start(Run.open(run.path)))
    assert run.finished


@pytest.mark.parametrize(
    ("begin", "words"),
    [
        (lambda folder: Comparison(folder, {"command": "", "seeds": [0], "recipes": [Recipe().to_json()]}), "compare"),
        (lambda folder: CrossValidation(folder, Recipe(folds=2)), "tune"),
        (lambda folder: Sweep(folder, {"recipe": Recipe().to_json(), "search": ["lr=0.1..0.2"], "trials": 2}), "sweep"),
    ],
)
def test_f45_a_full_disk_stops_a_study_and_costs_no_row(tmp_path, full_disk, begin, words):
    full_disk()
    with pytest.raises(DiskFull, match=f"continue with: convatlas {words} --out {tmp_path} --resume"):
        list(begin(tmp_path).run())


def test_f45_a_run_that_could_not_be_begun_is_not_in_the_way(tmp_path, full_disk, monkeypatch):
    full_disk()
    with pytest.raises(NoRoom, match=r"disk is full: free some space$"):
        Run.create(tmp_path / "run", Recipe())
    monkeypatch.undo()
    assert Run.create(tmp_path / "run", Recipe()).recipe == Recipe()


def test_f67_the_folder_of_a_new_run_is_looked_at_first(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is not empty and nothing is overwritten: add --resume"):
        check_run_folder(tmp_path)
    for below in (tmp_path / "file" / "run", tmp_path / "file" / "a" / "b"):
        with pytest.raises(InputError, match=r"cannot write .*: a part of the path is a file"):
            check_run_folder(below)
    check_run_folder(tmp_path / "a" / "b")
    check_run_folder(None)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(("code", "words"), [(errno.EROFS, "read-only"), (errno.EACCES, "permission denied")])
def test_f67_the_system_is_asked_whether_a_file_can_be_written(tmp_path, monkeypatch, code, words):
    def refuse(**_: object) -> None:
        raise OSError(code, "no")

    monkeypatch.setattr(files, "TemporaryFile", refuse)
    for check in (check_run_folder, files.check_is_new):
        with pytest.raises(InputError, match=f"cannot write .*new: .*{words}"):
            check(tmp_path / "new")


@pytest.fixture
def small_files():
    """No file of this process may grow past 20 kB: what the system says then comes as a full disk would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def test_a_refusal_in_the_middle_of_a_file_is_a_sentence(run, small_files):
    for write in (lambda: run.save_state(BIG), lambda: run.finish(BIG["model"], {}, {})):
        with pytest.raises(ConvAtlasError, match=r"cannot write .*(state\.pt|safetensors): .*larger than this disk allows"):
            write()
    intact(run)


@pytest.mark.parametrize(
    ("code", "words"),
    [(errno.EROFS, "read-only"), (errno.EACCES, "permission denied"), (errno.ENAMETOOLONG, "shorter")],
)
def test_a_folder_that_may_not_be_written_is_named(tmp_path, monkeypatch, code, words):
    def refuse(*_: object, **__: object) -> None:
        raise OSError(code, "no")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(InputError, match=f"cannot write .*there: .*{words}"):
        make_folder(tmp_path / "there")


def test_a_path_below_a_file_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "run", tmp_path / "file"):
        with pytest.raises(InputError):
            Run.create(path, Recipe())


def test_other_errors_of_the_system_stay_what_they_are(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(errno.EIO, "broken disk")))
    with pytest.raises(OSError, match="broken disk"):
        write_text(tmp_path / "a", "b")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("share", [0, 0.3, 0.9])
def test_a_state_cut_short_is_named(run, share):
    path = run.path / "state.pt"
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match=r"state\.pt is damaged or cut short"):
        run.load_state()


def test_a_state_that_would_need_unpickling_is_refused(run):
    torch.save({"epoch": 1, "model": run}, run.path / "state.pt")
    with pytest.raises(InputError, match="damaged"):
        run.load_state()


def test_a_torn_last_line_is_left_out(run, caplog):
    with (run.path / "events.jsonl").open("a") as file:
        file.write('{"epoch": 2, "train_l')
    assert [row["epoch"] for row in run.epochs()] == [1]
    assert "cut short" in caplog.text
    run.keep_epochs(1)
    assert (run.path / "events.jsonl").read_text().count("\n") == 1


@pytest.mark.parametrize(
    "line", ['{"epoch": null}', '{"epoch": 2, "train_loss": {}}', '{"epoch": "2"}', "[2]", "\x00", '{"epoch": 0}']
)
def test_a_line_that_no_epoch_wrote_is_left_out(run, line, caplog):
    with (run.path / "events.jsonl").open("a") as file:
        file.write(line + "\n")
    assert [row["epoch"] for row in run.epochs()] == [1]
    assert "cut short" in caplog.text


def test_what_a_library_says_is_one_short_line():
    assert first_line(ValueError("a\x1b[31m\nsecond")) == "a?[31m"
    assert first_line(EOFError()) == "EOFError"
    assert len(first_line(ValueError("x" * 1000))) < 200


@pytest.mark.parametrize("part", ["train", "val", "test"])
def test_an_environment_that_counts_with_no_numbers_is_named(run, part):
    data = {"classes": ["a"], "channels": 1, "size": [8, 8], "mean": [0.5], "std": [0.5], part: {}}
    (run.path / "env.json").write_text(json.dumps({"image_size": 8, "data": data}))
    with pytest.raises(InputError, match=rf"env\.json holds {{}} as {part}"):
        run.environment  # noqa: B018


def test_no_run_is_ever_overwritten(tmp_path, run):
    with pytest.raises(InputError, match="is not empty and nothing is overwritten: add --resume"):
        Run.create(run.path, Recipe(epochs=3))
    intact(run)
    (tmp_path / "empty").mkdir()
    assert Run.create(tmp_path / "empty", Recipe()).path.name == "empty"


def test_names_are_fresh(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first, second = Run.create(None, Recipe()).path, Run.create(None, Recipe()).path
    assert str(second) == f"{first}-2"
    assert first.name == f"lenet5-digits-s0-{Recipe().digest()}"
    assert free_path(tmp_path / "new") == tmp_path / "new"


def test_a_folder_without_a_run_is_named(tmp_path):
    with pytest.raises(InputError, match="is not a run folder"):
        Run.open(tmp_path)


def test_an_unfinished_run_has_no_figures(run):
    with pytest.raises(InputError, match=r"is unfinished: continue it with .*--resume"):
        _ = run.metrics


def test_the_pace_of_unlike_epochs_is_all_images_by_all_seconds():
    rates = [100.0, 300.0]  # 300 images take 3 s in the one epoch and 1 s in the other
    assert images_per_second(rates, alike=False) == pytest.approx(600 / 4)
    assert images_per_second(rates, alike=True) == 300
    assert images_per_second([], alike=True) is None
    assert images_per_second([], alike=False) is None
