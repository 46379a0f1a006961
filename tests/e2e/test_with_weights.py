"""The command line with weights from elsewhere: published ones, files, and what is wrong with them."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from convatlas import create_model
from convatlas.weights import checkpoints

QUICK = "--limit 60 --batch-size 30 --device cpu --precision 32 --epochs 1".split()


@pytest.fixture(scope="module")
def states() -> dict[str, dict[str, torch.Tensor]]:
    torch.manual_seed(0)
    return {
        "twenty": create_model("resnet20").state_dict(),
        "squeeze": create_model("squeezenet1_1").state_dict(),
        "ten": create_model("squeezenet1_1", num_classes=10).state_dict(),
    }


@pytest.fixture
def publish(tmp_path, monkeypatch):
    """Publishes a state dict that lies in the cache already, as the only weights there are."""
    monkeypatch.setenv("CONVATLAS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CONVATLAS_OFFLINE", "1")

    def publish(name: str, state: dict[str, torch.Tensor], **changes: object) -> Path:
        (tmp_path / "cache" / "weights").mkdir(parents=True)
        torch.save(state, tmp_path / "cache" / "new.pth")
        digest = hashlib.sha256((tmp_path / "cache" / "new.pth").read_bytes()).hexdigest()[:8]
        row = replace(
            checkpoints.find("squeezenet1_1"), name=name, url=f"https://a/{name}-{digest}.pth", sha256=digest, **changes
        )
        monkeypatch.setattr(checkpoints, "ROWS", (row,))
        return (tmp_path / "cache" / "new.pth").rename(tmp_path / "cache" / "weights" / row.file)

    return publish


@pytest.fixture
def published(states, publish) -> Path:
    return publish("squeezenet1_1", states["squeeze"], resize=48, crop=40, image_size=40)


def photograph(path: Path, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (60, 80, 3), np.uint8)).save(path)
    return path


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("predict squeezenet1_1 a.png", "squeezenet1_1 needs weights to name anything: add --weights default"),
        ("predict resnet20 a.png", "resnet20 needs weights to name anything: add --weights FILE"),
        ("predict rsnet20 --weights twenty.pth a.png", "did you mean resnet20"),
        ("predict resnet20 --weights twenty.pth a.png", "name the set that twenty.pth was trained on, such as --data cifar10"),
        ("predict resnet20 --weights default a.png", "resnet20 has no published weights"),
        ("predict resnet20 --weights twenty.pth --mean 0.5 --std 0.5 a.png", "a number for each of the 3 channels"),
        ("predict resnet20 --weights twenty.pth --mean 0.5,x --std 0.5 a.png", "--mean needs to be a number, got 'x'"),
        (
            "predict resnet20 --weights twenty.pth --data set a.png",
            "twenty.pth was not trained for the 2 classes of set: it names 10 classes",
        ),
        ("predict resnet20 --weights twenty.pth --data digts a.png", "did you mean digits"),
        ("predict resnet20 --weights none.pth --data digits a.png", "none.pth does not exist"),
        ("predict resnet20 --weights twenty.pth --data digits --classes no.txt a.png", "no.txt cannot be read"),
        ("predict resnet20 --weights twenty.pth --data digits --classes names.txt a.png", "10 classes, but names.txt has 2"),
        ("predict resnet20 --weights twenty.pth --data digits none.png", "none.png does not exist"),
        ("predict squeezenet1_1 --weights imagenet1k_v9 a.png", "there is imagenet1k_v1"),
        ("predict squeezenet1_1 --weights twenty.pth a.png", "twenty.pth has no classifier.1, which gives the logits"),
        ("evaluate squeezenet1_1 --weights default", "names the 1000 classes of ImageNet: add --data FOLDER"),
        ("evaluate squeezenet1_1 --weights default --data digits", "named as the class, not digits"),
        ("evaluate squeezenet1_1 --weights imagenet1k_v9 --data set", "there is imagenet1k_v1"),
        ("evaluate squeezenet1_1 --weights twenty.pth --data set", "twenty.pth has no classifier.1"),
        ("evaluate resnet20 --weights default --data digits", "resnet20 has no published weights"),
        ("train resnet20 --weights default", "resnet20 has no published weights"),
        ("train squeezenet1_1 --weights imagenet1k_v9", "unknown weights of squeezenet1_1 'imagenet1k_v9'"),
        ("show rsnet20", "did you mean resnet20"),
        ("show resnet20:widht=32", "unknown ablation of resnet20 'widht': did you mean width"),
        ("show resnet20 --histroy", "Did you mean --history?"),
    ],
)
def test_wrong_input_ends_with_a_sentence_and_two(say, states, tmp_path, words, sentence):
    torch.save(states["twenty"], tmp_path / "twenty.pth")
    (tmp_path / "names.txt").write_text("one\ntwo\n")
    for place in ("a.png", *(f"set/{label}/{i}.png" for label in "ab" for i in range(4))):
        photograph(tmp_path / place)
    said = say(*words.split())
    assert said.code == 2, said.all
    assert sentence in said.all
    assert "Traceback" not in said.all
    assert not (tmp_path / "runs").exists()


def test_published_weights_name_the_classes_of_imagenet(say, published, tmp_path):
    photograph(tmp_path / "a.png")
    by_tag = say("predict", "squeezenet1_1", "a.png", "--weights", "default", "--topk", 2)
    assert by_tag.code == 0, by_tag.all
    assert (
        "images as imagenet1k_v1 has them: shorter side 48 pixels (bilinear), middle 40x40, mean 0.485 0.456 0.406"
        in by_tag.err
    )
    by_file = json.loads(say("predict", "squeezenet1_1", "a.png", "--weights", published, "--json").out)
    names = [answer["name"] for answer in by_file[0]["classes"]]
    assert set(names) <= set(checkpoints.classes())
    assert all(name in by_tag.out for name in names[:2])
    published.write_bytes(b"broken")
    broken = say("predict", "squeezenet1_1", "a.png", "--weights", "default")
    assert (broken.code, "CONVATLAS_OFFLINE" in broken.err) == (2, True)


def test_a_file_says_how_many_classes_it_has(say, states, publish, tmp_path):
    publish("squeezenet1_1", states["squeeze"])
    torch.save(states["ten"], tmp_path / "ten.pth")
    photograph(tmp_path / "a.png")
    said = say("predict", "squeezenet1_1", "--weights", "ten.pth", "a.png", "--topk", 10)
    assert said.code == 0, said.all
    assert said.out.count("class ") == 10
    assert "no published name, so images as imagenet1k_v1 has them" in said.err
    (tmp_path / "names.txt").write_text("\n".join(f"kind-{i}" for i in range(10)))
    assert say("predict", "squeezenet1_1", "--weights", "ten.pth", "a.png", "--classes", "names.txt").out.count("kind-") == 5


def test_a_file_of_a_network_without_published_weights(say, states, tmp_path):
    torch.save(states["twenty"], tmp_path / "twenty.pth")
    photograph(tmp_path / "a.png")
    said = say("predict", "resnet20", "--weights", "twenty.pth", "a.png", "--mean", "0.5,0.5,0.4", "--std", "0.2,0.2,0.2")
    assert said.code == 0, said.all
    assert "class " in said.out
    assert "images as their square middle at 32x32 pixels, mean 0.5 0.5 0.4" in said.err
    of_set = say("predict", "resnet20", "--weights", "twenty.pth", "a.png", "--data", "digits")
    assert of_set.code == 0, of_set.all
    assert "adapted to other channels or sizes: conv1.weight" in of_set.err


@pytest.mark.parametrize(
    ("folders", "sentence"),
    [
        (("hen", "Great_grey owl"), None),
        (("8", "024"), None),
        (("hen", "ants"), "unknown class of set 'ants': did you mean ant"),
        (("n01514859", "n01622779"), None),
        (("n01514859", "n00000001"), "no WordNet id of ImageNet's 1000 classes"),
        (("8", "1000"), "unknown class of set '1000'"),
    ],
)
def test_photographs_are_measured_by_the_names_of_their_folders(say, published, tmp_path, folders, sentence):
    for seed, name in enumerate(folders):
        photograph(tmp_path / "set" / name / "a.png", seed)
    said = say("evaluate", "squeezenet1_1", "--weights", "default", "--data", "set", "--json", "--device", "cpu")
    if sentence:
        assert said.code == 2
        assert sentence in said.all
        return
    found = json.loads(said.out)
    assert said.code == 0, said.all
    assert [i for i, row in enumerate(found["confusion"]) if sum(row)] == [8, 24]
    assert (found["n"], len(found["classes"])) == (2, 1000)
    assert "middle 40x40" in found["notes"][0]


def test_only_the_part_that_is_asked_for_is_looked_at(say, published, tmp_path):
    for name in ("train/hen/0", "val/hen/1", "val/cock/2", "val/cock/broken"):
        photograph(tmp_path / "set" / f"{name}.png", len(name))
    (tmp_path / "set" / "val" / "cock" / "broken.png").write_bytes(b"?")
    words = "evaluate", "squeezenet1_1", "--weights", "default", "--data", "set", "--device", "cpu"
    assert "set has no test images, but train and val: choose another --split" in say(*words).all
    said = say(*words, "--split", "val")
    assert said.code == 0, said.all
    assert "n = 2" in said.out
    assert "1 of 3 images cannot be read" in said.err


def test_training_says_what_became_of_the_weights_and_resumes_without_them(say, states, publish, tmp_path):
    file = publish("resnet20", states["twenty"])
    said = say("train", "resnet20", *QUICK, "--weights", "default", "--out", "run")
    assert said.code == 0, said.all
    kept = len(states["twenty"]) - 1
    assert f"weights default: {kept} tensors kept; adapted to other channels or sizes: conv1.weight" in said.err
    assert json.loads((tmp_path / "run" / "recipe.json").read_text())["weights"] == "default"
    (tmp_path / "run" / "metrics.json").unlink()
    file.unlink()
    again = say("train", "--resume", "--out", "run")
    assert again.code == 0, again.all
    assert "tensors kept" not in again.err
    gone = say("train", "resnet20", *QUICK, "--weights", "default", "--out", "other")
    assert (gone.code, "CONVATLAS_OFFLINE" in gone.err) == (2, True)
    assert not (tmp_path / "other").exists()


def test_show(say):
    said = say("show", "resnet18")
    assert said.code == 0
    assert all(
        words in said.out for words in ("learn the change", "11,689,512", "3x224x224", "69.76", "imagenet1k_v1", "conv1")
    )
    assert "Small" not in said.out
    told = say("show", "lenet5_1998", "--history")
    assert [line.split()[0] for line in told.out.splitlines() if line[0] != " "] == ["lenet5_1998", "Papers", "Differs"]
    card = json.loads(say("show", "resnet18", "--json").out)
    assert card["checkpoints"][0]["tag"] == "imagenet1k_v1"
    assert {"differs", "small", "names", "papers", "parameters", "spec"} <= card.keys()


def test_history_is_wrapped_for_the_terminal(say, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    lines = say("show", "lenet5_1998", "--history").out.splitlines()
    assert max(map(len, lines)) <= 60
    assert sum(line.startswith(" " * 10) for line in lines) > 8
