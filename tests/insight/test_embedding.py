"""Embeddings are the same again under a seed, their quality is measured rightly, and what cannot be embedded is said before."""

import sys

import numpy as np
import pytest

from convatlas.errors import InputError
from convatlas.insight import embedding
from convatlas.insight.embedding import check, embed, measure_trust, neighbor_accuracy


def clusters(n: int = 90, d: int = 12, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(0)
    labels = np.arange(n) % classes
    return (6 * np.eye(d)[labels] + chance.normal(size=(n, d))).astype(np.float32), labels


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_clusters_stay_clusters_and_the_same_seed_gives_the_same_points(method: str) -> None:
    vectors, labels = clusters()
    first, second = (embed(vectors, method, labels, seed=3, perplexity=10) for _ in range(2))
    assert np.array_equal(first.points, second.points)
    assert first.points.shape == (90, 2)
    assert first.points.dtype == np.float32
    assert first.accuracy == 1
    assert first.trustworthiness > 0.8


def test_another_seed_gives_other_noise() -> None:
    vectors, _ = clusters(400)
    embedding_of = {seed: measure_trust(vectors, vectors[:, :2], seed) for seed in (0, 1)}
    assert embedding_of[0] == embedding_of[1]  # so few points are all measured


@pytest.mark.slow
def test_umap_where_it_is_installed() -> None:
    pytest.importorskip("umap")
    vectors, labels = clusters()
    found = embed(vectors, "umap", labels)
    assert found.points.shape == (90, 2)
    assert found.accuracy == 1


def test_a_missing_library_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(InputError, match=r"pip install 'convatlas\[umap\]'"):
        check("umap", 100)


def test_trustworthiness_is_one_where_nothing_moved_and_less_where_all_did() -> None:
    chance = np.random.default_rng(0)
    plane = chance.normal(size=(300, 2)).astype(np.float32)
    assert measure_trust(plane, plane, 0) == (1.0, 300)
    assert measure_trust(plane, plane[::-1].copy(), 0)[0] < 0.6


def test_many_points_are_judged_on_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "JUDGED", 50)
    vectors, _ = clusters(200)
    value, judged = measure_trust(vectors, vectors[:, :2], 0)
    assert judged == 50
    assert (value, judged) == measure_trust(vectors, vectors[:, :2], 0)


def test_a_point_has_no_vote_on_itself() -> None:
    points = np.arange(40, dtype=np.float32)[:, None].repeat(2, 1)
    alone = np.zeros(40, int)
    alone[20] = 1
    assert neighbor_accuracy(points, alone) == 39 / 40
    assert neighbor_accuracy(points, np.zeros(40, int)) == 1


def test_the_nearest_neighbor_breaks_a_tie(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "NEIGHBORS", 2)
    points = np.array([[0, 0], [1, 0], [3, 0], [10, 0], [11, 0], [13, 0]], np.float32)
    # neighbors of the points: 1 2 | 0 2 | 1 0 | 4 5 | 3 5 | 4 3, the nearer first
    labels = np.array([0, 0, 1, 1, 1, 0])
    assert neighbor_accuracy(points, labels) == 4 / 6


@pytest.mark.parametrize(
    ("method", "count", "perplexity", "words"),
    [
        ("tsne", 20, 30, "20 images"),
        ("tsne", 30, 30, "more images"),
        ("tsne", 50, 0.5, "perplexity of 1"),
        ("pca", 3, 30, "4 images"),
        ("tnse", 100, 30, "did you mean tsne"),
    ],
)
def test_what_cannot_be_embedded_is_said_before(method: str, count: int, perplexity: float, words: str) -> None:
    with pytest.raises(InputError, match=words):
        check(method, count, perplexity=perplexity)


def test_features_that_are_all_the_same_or_not_finite_are_refused() -> None:
    with pytest.raises(InputError, match="same features"):
        embed(np.ones((20, 5), np.float32), "pca")
    with pytest.raises(InputError, match="not finite"):
        embed(np.full((20, 5), np.nan, np.float32), "pca")


def test_one_feature_makes_a_line() -> None:
    found = embed(np.arange(20, dtype=np.float32)[:, None], "pca")
    assert found.points.shape == (20, 2)
    assert not found.points[:, 1].any()
