import json
import re

import numpy as np
import pytest
import torch
from legible import assert_legible, texts
from scripted import answered, subject

from convatlas.errors import InputError
from convatlas.insight.predictions import predictions_of
from convatlas.looks import calibration, classes, confusion, curves, errors, predictions
from convatlas.looks.picture import LookOptions
from convatlas.views import save

LOOKS = {"predictions": predictions, "confusion": confusion, "calibration": calibration, "classes": classes, "errors": errors}
NAMES = {
    "binary": ["benign", "malignant"],
    "ten": "airplane automobile bird cat deer dog frog horse ship truck".split(),
    "long": [f"hen-of-the-woods, Polyporus frondosus, Grifola frondosa no. {i}" for i in range(1000)],
    "hundred": [f"class number {i}" for i in range(100)],
}


def shown(look, seen, **wish):
    return {picture.name: picture for picture in LOOKS[look].pictures(seen, LookOptions(**wish))}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("look", LOOKS)
def test_every_look_is_legible_for_few_and_for_many_classes_with_long_names(look, name):
    k = len(NAMES[name])
    logits, labels = answered(300, k)
    for picture in shown(look, subject(logits, labels, NAMES[name]), count=7).values():
        assert_legible(picture.figure)
        assert picture.figure.axes
        assert all(axes.has_data() or axes.patches for axes in picture.figure.axes), "an empty panel"
        assert picture.caption.endswith(".")
        assert not re.search(r"\bnan\b", picture.caption)


def test_predictions_shows_what_is_asked_for():
    logits, labels = answered(200, 4, skill=0.6)
    seen = subject(logits, labels, ["ash", "beech", "cedar", "date palm"])
    said = predictions_of(seen)
    every = shown("predictions", seen)
    assert list(every) == ["predictions", "confident-mistakes", "doubtful-hits"]
    wrong = shown("predictions", seen, only="wrong", of_class="cedar", count=5)
    assert list(wrong) == ["predictions", "confident-mistakes"]
    words = [text for text, _ in texts(wrong["confident-mistakes"].figure)]
    assert sum(text.startswith("✗") for text in words) == words.count("is cedar") == 5
    assert not [text for text in words if text.startswith("✓")]
    surest = said.probability[(said.labels == 2) & ~said.right].max()
    assert f"{100 * surest:.0f} %" in words
    right = shown("predictions", seen, only="right")
    assert list(right) == ["predictions", "doubtful-hits"]
    words = [text for text, _ in texts(right["doubtful-hits"].figure)]
    assert f"{100 * said.probability[said.right].min():.0f} %" in words
    one = shown("predictions", seen, places=(7,))
    assert texts(one["predictions"].figure)[0][0][2:] == seen.classes[said.predicted[7]]


def test_without_labels_there_are_answers_alone():
    logits, labels = answered(40, 3)
    seen = subject(logits, np.full_like(labels, -1))
    assert list(shown("predictions", seen)) == ["predictions"]
    for text, _ in texts(shown("predictions", seen)["predictions"].figure):
        assert not text.startswith(("✓", "✗", "is "))
    with pytest.raises(InputError, match="true class"):
        shown("predictions", seen, only="wrong")
    for look in LOOKS.keys() - {"predictions"}:
        with pytest.raises(InputError, match="true class"):
            shown(look, seen)


def test_a_network_without_mistakes_is_said_to_have_none():
    labels = np.arange(60) % 3
    seen = subject(12 * np.eye(3)[labels], labels)
    assert list(shown("predictions", seen)) == ["predictions", "doubtful-hits"]
    assert "No image is wrong" in shown("predictions", seen, only="wrong")["predictions"].caption
    assert list(shown("classes", seen)) == ["classes"]
    assert "No image is wrong" in shown("classes", seen)["classes"].caption
    assert "no image is taken for another" in shown("confusion", seen)["confusion"].caption
    assert "no likely label error" in shown("errors", seen)["errors"].caption
    for look in LOOKS:
        for picture in shown(look, seen).values():
            assert_legible(picture.figure)


