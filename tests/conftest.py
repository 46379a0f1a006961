"""What every test gets: no network, fixed seeds, the shared data where it lies, and the command line in an empty folder."""

import gc
import ipaddress
import os
import random
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]

if "PYTEST_XDIST_WORKER" in os.environ:  # the workers share the cores: one thread each, set before torch is imported
    os.environ.setdefault("OMP_NUM_THREADS", "1")


SLOW_FOLDERS = ("browser", "e2e", "features", "insight", "looks", "parity", "verify", "views")
"""Commands from end to end, pictures, pages and comparisons with other libraries: `make slow` runs all of them."""


SLOW_TESTS = frozenset((ROOT / "tests" / "slow.txt").read_text(encoding="utf-8").split())
"""Tests of other folders that take 0.25 s or more, by `--durations=0` on a processor of 2026 with two slow cores."""


QUICK = "not slow and not thorough"
"""What pytest takes without `-m`, as pyproject.toml has it."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """The quick tests don't import the files of slow ones, nor the libraries that those compare with."""
    slow = any(collection_path.is_relative_to(ROOT / "tests" / folder) for folder in SLOW_FOLDERS)
    return True if slow and config.option.markexpr == QUICK else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what is slow, by folder or name. What networks take minutes to learn comes first: no worker ends with it."""
    for item in items:
        if item.path.relative_to(ROOT / "tests").parts[0] in SLOW_FOLDERS or item.nodeid.partition("[")[0] in SLOW_TESTS:
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: item.path.stem != "test_learning")


def pytest_collection_finish() -> None:
    """What is imported by now stays, so no search for garbage needs to look at its millions of objects again."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """Libraries that count their objects at the end find them all."""
    gc.unfreeze()


def _is_local(host: object) -> bool:
    if host in (None, "", "localhost", b"localhost"):
        return True
    try:
        return ipaddress.ip_address(str(host)).is_loopback
    except ValueError:
        return False


def _guarded(call: Callable[..., Any], host_of: Callable[..., object]) -> Callable[..., Any]:
    def guard(*args: Any, **kwargs: Any) -> Any:
        host = host_of(*args)
        if not _is_local(host):
            raise ConnectionRefusedError(f"the tests have no network, and this one asked for {host!r}")
        return call(*args, **kwargs)

    return guard


@pytest.fixture(autouse=True, scope="session")
def _no_network() -> Iterator[None]:
    def host_of_address(_: socket.socket, address: object) -> object:
        return address[0] if isinstance(address, tuple) else None  # a Unix socket's address is a path

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", _guarded(socket.socket.connect, host_of_address))
        patch.setattr(socket.socket, "connect_ex", _guarded(socket.socket.connect_ex, host_of_address))
        patch.setattr(socket, "getaddrinfo", _guarded(socket.getaddrinfo, lambda host, *_: host))
        yield


@pytest.fixture(autouse=True)
def _seeds() -> None:
    random.seed(0)
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed(0)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data sets and weights: CONVATLAS_SHARED, or `shared/data` beside the repository."""
    folder = Path(os.environ.get("CONVATLAS_SHARED") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no shared data in {folder}; CONVATLAS_SHARED names another folder")
    return folder


@pytest.fixture(scope="session")
def cifar10(shared: Path) -> Callable[..., tuple[Any, Any]]:
    """`cifar10("test", 2000)` → the first images (n, 32, 32, 3) uint8 and labels (n,) of sheets with 25 rows of 40 images."""
    import io
    import zipfile

    import numpy as np
    from PIL import Image

    def read(split: str, count: int | None = None) -> tuple[Any, Any]:
        with zipfile.ZipFile(shared / "CIFAR10" / f"cifar10-{split}.zip") as archive:
            names = sorted(archive.namelist())
            files = [name for name in names if name.endswith(".webp")][: count and -(-count // 1000)]
            sheets = [np.asarray(Image.open(io.BytesIO(archive.read(name))).convert("RGB")) for name in files]
            labels = np.load(io.BytesIO(archive.read(next(name for name in names if name.endswith("labels.npy")))))
        tiles = [sheet.reshape(25, 32, 40, 32, 3).swapaxes(1, 2).reshape(-1, 32, 32, 3) for sheet in sheets]
        return np.concatenate(tiles)[:count], labels.astype(np.int64)[:count]

    return read


@pytest.fixture
def cli(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`cli("train", "lenet5", ...)` runs the command in the test's empty folder, offline, and gives back what it said."""
    blank = ("CONVATLAS_", "COVERAGE_", "PYTEST_", "FORCE_COLOR", "CLICOLOR")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(blank)}
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), "http://127.0.0.1:9")
    home = {"PYTHONPATH": str(ROOT / "src"), "NO_COLOR": "1", "COLUMNS": "100", "TERM": "dumb", "PYTHONIOENCODING": "utf-8"}

    def run(
        *args: object, timeout: float = 120, env: dict[str, str] | None = None, cwd: Path = tmp_path
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "convatlas", *map(str, args)],
            cwd=cwd,
            env=kept | nowhere | home | (env or {}),
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=timeout,
            check=False,
        )

    return run
