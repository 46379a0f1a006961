"""From a folder of photographs to an index, a search, a map of clusters and a probe; and what cannot be done, in a sentence."""

import csv
import hashlib
import json
import shutil
import zipfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from convatlas import create_model
from convatlas.features import features
from convatlas.features.storage import load

COLORS = {"blue": (40, 60, 200), "green": (40, 180, 60), "red": (200, 50, 40)}
NEEDS_PYARROW = pytest.mark.skipif(find_spec("pyarrow") is None, reason="the extra [parquet] is not installed")


@pytest.fixture
def photographs(tmp_path) -> Path:
    """Noisy pictures of three colors, some for training, some for validation, one broken."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 6), ("val", 3)):
        for name, color in COLORS.items():
            folder = tmp_path / "photos" / split / name
            folder.mkdir(parents=True)
            for i in range(count):
                noise = rng.normal(0, 30, (24 + i, 40, 3)) + color
                Image.fromarray(noise.clip(0, 255).astype(np.uint8)).save(folder / f"{name}-{i}.png")
    (tmp_path / "photos" / "train" / "red" / "broken.jpg").write_bytes(b"no picture")
    return tmp_path / "photos"


@pytest.fixture
def weights(tmp_path) -> Path:
    """A network of random weights, which tells colors apart well enough."""
    torch.manual_seed(0)
    torch.save(create_model("tinyvgg", num_classes=3, image_size=64).state_dict(), tmp_path / "net.pth")
    return tmp_path / "net.pth"


HOW = ("--mean", "0.5,0.5,0.5", "--std", "0.25,0.25,0.25", "--device", "cpu")


def embed(say, weights, photographs, out="index.npz", *more):
    return say("embed", "tinyvgg", "--weights", weights, "--data", photographs, "--out", out, *HOW, *more)


def digest(path) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def test_a_folder_becomes_an_index_that_is_searched(say, photographs, weights, tmp_path):
    said = embed(say, weights, photographs, "index.npz", "--batch-size", 4)
    assert said.code == 0, said.all
    assert "27 vectors" in said.out
    assert "1 of 28 images cannot be read" in said.err
    index = load(tmp_path / "index.npz")
    assert index.classes == tuple(COLORS)
    assert "train/red/red-5.png" in index.paths
    assert [index.class_of(i) for i in range(27)] == [Path(path).parent.name for path in index.paths]
    query = photographs / "val" / "red" / "red-1.png"
    said = say("search", "index.npz", query, "--k", 5, "--out", "found.png", "--json")
    assert said.code == 0, said.all
    [found] = json.loads(said.out)["queries"]
    assert found["label"] == "red"
    assert len(found["neighbors"]) == 5
    assert all(near["path"] != "val/red/red-1.png" for near in found["neighbors"])
    # the query is embedded by the same network: brute force over the index names the same neighbors
    x = index.vectors / np.linalg.norm(index.vectors, axis=1, keepdims=True)
    own = int(np.flatnonzero(index.paths == "val/red/red-1.png")[0])
    order = [i for i in np.argsort(-(x @ x[own]), kind="stable") if i != own][:5]
    assert [near["path"] for near in found["neighbors"]] == index.paths[order].tolist()
    assert np.allclose([near["similarity"] for near in found["neighbors"]], (x @ x[own])[order], atol=1e-5)
    with Image.open(tmp_path / "found.png") as picture:
        assert picture.width > 1000
    shutil.copy(query, tmp_path / "copy.png")  # elsewhere it is no image of the index: it finds itself
    said = say("search", "index.npz", "copy.png", "--k", 1)
    assert "1.0000" in said.out
    assert "val/red/red-1.png" in said.out


@NEEDS_PYARROW
def test_a_layer_of_one_part_as_a_table(say, photographs, weights, tmp_path):
    said = embed(say, weights, photographs, "i.parquet", "--layer", "conv_block_1", "--split", "val", "--json")
    assert said.code == 0, said.all
    told, index = json.loads(said.out), load(tmp_path / "i.parquet")
    assert (told["images"], told["width"], told["layer"]) == (9, index.vectors.shape[1], "conv_block_1")
    assert all(path.startswith("val/") for path in index.paths)


def test_vectors_are_what_features_gives_and_a_flat_folder_has_no_classes(say, photographs, weights, tmp_path):
    flat = tmp_path / "flat"
    flat.mkdir()
    for i in range(5):
        shutil.copy(photographs / "train" / "red" / f"red-{i}.png", flat / f"{i}.png")
    said = embed(say, weights, flat)
    assert said.code == 0, said.all
    index = load(tmp_path / "index.npz")
    assert index.classes == ()
    assert (index.labels == -1).all()
    from convatlas.data.picture import square

    model = create_model("tinyvgg", num_classes=3, image_size=64, weights=weights).eval()
    side = index.maker.preparation.image_size
    x = np.stack([square(flat / f"{i}.png", 3, side) for i in range(5)])
    expected = features(model, (torch.tensor(x) / 255 - 0.5) / 0.25)
    assert np.allclose(index.vectors, expected, atol=1e-4)
    said = say("search", "index.npz", flat / "2.png", "--k", 2, "--out", "found.svg")
    assert said.code == 0, said.all
    said = say("cluster", "index.npz", "--k", 2, "--out", "clusters")
    assert said.code == 0, said.all


def test_a_changed_network_is_found_out_and_a_moved_one_is_found(say, photographs, weights, tmp_path):
    assert embed(say, weights, photographs).code == 0
    query = photographs / "val" / "red" / "red-1.png"
    moved = weights.rename(tmp_path / "moved.pth")
    said = say("search", "index.npz", query)
    assert said.code == 2
    assert "--weights" in said.err
    assert say("search", "index.npz", query, "--weights", moved).code == 0
    state = torch.load(moved, weights_only=True)
    state[next(iter(state))].view(-1)[0] += 1e-3
    torch.save(state, weights)
    said = say("search", "index.npz", query)
    assert said.code == 2
    assert "holds other weights now" in said.err
    torch.save(create_model("tinyvgg", num_classes=4, image_size=64).state_dict(), weights)
    assert "4 classes" in say("search", "index.npz", query).err
    shutil.move(photographs, tmp_path / "elsewhere")
    query = tmp_path / "elsewhere" / "val" / "red" / "red-1.png"
    for more in ((), ("--root", tmp_path / "elsewhere")):  # gray tiles, and pictures again
        out = tmp_path / f"found{len(more)}.png"
        said = say("search", "index.npz", query, "--weights", moved, "--out", out, *more)
        assert said.code == 0, said.all
    assert (tmp_path / "found2.png").stat().st_size > 2 * (tmp_path / "found0.png").stat().st_size


@pytest.mark.slow
def test_clusters_with_their_sheets(say, photographs, weights, tmp_path):
    assert embed(say, weights, photographs).code == 0
    said = say("cluster", "index.npz", "--out", "clusters", "--json")
    assert said.code == 0, said.all
    told = json.loads(said.out)
    assert [row["images"] for row in told["clusters"]] == [9, 9, 9]
    assert told["purity"] == 1
    rows = list(csv.DictReader((tmp_path / "clusters" / "clusters.csv").read_text().splitlines()))
    assert len(rows) == 27
    assert all(told["clusters"][int(row["cluster"])]["class"] == row["label"] for row in rows)
    page = (tmp_path / "clusters" / "index.html").read_text()
    assert page.count("data:image/webp") == 3
    assert 'href="cluster-02.png"' in page
    before = digest("clusters/clusters.csv")
    assert "nothing is overwritten" in say("cluster", "index.npz", "--out", "clusters", "--k", 2).err
    assert digest("clusters/clusters.csv") == before


def test_a_probe_judges_layers_on_images_it_was_not_fitted_to(say, photographs, weights, tmp_path):
    words = ("probe", "tinyvgg", "--weights", weights, "--data", photographs, *HOW, "--k", 3)
    said = say(*words, "--out", "probe", "--json")
    assert said.code == 0, said.all
    told = json.loads(said.out)
    assert (told["trained"], told["judged"], told["split"]) == (18, 9, "val")
    assert told["layers"][-1]["layer"] == "penultimate"
    assert all(0.9 < row["knn"] <= 1 and 0.9 < row["linear"] <= 1 for row in told["layers"])
    assert {path.name for path in (tmp_path / "probe").iterdir()} == {"probe.json", "probe.png"}
    said = say(*words, "--layers", "conv_block_1,penultimate")
    assert said.code == 0, said.all
    assert "conv_block_1" in said.out
    assert "test images" in say(*words, "--split", "test").err


def test_what_cannot_be_done_is_one_sentence_and_nothing_is_overwritten(say, photographs, weights, tmp_path):
    assert embed(say, weights, photographs).code == 0
    before = digest("index.npz")
    (tmp_path / "empty").mkdir()
    (tmp_path / "note.png").write_text("no picture")
    (tmp_path / "there.png").write_text("mine")
    np.savez(tmp_path / "other.npz", a=np.zeros(2))
    query = photographs / "val" / "red" / "red-1.png"
    made = ("embed", "tinyvgg", "--weights", weights, *HOW)
    wrong = {
        (*made, "--data", photographs, "--out", "index.npz"): "nothing is overwritten",
        (*made, "--data", photographs, "--out", "new.csv"): ".npz or .parquet",
        (*made, "--data", photographs, "--out", "no/new.npz"): "does not exist",
        (*made, "--data", photographs, "--out", "new.npz", "--layer", "conv_blok_1"): "conv_block_1",
        (*made, "--data", photographs, "--out", "new.npz", "--split", "tests"): "did you mean test",
        (*made, "--data", photographs, "--out", "new.npz", "--split", "test"): "no test images",
        (*made, "--data", photographs, "--out", "new.npz", "--batch-size", 0): "--batch-size",
        (*made, "--data", tmp_path / "empty", "--out", "new.npz"): "no images",
        (*made, "--data", tmp_path / "nowhere", "--out", "new.npz"): "there is no folder",
        ("embed", "resnet18", "--data", photographs, "--out", "new.npz"): "needs weights",
        ("search", "index.npz", "note.png"): "cannot be read as an image",
        ("search", "index.npz", "gone.png"): "does not exist",
        ("search", "index.npz"): "an image or more",
        ("search", "index.npz", query, "--k", 0): "--k needs",
        ("search", "index.npz", query, "--out", "there.png"): "nothing is overwritten",
        ("search", "index.npz", query, "--root", "gone"): "--root",
        ("search", "missing.npz", query): "there is no index",
        ("search", "other.npz", query): "is no index",
        ("search", "index.npz", query, "--network", "resnet18"): "another network",
        ("cluster", "missing.npz", "--out", "new"): "there is no index",
        ("cluster", "index.npz", "--out", "new", "--method", "kmean"): "did you mean kmeans",
        ("cluster", "index.npz", "--out", "new", "--k", 27): "--k needs",
        ("probe", *made[1:], "--data", photographs, "--layers", "conv_blok_1", "--out", "new"): "conv_block_1",
    }  # fmt: skip
    for words, expected in wrong.items():
        said = say(*words)
        assert said.code == 2, (words, said.all)
        assert expected in said.all, (words, said.all)
        assert said.err.count("\n") <= 2, said.err
    assert digest("index.npz") == before
    assert (tmp_path / "there.png").read_text() == "mine"
    assert not list(tmp_path.glob("*new*"))
    assert not list(tmp_path.glob(".*"))


@pytest.mark.thorough
def test_real_photographs_are_told_apart(say, shared, tmp_path):
    weights = shared / "weights" / "mobilenet_v2_imagenet.pth"
    archive = shared / "hymenoptera.zip"
    if not (weights.exists() and archive.exists()):
        pytest.skip("needs hymenoptera.zip and MobileNetV2's weights")
    with zipfile.ZipFile(archive) as file:
        file.extractall(tmp_path)
    [root] = [path.parent for path in tmp_path.glob("**/train")]
    said = say("probe", "mobilenet_v2", "--weights", weights, "--data", root, "--layers", "penultimate", "--json")
    assert said.code == 0, said.all
    [row] = json.loads(said.out)["layers"]
    assert row["linear"] >= 0.93
    assert row["knn"] >= 0.9
    said = say("embed", "mobilenet_v2", "--weights", weights, "--data", root, "--split", "val", "--out", "i.npz")
    assert said.code == 0, said.all
    queries = sorted((root / "train" / "bees").glob("*.jpg"))[:20]
    found = json.loads(say("search", "i.npz", *queries, "--k", 5, "--json").out)["queries"]
    labels = [near["label"] for query in found for near in query["neighbors"]]
    assert labels.count("bees") / len(labels) >= 0.85