def test_one_class_only_and_labels_beyond_the_network_are_refused():
    single = subject(np.zeros((5, 1)), np.zeros(5, int))
    assert list(shown("predictions", single)) == ["predictions", "doubtful-hits"]
    for look in LOOKS.keys() - {"predictions"}:
        with pytest.raises(InputError, match="2 classes"):
            shown(look, single)
        with pytest.raises(InputError, match="a label says 7"):
            shown(look, subject(np.zeros((5, 3)), np.full(5, 7)))
    with pytest.raises(InputError, match="did you mean ash"):
        shown("predictions", subject(np.zeros((5, 2)), np.zeros(5, int), ["ash", "oak"]), of_class="ahs")


def test_scores_that_are_no_numbers_are_refused():
    with pytest.raises(InputError, match="no numbers"):
        shown("predictions", subject(np.full((5, 2), np.nan), np.zeros(5, int)))


def test_one_image_is_enough_for_every_look():
    seen = subject(np.array([[1.0, 2.0, 0.5]]), [0])
    for look in LOOKS:
        for picture in shown(look, seen).values():
            assert_legible(picture.figure)


def test_planted_label_errors_are_shown_first():
    logits, labels = answered(300, 4, skill=1.0)
    given = labels.copy()
    given[17] = (given[17] + 1) % 4
    first = next(text for text, _ in texts(shown("errors", subject(logits, given))["errors"].figure))
    assert first == f"{labels[17]}?"


@pytest.mark.parametrize("epochs", [1, 2, 40])
def test_curves_of_a_run(tmp_path, epochs):
    with pytest.raises(InputError, match="run folder"):
        list(curves.pictures(subject(np.zeros((5, 2)), np.zeros(5, int)), LookOptions()))
    (tmp_path / "recipe.json").write_text('{"model": "resnet20", "data": "digits"}')
    seen = subject(np.zeros((5, 2)), np.zeros(5, int), run=tmp_path)
    with pytest.raises(InputError, match="no epoch"):
        list(curves.pictures(seen, LookOptions()))
    rows = [{"epoch": e, "train_loss": 2 / e, "learning_rate": 0.9**-e, "seconds": 2.0} for e in range(1, epochs + 1)]
    for row in rows:
        row.update(dict.fromkeys(("val_loss", "val_accuracy"), None if epochs == 2 else 1 - 0.5 / row["epoch"]))
    (tmp_path / "events.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (picture,) = curves.pictures(seen, LookOptions())
    assert_legible(picture.figure)
    assert len(picture.figure.axes) == 2 + (epochs != 2)
    assert ("no images were kept" in picture.caption) == (epochs == 2)


def test_names_of_lines_stay_at_their_ends_at_any_resolution(tmp_path):
    (tmp_path / "recipe.json").write_text('{"model": "resnet20", "data": "digits"}')
    row = {"epoch": 1, "train_loss": 2.0, "val_loss": 1.0, "val_accuracy": 0.5, "learning_rate": 0.1}
    (tmp_path / "events.jsonl").write_text(json.dumps(row) + "\n" + json.dumps(row | {"epoch": 2}) + "\n")
    (picture,) = curves.pictures(subject(np.zeros((5, 2)), np.zeros(5, int), run=tmp_path), LookOptions())
    places = {}
    for dpi in (72, save.DPI):
        picture.figure.set_dpi(dpi)
        places[dpi] = {name: box.x0 / dpi for name, box in texts(picture.figure) if name.startswith(("training", "validation"))}
    assert places[72] == pytest.approx(places[save.DPI], abs=0.05)


def test_answers_are_remembered_until_weights_change():
    logits, labels = answered(30, 3)
    seen = subject(logits, labels)
    first = predictions_of(seen)
    assert predictions_of(seen) is first
    with torch.no_grad():
        seen.model.logits.mul_(-1)
    assert np.array_equal(predictions_of(seen).logits, -first.logits)
