import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.functional.classification import multiclass_calibration_error

from convatlas.data import load
from convatlas.engine.evaluate import evaluate
from convatlas.engine.tasks.classify import ClassMeter
from convatlas.insight import calibration, confusions, label_errors
from convatlas.insight.predictions import Predictions, predictions_of, softmax
from convatlas.insight.subject import Subject
from convatlas.models import create_model


def made(n, k, skill, sharp, seed=0):
    """Answers right in about so large a share; sharp scores are surer than they deserve."""
    chance = np.random.default_rng(seed)
    labels = chance.integers(0, k, n)
    aimed = np.where(chance.random(n) < skill, labels, chance.integers(0, k, n))
    logits = chance.normal(0, 1, (n, k))
    logits[np.arange(n), aimed] += 2 * chance.random(n) + 1
    return Predictions((sharp * logits).astype(np.float32), labels)


@pytest.fixture(scope="module")
def digits():
    data = load("digits")
    torch.manual_seed(0)
    model = create_model("tinyvgg", num_classes=10, in_channels=1, image_size=32).eval()
    return Subject("tinyvgg", "t", model, lambda: model, "fc", "conv", data.classes, data.test, 32, data.mean, data.std)


def test_answers_agree_with_evaluate_and_leave_the_network_as_it_was(digits):
    next(digits.model.children()).train()
    modes = [m.training for m in digits.model.modules()]
    said = predictions_of(digits)
    assert [m.training for m in digits.model.modules()] == modes
    measured = evaluate(digits.model, digits.batches(), ClassMeter(digits.classes))
    digits.model.eval()
    assert said.accuracy == measured.figures["accuracy"]
    assert np.array_equal(said.predicted, measured.answers["predicted"].numpy())
    assert np.allclose(said.probability, measured.answers["probability"].numpy(), atol=1e-6)
    assert confusions.confusion(said).tolist() == measured.tables["confusion"]
    assert calibration.reliability(said).ece == pytest.approx(measured.figures["calibration_error"], abs=1e-6)
    assert calibration.reliability(said).nll == pytest.approx(measured.figures["loss"], abs=1e-5)
    rows = {row.place: row.accuracy for row in confusions.per_class(said)}
    assert [rows.get(i) for i in range(10)] == measured.per_class["accuracy"]
    assert (said.runner_up != said.predicted).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 400), st.integers(2, 12), st.floats(0, 1), st.floats(0.01, 40), st.integers(0, 99))
def test_calibration_errors_are_those_of_torchmetrics(n, k, skill, sharp, seed):
    said = made(n, k, skill, sharp, seed)
    r = calibration.reliability(said)
    p, labels = torch.from_numpy(said.probabilities), torch.from_numpy(said.labels)
    assert r.ece == pytest.approx(multiclass_calibration_error(p, labels, k, n_bins=15).item(), abs=2e-6)
    assert r.mce == pytest.approx(multiclass_calibration_error(p, labels, k, n_bins=15, norm="max").item(), abs=2e-6)
    assert r.count.sum() == n
    assert (r.accuracy * r.count).sum() == pytest.approx(said.right.sum())
    assert (r.confidence * r.count).sum() == pytest.approx(said.probability.sum(), rel=1e-5)


@pytest.mark.parametrize("sharp", [0.3, 1.0, 8.0])
def test_the_temperature_is_where_the_likelihood_is_highest(sharp):
    said = made(1500, 7, 0.7, sharp)
    chosen = calibration.fit_temperature(said)
    least = calibration.nll(said.logits, said.labels, chosen)
    assert least <= calibration.nll(said.logits, said.labels)
    assert least < min(calibration.nll(said.logits, said.labels, chosen * f) for f in (0.97, 1.03))
    assert chosen == pytest.approx(sharp * calibration.fit_temperature(made(1500, 7, 0.7, 1.0)), rel=1e-3)
    assert np.array_equal(softmax(said.logits, chosen).argmax(1), said.predicted)


def test_temperature_mends_an_overconfident_network_on_images_it_was_not_fitted_on():
    before, held_out = made(3000, 7, 0.7, 8.0), made(3000, 7, 0.7, 8.0, seed=1)
    chosen = calibration.fit_temperature(held_out)
    after = calibration.reliability(before, chosen)
    assert after.ece < 0.35 * calibration.reliability(before).ece
    crossed = calibration.cross_fitted_reliability(before)
    assert crossed.nll == pytest.approx(after.nll, rel=0.01)
    assert crossed.temperature == pytest.approx(chosen, rel=0.1)


