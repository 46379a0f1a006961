"""A path that is no run folder: what may have been meant."""

import shutil
from pathlib import Path

import pytest

from convatlas.engine.recipe import Recipe
from convatlas.engine.record import Run
from convatlas.errors import InputError


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Run.create(Path("folds/fold-0"), Recipe())
    shutil.copytree("folds/fold-0", "folds/fold-1")
    Path("other").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("path", "words"),
    [
        pytest.param("folds", "folds is not a run folder, but holds 2 runs: name folds/fold-0, folds/fold-1", id="F48"),
        ("folds/fold-0/recipe.json", "recipe.json is not a run folder, but a file of one: name folds/fold-0"),
        ("folds/fold_0", "folds/fold_0 is not a run folder: did you mean folds/fold-0"),
        pytest.param("RESNET50", "RESNET50 is not a run folder: did you mean resnet50?", id="F66"),
        ("other", "other is not a run folder: it needs a recipe.json"),
        ("no/where", "no/where is not a run folder: it needs a recipe.json"),
    ],
)
def test_what_may_have_been_meant(folder, path, words):
    with pytest.raises(InputError, match=words.replace("?", r"\?")):
        Run.open(Path(path))
