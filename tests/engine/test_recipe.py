import json
from dataclasses import fields, replace

import pytest

from convatlas.engine.recipe import CHOSEN, Recipe
from convatlas.engine.record import slug
from convatlas.errors import InputError
from convatlas.recipes import tuning_recipe

OTHER = {
    "model": "vgg11", "data": "mnist", "data_dir": "there", "val_share": 0.2, "split_seed": 3, "limit": 100, "image_size": 32,
    "strict": True, "resident_share": 0.5, "workers": 2, "weights": "a.pth", "epochs": 3, "batch_size": 7, "accumulate": 2,
    "optimizer": "adamw", "lr": 0.2, "momentum": 0.8, "weight_decay": 0.1, "schedule": "step", "warmup": 0.1,
    "label_smoothing": 0.1, "clip": 1.0, "ema": 0.9, "crop": 2, "flip": False, "cutout": 3, "zoom": 0.5, "precision": "32",
    "threads": 1, "channels_last": False, "compile": True, "device": "cpu", "seed": 1, "checkpoint_minutes": 1.0,
    "folds": 3, "fold": 1, "mean": (0.5, 0.4, 0.3), "std": (0.2,), "balance": "weights", "strategy": "head", "stage_decay": 0.6,
    "head_rate": 3.0, "freeze_norms": True, "teacher": "runs/big", "distill": 0.7, "temperature": 2.0, "stochastic_depth": 0.1,
    "patience": 3, "randaugment": 9, "trivialaugment": True, "erasing": 0.25, "mixup": 0.2, "cutmix": 1.0, "tta": "flip",
    "fresh_head": True, "group_by": "patient", "path_column": "file", "label_column": "tags", "fit": "contain",
    "white": 4095, "extended": (2,),
}  # fmt: skip
ALONE = {"swa": 0.25, "checkpoint_activations": True}  # what excludes another field of these


def test_json_both_ways():
    for recipe in (Recipe(), Recipe(**OTHER)):
        assert Recipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe


def test_the_digest_of_an_earlier_recipe_is_still_the_same():
    assert Recipe().digest() == "f78f2a6a"


def test_the_digest_knows_every_field():
    other = OTHER | ALONE
    assert other.keys() == {f.name for f in fields(Recipe)}
    folded = Recipe(folds=7)
    digests = {replace(folded if name == "fold" else Recipe(), **{name: value}).digest() for name, value in other.items()}
    assert len(digests | {Recipe().digest(), folded.digest()}) == len(other) + 2
    assert Recipe().digest() == Recipe().digest()


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("epochs", [0, -1, 1.5, "3", True]), ("batch_size", [0]), ("accumulate", [0]), ("limit", [0]), ("image_size", [0]),
        ("val_share", [-0.1, 1.0, float("nan")]), ("warmup", [-0.1, 1.0]), ("label_smoothing", [1.0]), ("momentum", [-1, 1.0]),
        ("resident_share", [-0.1, 1.1]), ("lr", [0, -1, float("nan"), float("inf"), "big"]),
        ("weight_decay", [-1e-9, float("inf")]), ("checkpoint_minutes", [0.0, float("inf")]), ("seed", [-1, 2**63, 0.5]),
        ("split_seed", [-1, 2**31]), ("clip", [0.0, -1, float("nan")]), ("ema", [0.0, 1.0]), ("zoom", [0.0, 1.1]),
        ("crop", [-1]), ("cutout", [-1]), ("workers", [-1]), ("flip", [1, "yes"]), ("strict", [None, 0]), ("data", [None, 3]),
        ("std", [(0.0,), (0.2, -1.0)]),
    ],
)  # fmt: skip
def test_a_value_out_of_range_names_flag_and_value(name, values):
    for value in values:
        text = ",".join(map(str, value)) if isinstance(value, tuple) else value
        with pytest.raises(InputError, match=f"--{name.replace('_', '-')} needs to be .*got {text}"):
            Recipe(**{name: value})


@pytest.mark.parametrize(
    ("name", "given", "near"),
    [
        ("optimizer", "adam", "adamw"),
        ("schedule", "cosin", "cosine"),
        ("precision", "fp32", "32"),
        ("precision", "bf1", "bf16"),
    ],
)
def test_a_choice_that_does_not_exist_names_the_nearest(name, given, near):
    with pytest.raises(InputError, match=f"unknown {name} '{given}'.*{near}"):
        Recipe(**{name: given})


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"swa": 0.5, "ema": 0.9}, "--swa and --ema both average the weights: give one of them"),
        ({"swa": 0.5, "patience": 2}, "--swa averages the last epochs, which --patience may leave out"),
        ({"compile": True, "checkpoint_activations": True}, "--compile chooses itself what to compute again"),
    ],
)
def test_what_excludes_each_other_says_so(values, words):
    with pytest.raises(InputError, match=words):
        Recipe(**values)
    for name, value in values.items():
        Recipe(**{name: value})


def test_help_says_where_tune_chooses_otherwise():
    for images in (100, 5_000, 50_000):
        chosen = tuning_recipe("resnet18", "photos", images)
        for f in fields(Recipe):
            value, shown = getattr(chosen, f.name), f.metadata["default"] or ""
            if value != f.default and f.name != "model" and shown != CHOSEN:
                said = f"{value:g}" if f.type is float else value
                assert shown.rpartition("tune: ")[2] in ("yours", "by network", "by data", said), f.name


def test_an_unknown_field_names_the_nearest():
    with pytest.raises(InputError, match="field of a recipe 'epoch': did you mean epochs"):
        Recipe.from_json({"epoch": 3})


def test_a_whole_number_does_for_a_fraction():
    assert Recipe(lr=1, clip=2, checkpoint_minutes=1).lr == 1


def test_long_names_stay_apart_as_folders():
    first, second = (slug("densenet_bc_100_12:depths=(4,4,4),growth=12,compression=0.5,x=" + end) for end in "12")
    assert first != second
    assert max(len(first), len(second)) <= 60
    assert slug("resnet20:width=32") == "resnet20-width-32"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"lr": float("nan")}, "--lr needs to be a number, got nan"),
        ({"epochs": 1.5}, "--epochs needs to be a whole number, got 1.5"),
        ({"flip": "yes"}, "--flip needs to be yes or no, got yes"),
        ({"mean": 0.5}, "--mean needs to be numbers, one for each channel, got 0.5"),
        ({"seed": 10**20}, r"--seed needs to be at least 0 and below 2\^63"),
    ],
)
def test_a_value_of_another_kind_is_told_in_words(values, words):
    with pytest.raises(InputError, match=words):
        Recipe(**values)
