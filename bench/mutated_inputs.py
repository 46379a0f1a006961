"""Do damaged inputs end in an answer or in one sentence? Files are cut, flipped and filled with noise, and commands read them.

Usage    python bench/mutated_inputs.py [--count 1000] [--seed 0] [--kind weights,run,…] [--only NUMBER] [--keep FOLDER]
Each     runs in a process of its own with a limit on time and memory; whatever looks up code in a pickle is stopped and counted
Exit     0 if each command ended with code 0, or with one sentence and code 2; 1 otherwise, with the number to give to --only
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch: a process with threads cannot be forked

import argparse
import importlib
import io
import json
import pickle
import pkgutil
import random
import re
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

import convatlas as package
from convatlas import create_model
from convatlas.cli import main as convatlas

SECONDS = 60  # that a command may take
MEMORY = 3 << 30  # bytes that a command may take beyond what the libraries have
NETWORK = "resnet20:width=4,depths=1-1-1"
STATISTICS = "--mean 0.5,0.5,0.5 --std 0.2,0.2,0.2"
QUICK = "--limit 60 --batch-size 30 --device cpu --precision 32 --epochs 1 --threads 1"
ODD = (None, [], {}, "x", "", -1, 0, 1.5, 10**12, 1e300, True, [[1, 2]], {"a": None}, "\x1b[31m", [None])
FORBIDDEN = ("pickle.find_class", "os.system")
Outcome = tuple[str, str]  # answer, sentence or what went wrong; the sentence or the traceback


class Evil:
    """What runs a command where a plain unpickler loads it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("echo run",)


@dataclass(frozen=True, slots=True)
class Kind:
    """Whole inputs, written into the current folder, which of these files are damaged, and the commands that read them."""

    make: Callable[[], object]
    files: str  # a pattern
    commands: tuple[str, ...]  # FILE stands for the damaged one


def make_state() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return create_model(NETWORK).state_dict()


def make_picture(name: str = "a.png", seed: int = 0) -> None:
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (40, 48, 3), np.uint8)).save(name)


def make_torch_files() -> None:
    state = make_state()
    make_picture()
    torch.save(state, "w-plain.pth")
    torch.save(state, "w-legacy.pth", _use_new_zipfile_serialization=False)
    torch.save(
        {"state_dict": {f"model.{key}": value for key, value in state.items()}, "hparams": {"lr": 0.1}}, "w-lightning.ckpt"
    )
    torch.save({"net": state, "evil": Evil()}, "w-evil.pth")
    Path("w-pickle.bin").write_bytes(pickle.dumps({"net": Evil()}))


def make_safetensors() -> None:
    make_picture()
    save_file(make_state(), "w.safetensors")


def make_run() -> None:
    make_picture()
    run(f"train {NETWORK} --data digits --out run {QUICK}")


def make_index() -> None:
    make_pictures()
    run(f"train {NETWORK} --data pics --image-size 32 --out run {QUICK}")
    run("embed run --data pics --out i.npz")
    run("embed run --data pics --out i.parquet")


def make_archives() -> None:
    images, labels = np.random.default_rng(0).integers(0, 256, (40, 8, 8), np.uint8), np.arange(40) % 2
    arrays = {"x_train": images, "y_train": labels, "x_test": images, "y_test": labels}
    np.savez("set.npz", classes=np.array(["a", "b"]), **arrays)
    np.savez_compressed("set-packed.npz", **arrays)


def make_idx() -> None:
    rng = np.random.default_rng(0)
    for part in ("train", "t10k"):
        images, labels = rng.integers(0, 256, (30, 28, 28), np.uint8), np.arange(30, dtype=np.uint8) % 10
        Path(f"{part}-images-idx3-ubyte").write_bytes(
            b"\0\0\x08\x03" + np.array(images.shape, ">u4").tobytes() + images.tobytes()
        )
        Path(f"{part}-labels-idx1-ubyte").write_bytes(
            b"\0\0\x08\x01" + np.array(labels.shape, ">u4").tobytes() + labels.tobytes()
        )


