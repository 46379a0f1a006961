"""`convatlas conv` and `convatlas evolution`."""

import json

import pytest


def test_one_layer_with_its_formula(say):
    said = say("conv", "--input", "224", "--kernel", "7", "--stride", "2", "--padding", "3")
    assert said.code == 0
    assert "⌊(224 + 2·3 − 1·(7 − 1) − 1)/2⌋ + 1 = 112" in said.out
    assert "64x112x112" in said.out
    assert "9,408 weights, 9,472 with biases" in said.out
    assert "118,013,952" in said.out
    assert "339 weights" in said.out  # 3·49 + 3·64


def test_a_chain_and_its_total_are_resnets_stem_and_pool_sized(say):
    words = "conv --input 224x320 --kernel 7,3 1x3 --stride 2 2 1 --padding 3 1 0x1 --channels 3:64:128:256 --json".split()
    got = json.loads(say(*words).out)
    assert [layer["output"] for layer in got["layers"]] == [[64, 112, 160], [128, 56, 80], [256, 56, 80]]
    assert got["weights"] == 3 * 64 * 49 + 64 * 128 * 9 + 128 * 256 * 3
    assert got["parameters"] == got["weights"] + 64 + 128 + 256
    assert got["macs"] == 9408 * 112 * 160 + 64 * 128 * 9 * 56 * 80 + 128 * 256 * 3 * 56 * 80
    assert got["layers"][2]["receptive_field"] == [11, 19]
    table = say(*words[:-1])
    assert table.code == 0
    assert f"{got['macs']:,} MACs" in table.out
    assert "each of 56x80 units sees 11x19 pixels" in table.out


def test_depthwise_is_separable_already(say):
    said = say("conv", "--kernel", "3", "--groups", "8", "--channels", "8:8")
    assert "nothing to gain" in said.out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("--input 5 --kernel 7", "needs 7 pixels of height and finds 5 + 2·0 = 5; it fits with an image of at least 7x7"),
        ("--kernel x", "--kernel needs whole numbers such as 7"),
        ("--kernel 3x3x3", "--kernel needs whole numbers"),
        ("--kernel 3 --padding -1", "--padding"),
        ("--kernel 3 --padding same", "--padding needs whole numbers"),
        ("--kernel 3 3 3 --stride 1 2", "--stride needs 1 or 3 values, got 2"),
        ("--kernel 3 --channels 3", "--channels needs 2 numbers for 1 layer, got 3"),
        ("--kernel 3 3 3 --channels 3:4:5", "--channels needs 4 numbers for 3 layers"),
        ("--kernel 3 --groups 2", "groups divide both"),
        ("--kernel 3 --output-padding 1", "add --transposed"),
        ("--input 0 --kernel 3", "image of 1 to 16,384 pixels"),
        ("--input 99999999 --kernel 3", "image of 1 to 16,384 pixels"),
        ("--kernel 3 --out a.webm", ".svg, .gif, .png, .pdf"),
        ("--kernel 99 --out a.svg", "too large to draw"),
        ("", "--kernel"),
    ],
)
def test_what_does_not_fit_ends_with_a_sentence_and_two(say, tmp_path, words, sentence):
    said = say("conv", *words.split())
    assert said.code != 0
    assert sentence in said.all
    assert "Traceback" not in said.all
    assert not list(tmp_path.iterdir())


def test_pictures_are_written_and_named(say, tmp_path):
    said = say("conv", "--kernel", "3", "--input", "6", "--out", "a.svg", "--theme", "dark")
    assert said.out.splitlines()[-1].split() == ["picture", "a.svg"]
    assert (tmp_path / "a.svg").read_text(encoding="utf-8").startswith("<svg")


def test_evolution_lists_every_idea(say):
    from convatlas.models.lineage import edges, nodes

    got = json.loads(say("evolution", "--json").out)
    assert len(got["lineage"]) == len(edges())
    assert len(got["nodes"]) == len(nodes())
    said = say("evolution")
    assert all(edge.idea in said.all for edge in edges())
