"""An index holds what its network saw, search finds what brute force finds, and evaluation does what its papers say."""

import dataclasses
import resource
import zipfile
from importlib.util import find_spec

import numpy as np
import pytest
import torch

from convatlas.errors import InputError
from convatlas.features import clusters, evaluate, nearest
from convatlas.features.index import Index, Maker, check_finite, check_index, fingerprint
from convatlas.features.storage import load, save
from convatlas.runs.preparation import Preparation

PREPARATION = Preparation(3, 8, 8, (0.5,) * 3, (0.25,) * 3)
MAKER = Maker("tinyvgg", None, 3, "penultimate", PREPARATION, "f" * 64)
needs_faiss = pytest.mark.skipif(find_spec("faiss") is None, reason="the extra [search] is not installed")
ENDINGS = [".npz", pytest.param(".parquet", marks=pytest.mark.skipif(find_spec("pyarrow") is None, reason="no [parquet]"))]


def index_of(vectors, labels=None) -> Index:
    n = len(vectors)
    labels = np.full(n, -1) if labels is None else labels
    classes = tuple("abcdefghij"[: labels.max() + 1])
    return Index(vectors, labels, np.array([f"{i}.png" for i in range(n)]), classes, "/photos", MAKER)


def clustered(n: int, d: int, centers: int, spread: float, seed: int = 0):
    rng = np.random.default_rng(seed)
    middle = rng.normal(size=(centers, d))
    labels = rng.integers(0, centers, n)
    return (middle[labels] + spread * rng.normal(size=(n, d))).astype(np.float32), labels


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_index_comes_back_as_it_was_without_the_images_that_were_left_out(ending, tmp_path):
    vectors = np.random.default_rng(0).normal(size=(10, 5)).astype(np.float32)
    labels = np.arange(10) % 3 - (np.arange(10) == 4) * 2  # the fifth has no class
    whole = index_of(vectors, labels)
    kept = np.array([0, 1, 2, 4, 5, 6, 8, 9])
    path = tmp_path / f"index{ending}"
    got = save(path, ((vectors[kept[i : i + 3]], kept[i : i + 3]) for i in range(0, 8, 3)), whole)
    assert np.array_equal(got.vectors, vectors[kept])
    assert np.array_equal(got.labels, labels[kept])
    assert got.paths.tolist() == [f"{i}.png" for i in kept]
    assert (got.classes, got.root, got.maker) == (whole.classes, whole.root, MAKER)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    if ending == ".npz":
        assert isinstance(got.vectors, np.memmap)
        with np.load(path) as plain:  # and anyone's NumPy reads it
            assert np.array_equal(plain["vectors"], vectors[kept])
    else:
        import pyarrow.parquet

        table = pyarrow.parquet.read_table(path)
        assert table["class"].to_pylist() == [got.class_of(i) for i in range(8)]
        assert table["class"][3].as_py() is None


@pytest.mark.parametrize("ending", ENDINGS)
def test_nothing_is_written_when_images_end_badly(ending, tmp_path):
    def parts():
        yield np.ones((2, 4), np.float32), np.array([0, 1])
        raise InputError("enough")

    with pytest.raises(InputError, match="enough"):
        save(tmp_path / f"index{ending}", parts(), index_of(np.ones((2, 4), np.float32)))
    assert not list(tmp_path.iterdir())