def make_pictures() -> None:
    for label in ("ants", "bees"):
        Path("pics", label).mkdir(parents=True)
        for seed, ending in enumerate(("jpg", "png", "bmp", "gif", "webp", "tiff", "jpg", "png")):
            make_picture(f"pics/{label}/{seed}.{ending}", seed + 8 * (label == "ants"))
    rotated = Image.open("pics/ants/0.jpg")
    rotated.getexif()[0x0112] = 6
    rotated.save("pics/ants/turned.jpg", exif=rotated.getexif())
    Image.fromarray(np.arange(1600, dtype=np.uint16).reshape(40, 40) * 40).save("pics/bees/deep.png")
    torch.save(create_model(NETWORK, num_classes=2).state_dict(), "w.pth")


def make_table() -> None:
    make_pictures()
    rows = [f"{path.as_posix()},{path.parent.name}" for path in sorted(Path("pics").rglob("*.*"))]
    Path("labels.csv").write_text("\n".join(["path,label", *rows]), encoding="utf-8")


PREDICT = f"predict {NETWORK} a.png --weights FILE {STATISTICS}"
KINDS = {
    "weights .pth": Kind(make_torch_files, "w-*", (PREDICT,)),
    "weights .safetensors": Kind(make_safetensors, "w.safetensors", (PREDICT,)),
    "run": Kind(
        make_run,
        "run/*",
        ("predict run a.png", "evaluate run", "card run --out c.md", "schedule run --json", "train --resume --out run",
         "look run --what filters --out l", "embed run --data digits --split test --out i.npz"),
    ),
    "index": Kind(make_index, "i.*", ("cluster FILE --k 2 --out c", "search FILE pics/ants/0.jpg")),
    ".npz": Kind(
        make_archives, "*.npz", ("schedule lenet5 --data FILE --epochs 1", f"train lenet5 --data FILE --out new {QUICK}")
    ),
    "idx": Kind(make_idx, "*ubyte", ("schedule lenet5 --data mnist --data-dir . --epochs 1",)),
    "pictures": Kind(
        make_pictures,
        "pics/*/*.*",
        ("data check pics", f"predict {NETWORK} FILE --weights w.pth {STATISTICS}",
         f"predict {NETWORK} pics --weights w.pth {STATISTICS}", "schedule tinyvgg --data pics --image-size 32 --epochs 1"),
    ),
    "table": Kind(make_table, "labels.csv", ("schedule tinyvgg --data labels.csv --image-size 32 --epochs 1",)),
}  # fmt: skip


def mutate(path: Path, rng: random.Random) -> str:
    """Damages a file, and says how: its bytes, or what is within an archive or JSON, whose checksums are then right."""
    content = path.read_bytes()
    inside = {b"PK": mutate_archive, b"{": mutate_json}.get(content[:2] if content[:2] == b"PK" else content[:1])
    if inside and rng.random() < 0.5:
        how, content = inside(content, rng)
    elif path.suffix == ".safetensors" and rng.random() < 0.5:
        size = int.from_bytes(content[:8], "little")
        how, header = mutate_json(content[8 : 8 + size], rng)
        content = len(header).to_bytes(8, "little") + header + content[8 + size :]
    else:
        how, content = mutate_bytes(content, rng)
    path.write_bytes(content)
    return f"{path.name}: {how}"


def mutate_bytes(content: bytes, rng: random.Random) -> tuple[str, bytes]:
    """Bytes cut off, flipped, put in, taken out, zeroed, repeated or replaced by noise; often near the beginning or the end."""
    how = rng.choice(("cut", "flip", "flip", "insert", "delete", "zero", "repeat", "noise", "all noise", "nothing left"))
    size = len(content)
    at = rng.choice((rng.randrange(size + 1), rng.randrange(min(size, 256) + 1), max(0, size - rng.randrange(1, 512))))
    end = min(size, at + rng.choice((1, 4, 64, 4096)))
    changed = bytearray(content)
    if how == "cut":
        del changed[at:]
    elif how == "flip":
        for _ in range(rng.choice((1, 1, 8, 64)) if size else 0):
            place = rng.randrange(size) if rng.random() < 0.5 else min(size - 1, at + rng.randrange(64))
            changed[place] ^= 1 << rng.randrange(8)
    elif how == "insert":
        changed[at:at] = rng.randbytes(rng.choice((1, 8, 300)))
    elif how == "delete":
        del changed[at:end]
    elif how == "zero":
        changed[at:end] = bytes(end - at)
    elif how == "repeat":
        changed[at:at] = changed[at:end]
    elif how == "noise":
        changed[at:end] = rng.randbytes(end - at)
    elif how == "all noise":
        changed = bytearray(rng.randbytes(size))
    else:
        changed = bytearray()
    return f"{how} at {at} of {size}", bytes(changed)


