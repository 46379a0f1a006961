import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from legible import assert_legible, texts
from scripted import answered, subject

from convatlas.data import Resident
from convatlas.errors import InputError
from convatlas.insight.predictions import predictions_of
from convatlas.looks import draw_look
from convatlas.views import save

LOOKS = ("predictions", "confusion", "calibration", "classes", "errors")
HAS_COUNT = {"predictions", "classes", "errors"}
NAMES = {
    "binary": ["benign", "malignant"],
    "ten": "airplane automobile bird cat deer dog frog horse ship truck".split(),
    "long": [f"hen-of-the-woods, Polyporus frondosus, Grifola frondosa no. {i}" for i in range(1000)],
    "hundred": [f"class number {i}" for i in range(100)],
}


def shown(look, subject, **options):
    return {picture.name: picture for picture in draw_look(subject, look, **options)}


@pytest.mark.parametrize(
    "name", ["binary", "long", *(pytest.param(name, marks=pytest.mark.slow) for name in ("ten", "hundred"))]
)
@pytest.mark.parametrize("look", LOOKS)
def test_every_look_is_legible_for_few_and_for_many_classes_with_long_names(look, name):
    k = len(NAMES[name])
    logits, labels = answered(300, k)
    for picture in shown(look, subject(logits, labels, NAMES[name]), **({"count": 7} if look in HAS_COUNT else {})).values():
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
    assert list(every) == ["predictions", "confident-mistakes", "least-confident-correct"]
    wrong = shown("predictions", seen, only="wrong", count=5, **{"class": "cedar"})
    assert list(wrong) == ["predictions", "confident-mistakes"]
    words = [text for text, _ in texts(wrong["confident-mistakes"].figure)]
    assert sum(text.startswith("✗") for text in words) == words.count("is cedar") == 5
    assert not [text for text in words if text.startswith("✓")]
    surest = said.probability[(said.labels == 2) & ~said.right].max()
    assert f"{100 * surest:.0f} %" in words
    right = shown("predictions", seen, only="right")
    assert list(right) == ["predictions", "least-confident-correct"]
    words = [text for text, _ in texts(right["least-confident-correct"].figure)]
    assert f"{100 * said.probability[said.right].min():.0f} %" in words
    one = shown("predictions", seen, at=(7,))
    assert texts(one["predictions"].figure)[0][0][2:] == seen.classes[said.predicted[7]]


def test_without_labels_there_are_answers_alone():
    logits, labels = answered(40, 3)
    seen = subject(logits, np.full_like(labels, -1))
    assert list(shown("predictions", seen)) == ["predictions"]
    for text, _ in texts(shown("predictions", seen)["predictions"].figure):
        assert not text.startswith(("✓", "✗", "is "))
    with pytest.raises(InputError, match="true class"):
        shown("predictions", seen, only="wrong")
    for look in set(LOOKS) - {"predictions"}:
        with pytest.raises(InputError, match="true class"):
            shown(look, seen)


def test_a_network_without_mistakes_is_said_to_have_none():
    labels = np.arange(60) % 3
    seen = subject(12 * np.eye(3)[labels], labels)
    assert list(shown("predictions", seen)) == ["predictions", "least-confident-correct"]
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
    assert list(shown("predictions", single)) == ["predictions", "least-confident-correct"]
    for look in set(LOOKS) - {"predictions"}:
        with pytest.raises(InputError, match="at least 2 classes"):
            shown(look, single)
        with pytest.raises(InputError, match="a label is 7"):
            shown(look, subject(np.zeros((5, 3)), np.full(5, 7)))
    with pytest.raises(InputError, match="did you mean ash"):
        shown("predictions", subject(np.zeros((5, 2)), np.zeros(5, int), ["ash", "oak"]), **{"class": "ahs"})


def test_nan_outputs_are_refused():
    with pytest.raises(InputError, match="NaN or infinite"):
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
        list(draw_look(subject(np.zeros((5, 2)), np.zeros(5, int)), "curves"))
    (tmp_path / "recipe.json").write_text('{"model": "resnet20", "data": "digits"}')
    seen = subject(np.zeros((5, 2)), np.zeros(5, int), run=tmp_path)
    with pytest.raises(InputError, match="no epoch"):
        list(draw_look(seen, "curves"))
    rows = [{"epoch": e, "train_loss": 2 / e, "learning_rate": 0.9**-e, "seconds": 2.0} for e in range(1, epochs + 1)]
    for row in rows:
        row.update(dict.fromkeys(("val_loss", "val_accuracy"), None if epochs == 2 else 1 - 0.5 / row["epoch"]))
    (tmp_path / "events.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (picture,) = draw_look(seen, "curves")
    assert_legible(picture.figure)
    assert len(picture.figure.axes) == 2 + (epochs != 2)
    assert ("no images were kept" in picture.caption) == (epochs == 2)


def test_names_of_lines_stay_at_their_ends_at_any_resolution(tmp_path):
    (tmp_path / "recipe.json").write_text('{"model": "resnet20", "data": "digits"}')
    row = {"epoch": 1, "train_loss": 2.0, "val_loss": 1.0, "val_accuracy": 0.5, "learning_rate": 0.1}
    (tmp_path / "events.jsonl").write_text(json.dumps(row) + "\n" + json.dumps(row | {"epoch": 2}) + "\n")
    (picture,) = draw_look(subject(np.zeros((5, 2)), np.zeros(5, int), run=tmp_path), "curves")
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
    seen.model.logits = torch.nn.Parameter(torch.from_numpy(2 * first.logits))
    assert np.array_equal(predictions_of(seen).logits, 2 * first.logits)


def test_other_images_have_predictions_of_their_own():
    logits, labels = answered(30, 3)
    all_ = subject(logits, labels)
    predictions_of(all_)
    some = replace(all_, images=Resident(all_.pixels([3, 4]), all_.labels[3:5]))
    assert np.array_equal(predictions_of(some).logits, logits[3:5])
