"""Does another version of the package give the same bits? Trains the same recipes with both and compares figures and weights.

Runs     lenet5 and resnet20 on digits; resnet20 on 2,000 images with mixup, EMA and accumulated batches; fine-tuning with
         lp-ft from resnet20's run; two folds; a run that the old version begins, and that both continue after an interruption
Same     `metrics.json` but for times and machines, and the SHA-256 of `model.safetensors`; both versions use one thread
Usage    python bench/same_bits.py --old COMMIT [--data cifar10.npz] [--data-dir FOLDER] [--keep FOLDER]
Exit     0 if everything is equal, 1 otherwise
"""

import argparse
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

GIT = shutil.which("git") or "git"
ROOT = Path(__file__).resolve().parents[1]
VARIES = (
    "seconds",
    "time",
    "date",
    "speed",
    "per_second",
    "memory",
    "version",
    "environment",
    "path",
    "format",
    "task",
    "measures",
)
RESUME = ["train", "--resume", "--out", "resumed"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--old", required=True, help="a commit of this repository")
    parser.add_argument("--data", default="cifar10", help="color images: a set or an .npz")
    parser.add_argument("--data-dir", type=Path, help="folder that holds the data sets")
    parser.add_argument("--keep", type=Path, help="folder for the old version's runs, so that the next comparison finds them")
    options = parser.parse_args()
    folder = ["--data-dir", str(options.data_dir)] if options.data_dir else []
    steps = commands(options.data, folder)
    with tempfile.TemporaryDirectory() as place:
        old, new = (options.keep or Path(place, "old")).resolve(), Path(place, "new")
        if not (old / "complete").exists():
            train_old(options.old, Path(place, "version"), old, steps)
        new.mkdir()
        shutil.copytree(old / "interrupted", new / "resumed")
        for command in [*steps, RESUME]:
            run(ROOT, new, command)
        return compare(old, new)


def train_old(commit: str, source: Path, folder: Path, steps: list[list[str]]) -> None:
    """The same runs with the old version, and the interrupted one both as it was left and as it ended."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    subprocess.run([GIT, "-C", ROOT, "worktree", "add", "--quiet", "--detach", source, commit], check=True)
    try:
        for command in steps:
            run(source, folder, command)
        interrupt(source, folder)
        shutil.copytree(folder / "resumed", folder / "interrupted")
        run(source, folder, RESUME)
    finally:
        subprocess.run([GIT, "-C", ROOT, "worktree", "remove", "--force", source], check=True)
    (folder / "complete").touch()


def commands(data: str, folder: list[str]) -> list[list[str]]:
    """The runs, each in a folder of its name."""
    images = ["--data", data, *folder, "--limit", "2000"]
    short = ["--epochs", "2", "--batch-size", "100"]
    return [
        ["train", "lenet5", "--data", "digits", "--epochs", "3", "--out", "lenet5"],
        ["train", "resnet20", "--data", "digits", "--epochs", "2", "--out", "resnet20"],
        ["train", "resnet20", *images, *short, "--mixup", "0.2", "--ema", "0.99", "--accumulate", "2", "--out", "mixup"],
        ["tune", "resnet20", "--weights", "resnet20", *images, *short, "--strategy", "lp-ft", "--out", "lp-ft"],
        ["tune", "lenet5", "--weights", "lenet5", "--data", "digits", "--epochs", "1", "--folds", "2", "--out", "folds"],
    ]


def run(source: Path, folder: Path, command: list[str]) -> None:
    """Runs a command of one version to its end."""
    print(f"{'old' if source != ROOT else 'new'}: convatlas {' '.join(command)}", flush=True)
    subprocess.run([sys.executable, "-m", "convatlas", *command, "--quiet"], cwd=folder, env=environment(source), check=True,
                   stdout=subprocess.DEVNULL)  # fmt: skip


def interrupt(source: Path, folder: Path) -> None:
    """Begins a run, and stops it after its first epoch."""
    command = [sys.executable, "-m", "convatlas", "train", "lenet5", "--data", "digits", "--epochs", "40", "--out", "resumed"]
    begun = subprocess.Popen(command, cwd=folder, env=environment(source), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    events = folder / "resumed" / "events.jsonl"
    while begun.poll() is None and not (events.exists() and events.stat().st_size):
        time.sleep(0.02)
    begun.send_signal(signal.SIGINT)
    begun.wait()
    if (folder / "resumed" / "metrics.json").exists():
        raise SystemExit("the run ended before it could be interrupted")


def environment(source: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(source / "src"), "OMP_NUM_THREADS": "1"}


def compare(old: Path, new: Path) -> int:
    """Prints one line per run, and says how many differ."""
    differing = 0
    folders = sorted(path.parent.relative_to(old) for path in old.rglob("model.safetensors"))
    for folder in folders:
        weights = [digest(side / folder / "model.safetensors") for side in (old, new)]
        figures = [without_times(json.loads((side / folder / "metrics.json").read_text())) for side in (old, new)]
        same = weights[0] == weights[1], figures[0] == figures[1]
        differing += not all(same)
        print(f"{folder!s:16}  weights {'same' if same[0] else 'DIFFER'}  figures {'same' if same[1] else 'DIFFER'}")
        if not same[1]:
            print(*(f"  {key}: {figures[0].get(key)} → {figures[1].get(key)}" for key in sorted({*figures[0], *figures[1]})
                    if figures[0].get(key) != figures[1].get(key)), sep="\n")  # fmt: skip
    print(f"{len(folders)} runs, {differing} differ")
    return 1 if differing or not folders else 0


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def without_times(value: Any) -> Any:
    """The figures that do not depend on the hour and the machine."""
    if isinstance(value, dict):
        return {key: without_times(each) for key, each in value.items() if not any(word in key for word in VARIES)}
    return [without_times(each) for each in value] if isinstance(value, list) else value


if __name__ == "__main__":
    sys.exit(main())