def test_half_the_images_never_choose_their_own_temperature():
    said = made(400, 5, 0.6, 6.0)
    torn = Predictions(said.logits.copy(), said.labels)
    torn.logits[::2] *= 10  # the even half alone is sharper: it chooses the temperature of the odd one, and no other
    crossed = calibration.cross_fitted_reliability(torn)
    even = calibration.fit_temperature(Predictions(torn.logits[::2], said.labels[::2]))
    odd = calibration.fit_temperature(Predictions(torn.logits[1::2], said.labels[1::2]))
    scaled = torn.logits.copy()
    scaled[::2] /= odd
    scaled[1::2] /= even
    assert crossed.nll == pytest.approx(calibration.nll(scaled, said.labels), rel=1e-5)


def test_a_network_that_is_always_right_or_always_wrong_has_a_temperature_too():
    labels = np.zeros(10, int)
    right, wrong = (Predictions(np.tile(np.float32(row), (10, 1)), labels) for row in ([3, 1], [1, 3]))
    assert calibration.fit_temperature(right) == pytest.approx(calibration.COLDEST, rel=0.01)
    assert calibration.fit_temperature(wrong) == pytest.approx(calibration.HOTTEST, rel=0.01)
    assert np.isfinite(calibration.reliability(right, calibration.COLDEST).nll)


@given(st.integers(1, 500), st.data())
def test_wilson_intervals_hold_the_shares_that_a_normal_test_would_not_reject(n, data):
    hits = data.draw(st.integers(0, n))
    low, high = confusions.wilson(hits, n)
    assert 0 <= low <= hits / n <= high <= 1
    for end in {low, high} - {0.0, 1.0}:  # the ends are the shares from which the hits lie z standard errors away
        assert abs(hits / n - end) == pytest.approx(confusions.Z * np.sqrt(end * (1 - end) / n), rel=1e-9)
    assert confusions.wilson(n - hits, n) == pytest.approx((1 - high, 1 - low))


def test_confusions_are_counted_and_their_surest_examples_come_first():
    logits = np.log([[0.1, 0.9], [0.4, 0.6], [0.3, 0.7], [0.8, 0.2], [0.9, 0.1]]).astype(np.float32)
    said = Predictions(logits, np.array([0, 0, 0, 0, 1]))
    assert confusions.confusion(said).tolist() == [[1, 3], [1, 0]]
    first, second = confusions.worst_pairs(said)
    assert (first.true, first.predicted, first.n, first.places.tolist()) == (0, 1, 4, [0, 2, 1])
    assert (second.true, second.predicted, second.count) == (1, 0, 1)
    assert [pair.true for pair in confusions.worst_pairs(said, of=1)] == [1]


def test_confident_learning_finds_planted_flips():
    chance = np.random.default_rng(0)
    n, k = 3000, 5
    true = chance.integers(0, k, n)
    logits = chance.normal(0, 1, (n, k))
    logits[np.arange(n), true] += 6
    labels, flipped = true.copy(), chance.random(n) < 0.08
    labels[flipped] = (true[flipped] + 1) % k
    found = label_errors.likely_errors(Predictions(logits.astype(np.float32), labels))
    places = np.array([s.place for s in found.suspects])
    assert flipped[places].mean() > 0.9
    assert flipped[places].sum() > 0.85 * flipped.sum()
    assert flipped[places[:100]].all()
    assert found.share == pytest.approx(0.08, abs=0.015)
    margins = [s.margin for s in found.suspects]
    assert margins == sorted(margins)
    assert max(margins) < 0
    assert np.mean([s.suggested == true[s.place] for s in found.suspects]) > 0.9
    assert all(s.label == labels[s.place] for s in found.suspects)


def test_thresholds_are_the_mean_confidence_of_each_class_in_itself():
    p = np.array([[0.9, 0.1, 0], [0.5, 0.5, 0], [0.2, 0.8, 0], [0.75, 0.25, 0]], np.float32)
    found = label_errors.from_probabilities(p, np.array([0, 0, 1, 1]))
    assert found.thresholds[:2] == pytest.approx([0.7, 0.525])
    assert np.isinf(found.thresholds[2])
    assert found.joint.tolist() == [[1, 0, 0], [1, 1, 0], [0, 0, 0]]
    (suspect,) = found.suspects
    assert (suspect.place, suspect.label, suspect.suggested) == (3, 1, 0)
    assert found.share == pytest.approx(0.25)
