"""A run goes to a hub on this machine and comes back, the same to the last byte; what is wrong ends with a sentence."""

import json
import shutil
import threading
from pathlib import Path

import pytest

constants = pytest.importorskip("huggingface_hub.constants")

from stand_in import TOKEN, Hub, Repository  # noqa: E402

from convatlas.runs.hub import FILES, is_run_file  # noqa: E402

NAME = "ann/digits"
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # how the hub's client calls its transport


@pytest.fixture
def run(digits_run, tmp_path) -> Path:
    folder = Path(shutil.copytree(digits_run, tmp_path / "run"))
    (folder / "README.md").write_text("---\nlibrary_name: convatlas\n---\n\n# Digits\n")
    (folder / "card").mkdir()
    (folder / "card" / "curves.png").write_bytes(b"\x89PNG\0\0picture")
    return folder


@pytest.fixture
def hub(monkeypatch, tmp_path):
    server = Hub()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "CONVATLAS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no" / "token"))
    yield server
    server.shutdown()
    server.server_close()


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_is_pushed_comes_back_to_the_last_byte(say, hub, run, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    (run / "notes.txt").write_text("mine")
    (run / "card" / "state.pt").write_bytes(b"x")
    pushed = say("push", run, NAME)
    assert pushed.code == 0, pushed.all
    sent = {name: content for name, content in contents(run).items() if is_run_file(name)}
    assert set(sent) == {*FILES, "card/curves.png"}
    assert (run / "state.pt").is_file()
    held = hub.repositories[NAME].commits[hub.repositories[NAME].head]
    assert {name: content for name, content in held.items() if name != ".gitattributes"} == sent

    pulled = say("pull", NAME, "--out", "far/away", "--json")
    assert pulled.code == 0, pulled.all
    assert contents(Path("far/away")) == sent
    told = json.loads(pulled.out)
    assert (told["commit"], told["left_out"]) == (hub.repositories[NAME].head, [])
    assert [path.name for path in Path("far").iterdir()] == ["away"]
    assert say("pull", NAME).code == 0  # everybody may
    assert contents(Path("runs/digits")) == sent
    image = Path("one.png")
    image.write_bytes(next(Path(__file__).parents[2].glob("docs/gallery/filters.png")).read_bytes())
    answers = [say("predict", folder, image, "--json").out for folder in (run, "far/away")]
    assert answers[0] == answers[1] != ""


def test_another_push_takes_the_place_of_the_first_which_stays_in_history(say, hub, run):
    first = json.loads(say("push", run, NAME, "--token", TOKEN, "--json").out)
    (run / "card" / "curves.png").unlink()
    (run / "README.md").write_text("---\nlibrary_name: convatlas\n---\n\n# Better\n")
    second = json.loads(say("push", run, NAME, "--token", TOKEN, "--json").out)
    assert (first["before"], second["before"]) == (None, first["commit"])
    assert say("pull", NAME, "--out", "new").code == 0
    assert "Better" in Path("new/README.md").read_text()
    assert not Path("new/card").exists()
    assert say("pull", NAME, "--out", "old", "--revision", first["commit"]).code == 0
    assert Path("old/card/curves.png").is_file()


def test_what_is_private_is_seen_with_a_token_alone(say, hub, run):
    assert say("push", run, NAME, "--private", "--token", TOKEN).code == 0
    assert hub.repositories[NAME].private
    assert say("pull", NAME, "--out", "no").code == 2
    assert say("pull", NAME, "--out", "yes", "--token", TOKEN).code == 0
    hub.repositories["ann/open"] = Repository(private=False)
    hub.repositories["ann/open"].add({})
    said = say("push", run, "ann/open", "--private", "--token", TOKEN)
    assert (said.code, "is there already and public" in said.all) == (2, True)
    assert hub.repositories["ann/open"].commits.popitem()[1] == {}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("push run ann/digits", "has no ann/digits for those it does not know: log in with `hf auth login`"),
        ("push run ann/digits --token wrong", "log in with `hf auth login`, set HF_TOKEN, or give --token"),
        (f"push run bob/digits --token {TOKEN}", "this token may not do that to bob/digits"),
        (f"push run digits --token {TOKEN}", "a repository is called OWNER/NAME, in letters, digits, dashes and dots"),
        (f"push run ann/../digits --token {TOKEN}", "a repository is called OWNER/NAME"),
        (f"push nowhere ann/digits --token {TOKEN}", "nowhere is not a run folder"),
        (f"push unfinished ann/digits --token {TOKEN}", "unfinished is unfinished"),
        (f"pull ann/nothing --token {TOKEN}", "has no repository ann/nothing, or a private one"),
        ("pull ann/nothing", "has no ann/nothing for those it does not know"),
        ("pull ann/there --revision nope", "ann/there has no revision 'nope'"),
        ("pull ann/there --out run", "run is not empty and nothing is overwritten"),
        ("pull ann/bare", "ann/bare holds no run of convatlas: it lacks recipe.json, env.json, metrics.json"),
    ],
)
def test_what_a_hub_refuses_is_a_sentence(say, hub, run, words, sentence):
    Path(shutil.copytree(run, "unfinished")).joinpath("metrics.json").unlink()
    for name, files in (("ann/there", contents(run)), ("ann/bare", {"model.safetensors": b"\0", "../evil": b""})):
        hub.repositories[name] = Repository(private=False)
        hub.repositories[name].add(files)
    before = {path.name for path in Path().iterdir()}
    said = say(*words.split())
    assert (said.code, sentence in said.all, "Traceback" in said.all) == (2, True, False), said.all
    assert {path.name for path in Path().iterdir()} == before
    assert set(hub.repositories) == {"ann/there", "ann/bare"}


