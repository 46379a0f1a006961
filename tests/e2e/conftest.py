"""The command line inside this process."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from convatlas import cli


@dataclass
class Said:
    code: int
    out: str
    err: str

    @property
    def all(self) -> str:
        """Everything on one line, without the box around it."""
        return " ".join((self.out + self.err).replace("│", " ").split())


@pytest.fixture
def say(tmp_path, monkeypatch, capsys) -> Callable[..., Said]:
    """`say("list", "resnet18")` → exit code, standard output and error, from the test's own folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    for name in ("FORCE_COLOR", "CONVATLAS_DATA"):
        monkeypatch.delenv(name, raising=False)

    def run(*words: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["convatlas", *map(str, words)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return Said(ended.value.code or 0, said.out, said.err)

    return run


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory) -> Path:
    """A run folder to read or to copy, not to change: lenet5 after an epoch on some digits."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    with pytest.raises(SystemExit):
        cli.app(f"train lenet5 --data digits --epochs 1 --limit 200 --device cpu --precision 32 --quiet --out {folder}".split())
    return folder
