"""Two hundred digits, and a bench that stops where a test wants it to."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from small import SIDE, Small, Told, note
from torch import nn

from convatlas.data import Data, load
from convatlas.engine import train as training
from convatlas.engine.recipe import Recipe
from convatlas.engine.record import Run
from convatlas.engine.stop import Interrupted

Go = Callable[..., Told]


@pytest.fixture(scope="session")
def digits() -> Data:
    return load("digits", limit=200)


@pytest.fixture
def go(tmp_path: Path, digits: Data, monkeypatch: pytest.MonkeyPatch) -> Go:
    """`go("name", model=…, data=…, stop=k, **fields)` trains or continues the run of that name; `stop` asks to after k."""

    def train(
        name: str = "run", *, model: Callable[[], nn.Module] = Small, data: Data = digits, stop: int | None = None,
        stages: Any = None, **given: Any,
    ) -> Told:  # fmt: skip
        fields = {"epochs": 2, "batch_size": 32, "device": "cpu", "precision": "32", "model": "lenet5", "workers": 0} | given
        recipe = Recipe(**fields)
        path = tmp_path / name
        run = Run.open(path) if (path / "recipe.json").exists() else Run.create(path, recipe)
        assert run.recipe == recipe
        asked = threading.Event()

        @contextmanager
        def requests() -> Iterator[threading.Event]:
            yield asked

        monkeypatch.setattr(training, "stop_requests", requests)
        torch.manual_seed(recipe.seed)
        told = Told(run)
        try:
            for event in training.train(model(), data, recipe, run, SIDE, stages=stages):
                note(told, event)
                if len(told.steps) == stop:
                    asked.set()
        except Interrupted:
            assert stop is not None
        return told

    return train
