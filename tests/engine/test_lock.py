import json
import os
import platform
import signal
import subprocess
import sys

import pytest

from convatlas.engine import lock
from convatlas.engine.lock import HOLDER, InUse, hold_folder
from convatlas.engine.recipe import Recipe
from convatlas.engine.record import Run
from convatlas.runs.training import start
from convatlas.studies.compare import Comparison
from convatlas.studies.folds import CrossValidation
from convatlas.studies.sweep import Sweep

HOLD = (
    "import sys, pathlib\n"
    "from convatlas.engine.lock import hold_folder\n"
    "with hold_folder(pathlib.Path(sys.argv[1])):\n"
    "    print('held', flush=True)\n"
    "    sys.stdin.read()\n"
)


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the test's folder."""
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_f07_a_second_process_hears_which_one_holds_the_folder(holder, tmp_path):
    words = f"{tmp_path} is in use by process {holder.pid} on {platform.node()}: wait until it has ended"
    with pytest.raises(InUse, match=words) as told, hold_folder(tmp_path):
        pass
    assert told.value.exit_code == 1
    holder.stdin.close()
    assert holder.wait() == 0
    with hold_folder(tmp_path):
        assert json.loads((tmp_path / HOLDER).read_text())["process"] == os.getpid()
    assert not list(tmp_path.iterdir())


def test_f07_a_killed_process_is_no_obstacle(holder, tmp_path):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert (tmp_path / HOLDER).exists()
    with hold_folder(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


def test_f07_workers_that_outlive_their_process_are_waited_for(tmp_path, monkeypatch):
    """They have its lock, and end when they miss it."""
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True, check=True)
    monkeypatch.setattr(lock, "PATIENCE", 0.2)
    with hold_folder(tmp_path):
        (tmp_path / HOLDER).write_text(json.dumps({"process": int(gone.stdout), "host": platform.node()}))
        asked, real = [], lock.FileLock.acquire

        def acquire(self, timeout):
            asked.append(timeout)
            return real(self, timeout)

        monkeypatch.setattr(lock.FileLock, "acquire", acquire)
        with pytest.raises(InUse), hold_folder(tmp_path):
            pass
        assert asked == [0, 0.2]


@pytest.mark.parametrize("left", ["", "{", "[1]", '{"process": "x"}'])
def test_f07_without_its_name_the_other_is_another_process(tmp_path, left):
    with hold_folder(tmp_path):
        (tmp_path / HOLDER).write_text(left)
        with pytest.raises(InUse, match="is in use by another process"), hold_folder(tmp_path):
            pass


def begin_run(folder):
    return start(Run.create(folder, Recipe()))


def begin_comparison(folder):
    folder.mkdir()
    plan = {"command": "", "seeds": [0], "recipes": [Recipe().to_json()]}
    return Comparison(folder, plan).run()


def begin_folds(folder):
    folder.mkdir()
    return CrossValidation(folder, Recipe(folds=2)).run()


def begin_sweep(folder):
    folder.mkdir()
    return Sweep(folder, {"recipe": Recipe().to_json(), "search": ["lr=0.1..0.2"], "trials": 2}).run()


@pytest.mark.parametrize("begin", [begin_run, begin_comparison, begin_folds, begin_sweep])
def test_f07_every_kind_of_training_holds_its_folder(tmp_path, begin):
    work = begin(tmp_path / "folder")
    with hold_folder(tmp_path / "folder"), pytest.raises(InUse, match=f"process {os.getpid()}"):
        next(work)
