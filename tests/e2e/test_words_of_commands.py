"""What commands say when the input is nearly right: the quotes that read oddly once, and their better wording."""

import json
import re

import pytest


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        pytest.param("show resnet20 --input 3x224", "3x224 means 3 pixels high and 224 wide: channels come first", id="F58"),
        ("blueprint lenet5 --input 1x28", "channels come first, as in 1x28x28"),
        ("show resnet20 --input 8", "take --image-size 16, to which images are resized"),
        ("look lenet5 --format gif", "unknown --format 'gif': there are pdf, png, svg."),
        ("look lenet5 --theme blue", "unknown theme 'blue': there are dark, light, transparent."),
        ("look lenet5 --what bogus", "there are all, calibration, classes"),
        ("train lenet5 --tta twelve", "unknown tta 'twelve': there are flip, none, ten."),
        ("train lenet5 --swa 0.5 --ema 0.9", "--swa and --ema both average the weights: give one of them"),
        ("train lenet5 --seed 99999999999999999999", "--seed needs to be below 2^63, got 99999999999999999999"),
        ("train lenet5 --lr nan", "--lr needs to be a number, got 'nan'"),
        ("train lenet5 bogus", "`convatlas train` has no use for 'bogus'"),
        ("look lenet5 --what embedding --count 3", "an embedding needs 4 images or more, got 3"),
        pytest.param(
            "look lenet5 --what embedding --count 9 --perplexity 30", "got 30 and 9 images: --perplexity 2 does", id="F56"
        ),
    ],
)
def test_words(say, words, sentence):
    said = say(*words.split())
    assert said.code == 2, said.all
    assert sentence in said.all


def test_f56_few_images_get_a_perplexity_that_fits(say, digits_run):
    said = say("look", digits_run, "--what", "embedding", "--count", 6)
    assert said.code == 0, said.all
    assert "perplexity 1," in said.out


def test_f51_mean_and_standard_deviation_are_flags_of_look(say, digits_run, tmp_path):
    weights = digits_run / "model.safetensors"
    said = say("look", "lenet5", "--weights", weights, "--data", "digits", "--what", "filters", "--mean", "0.5", "--std", "0.2")
    assert said.code == 0, said.all


def test_another_precision_is_named(say, digits_run, tmp_path):
    said = say("evaluate", digits_run, "--precision", "bf16")
    assert "measured in bf16; the run itself was tested in float32, and --precision 32 repeats its figures" in said.err


@pytest.mark.parametrize("flag", ["", "--json"])
def test_f35_a_comparison_in_which_all_failed_ends_with_one(say, flag):
    words = "compare tinyvgg --data digits --limit 100 --epochs 1 --lr 1e30 --seeds 1 --optimizer sgd --device cpu".split()
    said = say(*words, *flag.split())
    assert said.code == 1, said.all
    assert not flag or json.loads(said.out)["networks"][0]["status"] == "failed"


def test_f35_a_sweep_in_which_all_failed_ends_with_one(say):
    pytest.importorskip("optuna")
    said = say(*"sweep tinyvgg --data digits --limit 100 --epochs 1 --search lr=1e30,1e31 --trials 2 --optimizer sgd".split())
    assert said.code == 1, said.all
    assert re.search("none of 2 trials came to its end: the loss", said.all)


@pytest.mark.parametrize(
    "words",
    ["train lenet5 --weights https://x.y/z.pth", "train lenet5 --data https://x.y/z", "look lenet5 --image https://x.y/z.png"],
)
def test_addresses_are_not_fetched(say, words):
    said = say(*words.split())
    assert (said.code, "is an address, and addresses are not fetched" in said.all) == (2, True)
