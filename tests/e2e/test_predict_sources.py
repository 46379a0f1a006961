"""What predict is given beside picture files: films, addresses, odd names, folders with other things in them."""

import csv
import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def pictures(tmp_path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i in range(3):
        Image.fromarray(np.random.default_rng(i).integers(0, 256, (20, 20), np.uint8)).save(folder / f"{i}.png")
    return folder


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))


@pytest.mark.skipif(find_spec("av") is None, reason="no [video]")
def test_frames_of_a_film_have_times(say, digits_run, pictures):
    import av

    with av.open("film.mp4", "w") as out:
        stream = out.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        frames = [av.VideoFrame.from_ndarray(np.full((32, 32, 3), 10 * i, np.uint8), format="rgb24") for i in range(25)]
        for frame in [*frames, None]:
            out.mux(stream.encode(frame))
    said = say("predict", digits_run, "pictures/0.png", "film.mp4", "--every", "500ms", "--csv", "-")
    rows = table(said.out)
    assert said.code == 0, said.all
    assert [row["time"] for row in rows] == ["", "0.000", "0.500", "1.000", "1.500", "2.000"]
    assert {row["path"] for row in rows} == {"pictures/0.png", "film.mp4"}
    told = json.loads(say("predict", digits_run, "film.mp4", "--frames", 2, "--json").out)
    assert [(one["image"], one["time"]) for one in told] == [("film.mp4", 0.0), ("film.mp4", 1.0)]
    assert say("predict", digits_run, "film.mp4", "--frames", 1).out.startswith("film.mp4  0:00.0  ")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("pictures --every 1s", "--every is for films and cameras, and there is none: leave it out"),
        ("pictures --frames 2", "--frames is for films and cameras"),
        ("film.mp4 --every 0", "--every needs to be a time such as 1s or 500ms, got '0'"),
        ("film.mp4 --every often", "--every needs to be a time such as 1s or 500ms, got 'often'"),
        ("film.mp4 --frames 0", "--frames needs to be at least 1, got 0"),
        ("--camera 0 --csv seen.csv", "--camera never ends, and --json and --csv wait for the end: add --frames N"),
        (
            "https://example.com/cat.jpg",
            "https://example.com/cat.jpg is an address, and addresses are not fetched unless asked",
        ),
        ("gone.jpg", "gone.jpg does not exist"),
    ],
)
def test_frames_and_addresses_that_cannot_be(say, digits_run, pictures, tmp_path, *, words, sentence):
    (tmp_path / "film.mp4").touch()
    said = say("predict", digits_run, *words.split())
    assert (said.code in (1, 2), sentence in said.all) == (True, True), said.all


@pytest.mark.parametrize(
    "words", ["evaluate {run} --data {url}", "embed {run} --data {url} --out x.npz", "look {run} --what saliency --image {url}"]
)
def test_other_commands_say_so_too(say, digits_run, words):
    url = "https://example.com/cat.jpg"
    said = say(*words.format(run=digits_run, url=url).split())
    assert (said.code, f"{url} is an address, and addresses are not fetched" in said.all) == (2, True), said.all


def test_what_is_left_out_is_told_f26_f27(say, digits_run, pictures):
    (pictures / "notes.txt").write_text("none")
    (pictures / ".trash").mkdir()
    shutil.copy(pictures / "0.png", pictures / ".trash" / "x.png")
    said = say("predict", digits_run, "pictures", "--csv", "-")
    assert len(table(said.out)) == 3
    assert "1 file of no image format (.txt) left out of pictures" in said.all


def test_names_of_files_do_not_steer_the_terminal_f65(say, digits_run, pictures):
    name = "\x1b[31mred\u202egpj.png"
    shutil.copy(pictures / "0.png", pictures / name)
    (pictures / "\x1b]0;title\x07.png").write_bytes(b"none")
    said = say("predict", digits_run, "pictures")
    assert said.code == 0
    assert "\x1b" not in said.out + said.err
    assert r"pictures/\x1b[31mred\u202egpj.png  " in said.out
    assert "\x1b" not in say("predict", digits_run, f"pictures/{name}x").err
    assert name in say("predict", digits_run, "pictures", "--csv", "-").out  # for programs, as it is


def test_a_mean_of_bytes_is_refused_f41(say, pictures):
    words = "--mean 123.7,116.3,103.5 --std 58.4,57.1,57.4".split()
    said = say("predict", "mobilenet_v2", "pictures/0.png", "--weights", "default", *words)
    assert (said.code, "give 0.4851,0.4561,0.4059" in said.all) == (2, True), said.all


@pytest.mark.parametrize(
    "command", ["predict {run} three.png", "search index.npz three.png", "look {run} --what saliency --image three.png"]
)
def test_a_run_of_many_channels_names_them_f17(say, tmp_path, command):
    rng = np.random.default_rng(0)
    arrays = {"x_train": (60, 32, 32, 13), "x_test": (20, 32, 32, 13)}
    pixels = {name: rng.integers(0, 256, shape, np.uint8) for name, shape in arrays.items()}
    np.savez(tmp_path / "many.npz", **pixels, y_train=np.arange(60) % 2, y_test=np.arange(20) % 2)
    Image.fromarray(rng.integers(0, 256, (40, 40, 3), np.uint8)).save(tmp_path / "three.png")
    trained = say("train", "lenet5", "--data", "many.npz", *"--epochs 1 --device cpu --precision 32 --quiet --out run".split())
    assert trained.code == 0, trained.all
    if command.startswith("search"):
        assert say("embed", "run", "--data", "many.npz", "--out", "index.npz").code == 0
    said = say(*command.format(run="run").split())
    assert (said.code, "the picture has 3 channels, and 13 are needed" in said.all) == (2, True), said.all


def test_names_of_classes_and_files_do_not_steer_the_terminal_f65(say, tmp_path):
    for label in ("ants", "\x1b[31mbees"):
        (tmp_path / "set" / label).mkdir(parents=True)
        for i in range(8):
            Image.fromarray(np.random.default_rng(i).integers(0, 256, (20, 20, 3), np.uint8)).save(
                tmp_path / "set" / label / f"{i}.png"
            )
    (tmp_path / "set" / "ants" / "\x1b]0;title\x07.png").write_bytes(b"none")
    options = "--image-size 32 --epochs 1 --batch-size 4 --device cpu --precision 32 --out run".split()
    for words in (
        ["data", "check", "set"], ["train", "lenet5", "--data", "set", *options], ["evaluate", "run"],
        ["embed", "run", "--data", "set", "--out", "index.npz"], ["search", "index.npz", "set/ants/0.png"],
        ["predict", "run", "set"],
    ):  # fmt: skip
        said = say(*words)
        assert said.code == 0, said.all
        assert not {"\x1b", "\x07"} & {*said.out, *said.err}, words
    assert r"\x1b]0;title\x07.png" in said.out
