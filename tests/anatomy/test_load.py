import os
import subprocess
import sys
import time

import pytest

from convatlas.anatomy import load
from convatlas.anatomy.load import CoreTime


def stat(path, user, idle):
    """The first lines of /proc/stat, after so many ticks on two cores; 40 of the user's are those of guests."""
    path.write_text(f"cpu  {user} 0 0 {idle} 0 0 0 0 40 0\ncpu0 1 0 0 1 0 0 0 0 0 0\n")


@pytest.fixture
def ticking(tmp_path, monkeypatch):
    """A machine whose clock the test sets: `ticking(all cores, idle, own)`."""
    monkeypatch.setattr(load, "STAT", tmp_path / "stat")

    def at(user, idle, own):
        stat(tmp_path / "stat", user, idle)
        monkeypatch.setattr(os, "times", lambda: (own / os.sysconf("SC_CLK_TCK"), 0, 0, 0, 0))

    return at


@pytest.mark.parametrize(("busy", "own", "share"), [(150, 100, 0.25), (100, 100, 0.0), (200, 100, 0.5), (100, 101, 0.0)])
def test_others_took_what_was_busy_and_not_ours(ticking, busy, own, share):
    ticking(1000, 1000, 500)
    before = CoreTime.now()
    ticking(1000 + busy, 1000 + 200 - busy, 500 + own)
    assert before.other_load() == share


def test_no_time_has_passed(ticking):
    ticking(1000, 1000, 500)
    assert CoreTime.now().other_load() is None


def test_a_system_that_does_not_tell(tmp_path, monkeypatch):
    monkeypatch.setattr(load, "STAT", tmp_path / "none")
    assert CoreTime.now() is None


@pytest.mark.skipif(not load.STAT.exists(), reason="needs Linux")
def test_a_process_beside_us_is_seen_and_its_end_too():
    neighbor = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        time.sleep(0.1)
        before = CoreTime.now()
        assert load.ticks_of(neighbor.pid) > 0
        time.sleep(0.3)
        assert before.other_load() > 0.5 / (os.cpu_count() or 1)
    finally:
        neighbor.kill()
        neighbor.wait()
    assert load.ticks_of(neighbor.pid) == 0
