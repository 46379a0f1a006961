"""The command line as its own process: killed, interrupted, on a terminal, and in a hurry."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from safetensors.torch import load_file

ROOT = Path(__file__).resolve().parents[2]
RUN = (
    "train lenet5 --epochs 6 --batch-size 8 --limit 200 --device cpu --ema 0.99 --accumulate 2 --checkpoint-minutes 0.001"
).split()
ENV = os.environ | {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1", "TERM": "xterm", "COLUMNS": "200"}


def begin(folder: Path, *words: object, **given) -> subprocess.Popen:
    command = [sys.executable, "-m", "convatlas", *map(str, words)]
    return subprocess.Popen(
        command, cwd=folder, env=ENV, **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | given
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> tuple[Path, str]:
    """A run that nobody disturbs, and what it writes on a terminal."""
    folder = tmp_path_factory.mktemp("whole")
    ours, theirs = pty.openpty()
    with begin(folder, *RUN, "--out", "run", stderr=theirs, stdout=subprocess.DEVNULL, text=False) as process:
        os.close(theirs)
        said = b""
        while select.select([ours], [], [], 240)[0]:
            try:
                said += os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
        os.close(ours)
    assert process.returncode == 0, said
    return folder / "run", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said.decode(errors="replace"))


def wait_for(path: Path, process: subprocess.Popen, lines: int) -> None:
    until = time.monotonic() + 240
    while time.monotonic() < until and process.poll() is None:
        if path.exists() and path.read_text().count("\n") >= lines:
            return
        time.sleep(0.005)
    raise AssertionError(f"no {lines} epochs in time: {process.communicate()}")


def what_lasts(run: Path):
    def timeless(row: dict) -> dict:
        return {name: value for name, value in row.items() if "second" not in name and name != "other_load"}

    epochs = [timeless(json.loads(line)) for line in (run / "events.jsonl").read_text().splitlines()]
    weights = {name: tensor.numpy().tobytes() for name, tensor in load_file(run / "model.safetensors").items()}
    return timeless(json.loads((run / "metrics.json").read_text())), epochs, weights


@pytest.mark.slow
def test_kill_and_ctrl_c_change_nothing(whole, tmp_path):
    cut = tmp_path / "cut"
    with begin(tmp_path, *RUN, "--out", "cut") as killed:
        wait_for(cut / "events.jsonl", killed, 2)
        killed.kill()  # SIGKILL
    assert killed.returncode == -signal.SIGKILL
    assert not (cut / "metrics.json").exists()
    assert (cut / "state.pt").exists()
    with (cut / "events.jsonl").open("a") as file:
        file.write('{"epoch": 4, "train_l')

    with begin(tmp_path, "train", "--out", "cut", "--resume") as stopped:
        wait_for(cut / "events.jsonl", stopped, 4)
        stopped.send_signal(signal.SIGINT)
        _, err = stopped.communicate(timeout=240)
    assert stopped.returncode == 130, err
    assert "continues in epoch" in err
    assert "all saved. Continue with: convatlas train --out cut --resume" in err
    assert "Traceback" not in err

    with begin(tmp_path, "train", "--out", "cut", "--resume", "--json") as last:
        out, err = last.communicate(timeout=240)
    assert last.returncode == 0, err
    assert json.loads(out)["epochs"] == 6
    assert what_lasts(cut) == what_lasts(whole[0])


@pytest.mark.slow
def test_a_terminal_sees_images_a_second_and_the_time_left(whole):
    text = whole[1]
    assert "━" in text
    assert re.search(r"\d images/s", text)
    assert re.search(r"epoch \d+/6 +loss \d", text)
    assert re.search(r"\d:\d\d:\d\d +(0:0\d:\d\d|-:--:--)", text)


def test_nothing_heavy_for_help_and_list(cli):
    heavy = "torch torchvision lightning_fabric torchmetrics sklearn matplotlib PIL".split()
    code = f"""
import sys, time
sys.argv = ["convatlas", *sys.argv[1:]]
began = time.process_time()
try:
    from convatlas.cli import main
    main()
finally:
    print("took", time.process_time() - began, [name for name in {heavy} if name in sys.modules], file=sys.stderr)
"""
    for words, most in ((["--help"], 0.6), (["list"], 5.0), (["train", "--help"], 1.0)):
        done = subprocess.run(
            [sys.executable, "-c", code, *words],
            env=ENV, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        _, took, names = done.stderr.strip().splitlines()[-1].split(" ", 2)
        assert names == "[]", words
        assert float(took) < most, words


def test_the_module_is_the_command(cli):
    said = cli("list", "lenet5", "--json")
    assert said.returncode == 0
    assert json.loads(said.stdout)[0]["name"] == "lenet5"
    wrong = cli("list", "lenet55")
    assert (wrong.returncode, "Traceback" in wrong.stderr) == (2, False)
