"""One rule for every flag that names a file or a folder: what is there already stays as it is, and that is said first."""

import errno
import json
from pathlib import Path

import numpy as np
import pytest

MINE = "mine"


@pytest.mark.parametrize(
    ("words", "flag"),
    [
        pytest.param("show lenet5 --csv {}.csv", "--csv", id="F37"),
        ("show lenet5 --html {}.html", "--html"),
        ("show lenet5 --svg {}.svg", "--svg"),
        ("blueprint lenet5 --out {}.svg", "--out"),
        ("conv --input 7 --kernel 3 --out {}.svg", "--out"),
        ("evolution --out {}.svg", "--out"),
        ("verify lenet5 --html {}.html", "--html"),
        ("lr-find lenet5 --data digits --out {}.png", "--out"),
        ("schedule lenet5 --images 10 --out {}.png", "--out"),
        ("predict RUN shown --csv {}.csv", "--csv"),
        ("embed RUN --data digits --out {}.npz", "--out"),
        ("search none.npz a.png --out {}.png", "--out"),
        ("card RUN --out {}.md", "--out"),
        ("new {}.py", "choose another name"),
    ],
)
def test_a_file_that_exists(say, digits_run, tmp_path, words, flag):
    command = [str(digits_run) if word == "RUN" else word for word in words.format("mine").split()]
    path = tmp_path / next(word for word in command if word.startswith("mine."))
    path.write_text(MINE)
    said = say(*command)
    assert said.code == 2, said.all
    assert f"{path.name} exists and nothing is overwritten: " in said.all
    assert flag in said.all
    assert path.read_text() == MINE
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    path.unlink()
    path.symlink_to("nowhere")  # a link that leads nowhere is somebody's too
    assert say(*command).code == 2


@pytest.mark.parametrize(
    "words",
    [
        pytest.param("look RUN --what filters --out mine", id="F38"),
        "cluster none.npz --out mine",
        "probe RUN --data digits --out mine",
        "train lenet5 --data digits --out mine",
        "tune RUN --data digits --out mine",
        "compare lenet5 --out mine",
        "sweep lenet5 --search lr=0.1,0.2 --out mine",
        "ablate lenet5 --vary lr=0.1,0.2 --yes --out mine",
        "pull ann/digits --out mine",
    ],
)
def test_a_folder_that_holds_something(say, digits_run, tmp_path, words):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.txt").write_text(MINE)
    said = say(*(str(digits_run) if word == "RUN" else word for word in words.split()))
    assert said.code == 2, said.all
    assert "mine is not empty and nothing is overwritten: " in said.all
    assert [path.name for path in tmp_path.rglob("*")] == ["mine", "a.txt"]


def test_f38_a_second_look_gets_a_folder_of_its_own(say, digits_run, tmp_path):
    for _ in range(2):
        assert say("look", digits_run, "--what", "filters").code == 0
    pages = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.glob("looks/*/index.html"))
    assert pages == ["looks/run-2/index.html", "looks/run/index.html"]


def test_pictures_without_a_name_get_a_free_one(say, tmp_path):
    for name in ("lenet5.svg", "lenet5-2.svg"):
        assert say("blueprint", "lenet5").out.strip() == name
    assert len(list(tmp_path.iterdir())) == 2


def test_one_file_for_two_flags(say, tmp_path):
    said = say("show", "lenet5", "--html", "a.svg", "--svg", tmp_path / "a.svg")
    assert (said.code, "--html and --svg both name" in said.all) == (2, True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "words", ["lr-find lenet5 --out file/a.png", "look lenet5 --out file/seen", "show lenet5 --csv none/a.csv"]
)
def test_f67_where_nothing_can_be_written_is_said_first(say, tmp_path, monkeypatch, words):
    monkeypatch.setattr("convatlas.studies.rates.plan_run", lambda *_: pytest.fail("work was done before"))
    (tmp_path / "file").write_text("")
    said = say(*words.split())
    assert said.code == 2
    assert "cannot write" in said.all


def test_f67_a_folder_that_may_only_be_read(say, tmp_path, monkeypatch):
    def refuse(**_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("convatlas.files.TemporaryFile", refuse)
    said = say("schedule", "lenet5", "--images", "10", "--out", tmp_path / "a.png")
    assert (said.code, "permission denied" in said.all) == (2, True)


def test_f68_two_cards_in_one_folder(say, digits_run, tmp_path):
    for name in ("c1", "c2"):
        said = say("card", digits_run, "--out", f"{name}.md", "--json")
        assert said.code == 0, said.all
        found = json.loads(said.out)
        assert {Path(path).parent.name for path in found["pictures"]} == {f"{name}-card"}
        text = (tmp_path / f"{name}.md").read_text()
        assert all(f"({Path(path).parent.name}/{Path(path).name})" in text for path in found["pictures"])


def test_f68_a_folder_of_something_else_is_not_replaced(say, digits_run, tmp_path):
    (tmp_path / "c-card").mkdir()
    np.save(tmp_path / "c-card" / "mine.npy", np.zeros(1))
    said = say("card", digits_run, "--out", "c.md", "--replace")
    assert (said.code, "holds more than the pictures of a card" in said.all) == (2, True)
    assert (tmp_path / "c-card" / "mine.npy").exists()