def test_writing_holds_a_batch_not_the_set(tmp_path):
    n, d, batch = 100_000, 256, 2000  # 102 MB of vectors
    nothing = dataclasses.replace(index_of(np.empty((1, 1), np.float32)), labels=np.zeros(n, np.int64), classes=("a",))
    nothing = dataclasses.replace(nothing, paths=np.char.mod("%d", np.arange(n)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    block = np.ones((batch, d), np.float32)
    got = save(tmp_path / "i.npz", ((block, np.arange(i, i + batch)) for i in range(0, n, batch)), nothing)
    assert got.vectors.shape == (n, d)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # KiB


def test_what_is_no_index_is_said_to_be_none(tmp_path):
    with pytest.raises(InputError, match="there is no index"):
        load(tmp_path / "missing.npz")
    np.savez(tmp_path / "other.npz", x_train=np.zeros(3))
    (tmp_path / "text.npz").write_text("hello")
    (tmp_path / "empty.npz").touch()
    good = tmp_path / "good.npz"
    vectors = np.ones((50, 8), np.float32)
    save(good, [(vectors, np.arange(50))], index_of(vectors))
    (tmp_path / "short.npz").write_bytes(good.read_bytes()[:-200])
    np.savez(tmp_path / "objects.npz", vectors=np.array([{}], object), labels=np.zeros(1), paths=np.array(["a"]), about="{}")
    for name in ("other", "text", "empty", "short", "objects"):
        with pytest.raises(InputError, match=f"{name}.npz is no index"):
            load(tmp_path / f"{name}.npz")
    with pytest.raises(InputError, match=r"\.npz or \.parquet"):
        load(tmp_path / "index.csv")
    with zipfile.ZipFile(good) as archive:
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}


def test_the_fingerprint_changes_with_weights_layer_and_preparation():
    state = {"a": torch.ones(3, 2), "b": torch.zeros(2, dtype=torch.bfloat16), "n": torch.tensor(1)}
    first = fingerprint(state, "penultimate", PREPARATION)
    assert first == fingerprint({k: v.clone() for k, v in state.items()}, "penultimate", PREPARATION)
    nudged = state | {"a": torch.nextafter(state["a"], torch.tensor(2.0))}
    others = [
        fingerprint(nudged, "penultimate", PREPARATION),
        fingerprint(state | {"a": torch.ones(2, 3)}, "penultimate", PREPARATION),
        fingerprint(state, "layer1", PREPARATION),
        fingerprint(state, "penultimate", dataclasses.replace(PREPARATION, mean=(0.5, 0.5, 0.4))),
        fingerprint(state, "penultimate", dataclasses.replace(PREPARATION, published="imagenet1k_v1")),
    ]
    assert len({first, *others}) == 6


def test_exact_search_is_brute_force(monkeypatch):
    monkeypatch.setattr(nearest, "BLOCK", 37)
    rng = np.random.default_rng(0)
    x, q = rng.normal(size=(500, 6)).astype(np.float32), rng.normal(size=(9, 6)).astype(np.float32)
    x[400:405] = x[3]  # equally near: the first comes first
    x[7] = 0
    q[0] = x[3]
    cosine = (q @ x.T) / (np.linalg.norm(q, axis=1)[:, None] * np.maximum(np.linalg.norm(x, axis=1), 1e-30))
    found = nearest.nearest(x, q, 20, approximate=False)
    order = np.argsort(-cosine, axis=1, kind="stable")[:, :20]
    assert np.array_equal(found.places[1:], order[1:])
    assert found.places[0, :6].tolist() == [3, 400, 401, 402, 403, 404]
    assert np.allclose(found.similarities, np.take_along_axis(cosine, order, 1), atol=1e-6)
    assert found.recall is None
    assert nearest.nearest(x[:3], q, 20).places.shape == (9, 3)
    with pytest.raises(InputError, match="6 numbers"):
        nearest.nearest(x, q[:, :4], 3)


@needs_faiss
def test_the_approximate_index_finds_nine_of_ten(tmp_path, monkeypatch):
    x, _ = clustered(20_000, 32, 400, 0.7)
    q = x[::401] + 0.1 * np.random.default_rng(1).normal(size=(50, 32)).astype(np.float32)
    kept = tmp_path / "x.npz"
    kept.touch()
    found = nearest.nearest(x, q, 10, approximate=True, file=kept)
    true = nearest.nearest(x, q, 10)
    assert true.recall is None  # below 100,000 nobody gets it unasked
    assert nearest.recall(found.places, true.places) >= 0.9
    assert found.recall is not None
    assert found.recall >= nearest.RECALL
    assert found.cells is not None
    assert found.cells[0] < found.cells[1] / 2  # or it would be exact search with a detour
    assert "recall@10" in found.words

    def never(*_):
        raise AssertionError("it was kept")

    with monkeypatch.context() as patch:
        patch.setattr(nearest.Cells, "build", never)
        again = nearest.nearest(x, q, 10, approximate=True, file=kept)
    assert np.array_equal(again.places, found.places)
    kept.write_text("another file")
    fewer = nearest.nearest(x[:9000], q, 10, approximate=True, file=kept)
    assert fewer.places.max() < 9000
    monkeypatch.setattr(nearest, "EXACT_UP_TO", 10_000)
    assert nearest.nearest(x, q, 10).recall is not None
    assert nearest.nearest(x, q, 10, approximate=False).recall is None


def test_without_faiss_search_is_exact_and_says_what_to_install(monkeypatch):
    monkeypatch.setattr(nearest, "find_spec", lambda _: None)
    monkeypatch.setattr(nearest, "EXACT_UP_TO", 10)
    x = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
    assert nearest.nearest(x, x[:2], 3).recall is None
    with pytest.raises(InputError, match=r"convatlas\[search\]"):
        nearest.nearest(x, x[:2], 3, approximate=True)


def test_neighbors_vote_with_their_weights():
    train = np.array([[1, 0], [0.8, 0.6], [0.8, 0.6], [0, 1]], np.float32)
    labels = np.array([0, 1, 1, 0])
    query = np.array([[1, 0.0]], np.float32)
    # exp(1 / 0.07) outweighs twice exp(0.8 / 0.07), which a vote of heads would not
    assert evaluate.knn_accuracy(train, labels, query, np.array([0]), 3) == 1
    assert np.exp(1 / 0.07) > 2 * np.exp(0.8 / 0.07)
    close = np.array([[0.98, 0.2]], np.float32)  # 0.98 against twice 0.904: exp(14) < 2 exp(12.9) is false, so still 0
    weights = np.exp(nearest.exact_search(train, close, 3).similarities[0] / 0.07)
    assert evaluate.knn_accuracy(train, labels, close, np.array([int(weights[1:].sum() > weights[0])]), 3) == 1


def test_a_tie_is_broken_by_the_nearest():
    labels = np.array([[2, 0, 0, 2, 1], [1, 0, 0, 2, 2]])
    assert evaluate.neighbor_vote(labels).tolist() == [2, 0]
    assert evaluate.neighbor_vote(labels, np.array([[1.0, 1, 1, 1, 9], [4, 1, 1, 1, 1]])).tolist() == [1, 1]


def test_leave_one_out_is_the_loop_that_leaves_one_out():
    x, y = clustered(60, 4, 3, 1.5)
    x[10] = x[11] = x[12]  # copies of itself must not push it out
    y[10] = y[11] = y[12]
    for k in (1, 5):
        keep = [np.delete(np.arange(60), i) for i in range(60)]
        slow = np.mean([evaluate.knn_accuracy(x[r], y[r], x[i : i + 1], y[i : i + 1], k) for i, r in enumerate(keep)])
        assert evaluate.knn_leave_one_out(x, y, k) == pytest.approx(slow)


def test_linear_evaluation_learns_from_training_images_alone():
    x, y = clustered(120, 5, 3, 0.3)
    found = evaluate.linear_accuracy(1000 * x[:60] + 7, y[:60], 1000 * x[60:] + 7, y[60:])  # the scale does not matter
    assert found.accuracy > 0.95
    assert found.strength in evaluate.STRENGTHS
    swapped = evaluate.linear_accuracy(x[:60], y[:60], x[60:], (y[60:] + 1) % 3)
    assert swapped.accuracy < 0.05
    with pytest.raises(InputError, match="two classes"):
        evaluate.linear_accuracy(x, np.zeros(120, int), x, y)


def test_clusters_are_the_classes_where_these_are_apart():
    x, y = clustered(200, 64, 3, 0.2)
    for method in clusters.METHODS:
        found = clusters.find_clusters(index_of(x, y), method)
        assert found.count == 3
        assert found.rand == pytest.approx(1, abs=0.05)
        assert found.purity == 1
        assert found.silhouette is not None
        assert found.silhouette > 0.7
        assert "50 principal components of 64" in found.words
        sizes = np.bincount(found.clusters[found.clusters >= 0])
        assert sizes.tolist() == sorted(sizes, reverse=True)
        first = found.members(0)
        assert np.array_equal(found.distances[first], np.sort(found.distances[found.clusters == 0]))
        again = clusters.find_clusters(index_of(x, y), method)
        assert np.array_equal(again.clusters, found.clusters)
    own = x / np.linalg.norm(x, axis=1, keepdims=True)
    place = first[0]
    assert found.distances[place] == pytest.approx(np.linalg.norm(own[place] - own[found.clusters == 0].mean(0)), abs=1e-4)


def test_the_number_of_clusters_is_the_silhouettes_where_nobody_says_it():
    x, _ = clustered(120, 8, 4, 0.1, seed=3)
    found = clusters.find_clusters(index_of(x))
    assert found.count == 4
    assert found.rand is None
    assert clusters.find_clusters(index_of(x), k=2).count == 2
    for wrong, words in (
        ({"method": "kmean"}, "kmeans"),
        ({"k": 1}, "2 or more"),
        ({"method": "hdbscan", "k": 3}, "by itself"),
    ):
        with pytest.raises(InputError, match=words):
            clusters.find_clusters(index_of(x), **wrong)


def test_f72_vectors_that_are_no_numbers_are_named():
    vectors = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)
    vectors[5, 1] = np.nan
    with pytest.raises(InputError, match="1 vector of the index is NaN or infinite"):
        nearest.nearest(vectors, vectors[:1], 2, approximate=False)
    vectors[7, 0] = np.inf
    with pytest.raises(InputError, match="2 vectors of the index are NaN or infinite"):
        check_finite(vectors)


def test_paths_that_no_system_has_are_named():
    index = index_of(np.ones((2, 3), np.float32))
    check_index(index)
    beyond = np.frombuffer((0x1F0000).to_bytes(4, "little") * 2, "<U1")
    for paths in (beyond, np.array(["a\0b", "c"])):
        with pytest.raises(ValueError, match="its paths are no paths"):
            check_index(dataclasses.replace(index, paths=paths))