def mutate_archive(content: bytes, rng: random.Random) -> tuple[str, bytes]:
    """One member of a zip archive damaged or left out, the archive written anew."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {info.filename: (archive.read(info), info.compress_type) for info in archive.infolist()}
    name = rng.choice(
        [name for name in members if rng.random() < 0.3 or "data.pkl" in name or len(members) < 9] or list(members)
    )
    how, member = ("left out", None) if rng.random() < 0.1 else mutate_bytes(members[name][0], rng)
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for other, (value, packing) in members.items():
            if other != name:
                archive.writestr(other, value, packing)
            elif member is not None:
                archive.writestr(other, member, packing)
    return f"{name} {how}", written.getvalue()


def mutate_json(content: bytes, rng: random.Random) -> tuple[str, bytes]:
    """One value of the JSON, or of one of its lines, replaced by an odd one or left out."""
    lines = (
        content.decode("utf-8").strip().split("\n")
        if content.lstrip()[:1] == b"{" and b"}\n{" in content
        else [content.decode()]
    )
    number = rng.randrange(len(lines))
    value = json.loads(lines[number])
    places: list[tuple[Any, Any]] = []

    def walk(inner: Any) -> None:
        for key in list(inner) if isinstance(inner, dict) else range(len(inner)):
            places.append((inner, key))
            if isinstance(inner[key], dict | list):
                walk(inner[key])

    walk(value)
    holder, key = rng.choice(places or [(value, "x")])
    if rng.random() < 0.25 and places:
        how = f"{key} left out"
        del holder[key]
    else:
        holder[key] = rng.choice(ODD)
        how = f"{key} is {holder[key]!r}"
    lines[number] = json.dumps(value if rng.random() < 0.95 else rng.choice(ODD))
    return how, "\n".join(lines).encode()


def run(command: str) -> None:
    """Runs a command on whole inputs, which has to succeed."""
    outcome = attempt(command)
    if outcome[0] != "answer":
        sys.exit(f"convatlas {command} fails on whole inputs: {outcome}")


def check_commands(kind: Kind, copy: Path) -> None:
    """Ends the script if a command has no answer for any whole input: it would prove nothing."""
    whole = Path.cwd()
    for command in kind.commands:
        ends = []
        for path in sorted(Path().glob(kind.files)) if "FILE" in command else [Path("all")]:
            shutil.copytree(whole, copy)
            os.chdir(copy)
            ends.append(attempt(command.replace("FILE", str(path))))
            os.chdir(whole)
            shutil.rmtree(copy)
            if ends[-1][0] == "answer":
                break
        else:
            sys.exit(f"convatlas {command} has no answer for whole inputs: {ends}")


def attempt(command: str) -> Outcome:
    """What a command ends in, in a process of its own in this folder."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(read)
        work(command, write)
    os.close(write)
    said, deadline = b"", time.monotonic() + SECONDS
    while (left := deadline - time.monotonic()) > 0 and select.select([read], [], [], left)[0]:
        if not (piece := os.read(read, 1 << 16)):
            break
        said += piece
    else:
        os.kill(child, signal.SIGKILL)
    os.close(read)
    status = os.waitpid(child, 0)[1]
    if left <= 0:
        return "hang", f"no end within {SECONDS} s"
    if os.WIFSIGNALED(status) or not said:
        return "crash", f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"status {status}"
    kind, words = json.loads(said)
    return kind, words