@pytest.mark.parametrize(
    ("file", "content", "sentence"),
    [
        ("recipe.json", b"[1, 2]", "is no run of this version"),
        ("recipe.json", b'{"model": "lenet5", "surprise": 1}', "unknown field of a recipe 'surprise'"),
        ("env.json", b'{"image_size": "large", "data": {}}', "is no run of this version"),
        ("model.safetensors", b"\x80\x02\0cposix\nsystem\n.", "unpickling it could run any code"),
    ],
)
def test_what_is_no_run_is_not_kept(say, hub, run, *, file, content, sentence):
    hub.repositories[NAME] = Repository(private=False)
    hub.repositories[NAME].add(contents(run) | {file: content})
    said = say("pull", NAME, "--out", "new")
    assert (said.code, sentence in said.all) == (2, True), said.all
    assert not Path("new").exists()
    assert {path.name for path in Path().iterdir()} <= {"run", "no"}


@pytest.mark.parametrize("file", ["env.json", "model.safetensors"])
def test_a_file_that_changed_on_its_way_is_not_kept(say, hub, run, file):
    hub.repositories[NAME] = Repository(private=False)
    hub.repositories[NAME].add(contents(run))
    hub.spoilt.add(file)
    Path("new").mkdir()
    said = say("pull", NAME, "--out", "new")
    assert (said.code, f"{file} of {NAME} came with another hash" in said.all) == (2, True), said.all
    assert not any(Path("new").iterdir())


def test_only_what_a_run_has_comes(say, hub, run):
    strange = {
        "evil.py": b"import os",
        "pytorch_model.bin": b"\x80\x02",
        "state.pt": b"\x80\x02",
        "card/a/b.png": b"",
        "../up.png": b"",
    }
    hub.repositories[NAME] = Repository(private=False)
    hub.repositories[NAME].add(contents(run) | strange)
    Path("new").mkdir()
    said = say("pull", NAME, "--out", "new")
    assert said.code == 0, said.all
    assert "skipped, since no run has such files: ../up.png, card/a/b.png, evil.py, pytorch_model.bin, state.pt" in said.all
    assert set(contents(Path("new"))) == {*FILES, "card/curves.png"}
    assert not any("evil" in line or "state.pt" in line for line in hub.asked)


def test_a_hub_that_is_ill_or_away_ends_with_one(say, hub, run, monkeypatch):
    hub.broken = 503
    for words in (("push", run, NAME, "--token", TOKEN), ("pull", NAME)):
        said = say(*words)
        assert (said.code, "answered with status 503: try again later" in said.all) == (1, True), said.all
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    for words in (("push", run, NAME, "--token", TOKEN), ("pull", NAME)):
        said = say(*words)
        assert (said.code, "http://127.0.0.1:9 cannot be reached" in said.all) == (1, True), said.all
    monkeypatch.setenv("HF_ENDPOINT", "http://example.org")
    assert "HF_ENDPOINT needs an address that begins with https://" in say("pull", NAME).all
    monkeypatch.setenv("CONVATLAS_OFFLINE", "1")
    monkeypatch.delenv("HF_ENDPOINT")
    assert "CONVATLAS_OFFLINE forbids the network" in say("pull", NAME).all
    assert not Path("runs").exists()


def test_without_its_library_the_remedy_is_named(say, hub, run, monkeypatch):
    monkeypatch.setattr("convatlas.runs.hub.find_spec", lambda _: None)
    said = say("pull", NAME)
    assert (said.code, "pip install 'convatlas[hub]'" in said.all) == (2, True)
