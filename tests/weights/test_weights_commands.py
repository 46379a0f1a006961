"""`convatlas weights` against a server of our own."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from convatlas import cli as commands
from convatlas.weights import checkpoints
from convatlas.weights.store import path


@pytest.fixture
def say(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")

    def say(*words):
        monkeypatch.setattr(sys, "argv", ["convatlas", "weights", *words])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            commands.main()
        return ended.value.code or 0, *capsys.readouterr()

    return say


def test_from_listed_to_broken_and_back(say, publish, server):
    row = publish()
    here = path(row)
    assert say("verify") == (0, "no published weights on disk\n", "")
    code, out, _ = say("list", "--json")
    assert (code, json.loads(out)[0]["on_disk"]) == (0, None)
    assert say("path") == (0, f"{here.parent}\n", "")
    code, out, err = say("path", "resnet20")
    assert (code, out) == (1, f"{here}\n")
    assert "convatlas weights fetch resnet20 --tag imagenet1k_v1" in err

    server.script = ["cut 1000"]
    assert say("fetch", "resnet20", "--tag", "IMAGENET1K_V1") == (0, f"{here}\n", "")
    assert len(server.asked) == 2
    assert say("path", "resnet20") == (0, f"{here}\n", "")
    assert say("verify")[1].endswith("whole\n1 file, all whole\n")
    assert "yes" in say("list", "resnet*")[1]

    here.write_bytes(b"damaged")
    code, out, _ = say("verify")
    assert code == 1
    assert "BROKEN: sha256" in out
    assert f"1 of 1 broken; `convatlas weights fetch` replaces them: {here}" in out
    code, out, _ = say("verify", "resnet20", "--json")
    assert (code, [(found["name"], found["whole"]) for found in json.loads(out)]) == (1, [("resnet20", False)])
    assert say("fetch", "resnet20")[0] == 0
    assert say("verify", "resnet20")[0] == 0


def test_a_license_that_forbids_something_is_said(say, publish, monkeypatch):
    monkeypatch.setattr(checkpoints, "ROWS", (replace(publish(), license="CC-BY-NC-4.0"),))
    assert "under CC-BY-NC-4.0: not for commercial use" in say("fetch", "resnet20")[2]


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        ("fetch", 2, "fetch needs the name of a network"),
        ("fetch resnet5O", 2, "unknown network 'resnet5O': did you mean"),
        ("fetch resnet50 --tag imagenet1k_v7", 2, "imagenet1k_v1, imagenet1k_v2 (default)"),
        ("fetch lenet5", 2, "lenet5 has no published weights"),
        ("path lenet5", 2, "lenet5 has no published weights"),
        ("list resnt*", 2, "unknown network with published weights 'resnt*'"),
        ("verify resnt50", 2, "did you mean resnet50"),
        ("fetsh", 2, "did you mean fetch?"),
    ],
)
def test_wrong_input_ends_with_a_sentence(say, words, code, sentence):
    ended, out, err = say(*words.split())
    assert ended == code
    assert sentence in " ".join((out + err).replace("│", " ").split())


def test_errors_of_the_network_end_with_one_and_offline_with_two(say, publish, server, monkeypatch):
    publish()
    server.script = ["404"]
    code, out, err = say("fetch", "resnet20")
    assert (code, out) == (1, "")
    assert "answers 404 Not Found. Or put http" in err
    monkeypatch.setenv("CONVATLAS_OFFLINE", "1")
    code, _, err = say("fetch", "resnet20")
    assert code == 2
    assert "CONVATLAS_OFFLINE forbids" in err


def test_listing_needs_no_torch(tmp_path):
    script = (
        "import sys; sys.argv[1:] = ['weights', 'list']; import convatlas.cli as c\ntry: c.main()\nexcept SystemExit: pass\n"
    )
    heavy = "print(sorted({'torch', 'torchvision', 'numpy', 'PIL'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script + heavy], capture_output=True, text=True, check=True, cwd=tmp_path)
    lines = done.stdout.splitlines()
    assert lines[-1] == "[]"
    assert sum("imagenet1k" in line for line in lines) == 115