def work(command: str, write: int) -> NoReturn:
    """The child: runs the command under its limits and tells the outcome."""
    virtual = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (virtual + MEMORY, virtual + MEMORY))
    caught: list[str] = []

    def audit(event: str, _: object) -> None:
        if event in FORBIDDEN:
            caught.append(event)
            raise PermissionError(event)

    sys.addaudithook(audit)
    sys.argv = ["convatlas", *command.split()]
    outcome, errors = ("answer", ""), io.StringIO()
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(errors):
            convatlas()
    except SystemExit as end:
        said = errors.getvalue().strip()
        sentence = next((line for line in reversed(said.splitlines()) if line.startswith("convatlas: ")), said[-300:])
        outcome = judge(end.code, sentence, said)
    except BaseException:  # noqa: BLE001  # whatever it is, it is told
        outcome = "exception", traceback.format_exc()
    if caught:
        outcome = "code in a pickle", f"{caught} {outcome}"
    os.write(write, json.dumps(outcome).encode())
    os._exit(0)


def judge(code: Any, sentence: str, said: str) -> Outcome:
    """A command that ended by itself: well, with a sentence, or with something else."""
    if not code:
        return "answer", ""
    if code != 2:
        return "exit code", f"{code}: {sentence}"
    if not re.match(r"convatlas: \S.*\S$|╭─ Error", sentence) or "Traceback" in said or len(sentence) > 1500:
        return "no sentence", said[-1500:]
    return "sentence", sentence


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000, help="inputs over all kinds")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", default=",".join(KINDS), help="kinds, with commas between")
    parser.add_argument("--only", type=int, help="one input by its number")
    parser.add_argument("--keep", type=Path, help="folder for the files of failures")
    parser.add_argument("--verbose", action="store_true", help="print each outcome")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for module in pkgutil.walk_packages(package.__path__, "convatlas."):  # once, instead of in each process
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    names = options.kind.split(",")
    start, here = time.monotonic(), Path.cwd()
    counts: dict[str, Counter[str]] = {name: Counter() for name in names}
    failures = 0
    with tempfile.TemporaryDirectory() as temporary:
        for place, name in enumerate(names):
            numbers = range(place, options.count, len(names))
            if options.only is not None and options.only not in numbers:
                continue
            whole = Path(temporary, f"whole-{place}")
            whole.mkdir()
            os.chdir(whole)
            KINDS[name].make()
            check_commands(KINDS[name], Path(temporary, "check"))
            for number in numbers if options.only is None else (options.only,):
                rng = random.Random(f"{options.seed} {name} {number}")
                work_folder = Path(temporary, "work")
                shutil.copytree(whole, work_folder)
                os.chdir(work_folder)
                path = rng.choice(sorted(Path().glob(KINDS[name].files)))
                how = mutate(path, rng)
                command = rng.choice(KINDS[name].commands).replace("FILE", str(path))
                kind, words = attempt(command)
                counts[name][kind] += 1
                if options.verbose:
                    print(f"{number} {name}: {how}; {command.split()[0]}: {kind} {words}", flush=True)
                if kind not in ("answer", "sentence"):
                    failures += 1
                    print(
                        f"--seed {options.seed} --only {number} ({name}): {how}\n  convatlas {command}\n  {kind}: {words}\n",
                        flush=True,
                    )
                    if options.keep:
                        shutil.copytree(work_folder, here / options.keep / str(number), dirs_exist_ok=True)
                os.chdir(temporary)
                shutil.rmtree(work_folder)
        os.chdir(here)
    kinds = sorted({kind for counter in counts.values() for kind in counter} | {"answer", "sentence"})
    print(f"{'':22}" + "".join(f"{kind:>18}" for kind in kinds))
    for name, counter in counts.items():
        print(f"{name:22}" + "".join(f"{counter[kind]:18,}" for kind in kinds))
    total = sum(sum(counter.values()) for counter in counts.values())
    print(f"{total:,} inputs in {time.monotonic() - start:.0f} s, {failures} that ended otherwise")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
