"""`convatlas lr-find` and `convatlas schedule` from an empty folder."""

import json

import pytest

FAST = ("--limit", 150, "--batch-size", 32, "--device", "cpu", "--precision", 32)


def test_a_rate_is_found_and_the_command_to_go_on_works(say, tmp_path):
    said = say("lr-find", "lenet5", *FAST, "--steps", 40, "--from", 1e-4, "--to", 3, "--json")
    assert said.code == 0, said.all
    found = json.loads(said.out)
    assert 1e-4 < found["valley"] < 0.1
    assert len(found["rates"]) == len(found["losses"]) == len(found["smoothed"])
    assert (tmp_path / found["picture"]).stat().st_size > 10_000
    program, verb, *rest = found["next"].split()
    assert (program, verb, rest[-2]) == ("convatlas", "train", "--lr")
    assert "--steps" not in rest
    assert "--json" not in rest
    done = say(verb, *rest, "--epochs", 1, "--quiet")
    assert done.code == 0, done.all
    again = say("lr-find", "lenet5", *FAST, "--steps", 12)
    assert again.code == 0, again.all
    assert "lr-find-lenet5-2.png" in again.out


@pytest.mark.slow
def test_a_run_and_a_recipe_have_the_same_schedule(say, tmp_path):
    flags = (*FAST, "--epochs", 3, "--strategy", "gradual", "--schedule", "cosine")
    assert say("train", "lenet5", *flags, "--out", "run", "--quiet").code == 0
    seen = [json.loads(say("schedule", what, *more, "--json").out) for what, more in (("run", ()), ("lenet5", flags))]
    pictures = [tmp_path / one.pop("picture") for one in seen]
    assert all(path.is_file() for path in pictures)
    assert seen[0] == seen[1]
    epochs = [json.loads(line) for line in (tmp_path / "run" / "events.jsonl").read_text().splitlines()]
    top = max(phase["highest_rates"]["head"] for phase in seen[0]["phases"])
    assert max(epoch["learning_rate"] for epoch in epochs) <= top
    assert seen[0]["phases"][0]["trained_parameters"] < seen[0]["parameters"] == seen[0]["phases"][-1]["trained_parameters"]
    table = say("schedule", "lenet5", *flags, "--out", "mine.svg")
    assert "images seen" in table.out
    assert (tmp_path / "mine.svg").is_file()


def test_no_data_is_opened_where_its_size_is_said(say):
    said = say("schedule", "mobilenet_v2", "--data", "not-here", "--strategy", "lp-ft", "--images", 244, "--json")
    assert said.code == 0, said.all
    found = json.loads(said.out)
    assert [phase["first_epoch"] for phase in found["phases"]] == [1, 7]
    assert found["batches_per_epoch"] == 244 // 128
    many = json.loads(say("schedule", "resnet20", "--data", "cifar10", "--steps-per-epoch", 351, "--json").out)
    assert many["steps"] == 351 * 16


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("lr-find", "lenet5", "--from", 1, "--to", 0.1), "rates that rise"),
        (("lr-find", "lenet5", "--steps", 2), "at least 10 --steps"),
        (("lr-find", "lenet55"), "unknown network"),
        (("lr-find", "lenet5", "--strategy", "tail"), "unknown strategy"),
        (("lr-find", "lenet5", "--out", "there.png"), "there"),
        (("lr-find", "lenet5", "--out", "a.gif"), "a picture is written as"),
        (("schedule", "lenet5", "--images", 0), "at least 1"),
        (("schedule", "lenet5", "--strategy", "last-9"), "last-9 needs 9 stages"),
        (("schedule", "lenet5", "--theme", "blue"), "unknown theme"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(say, tmp_path, words, said):
    (tmp_path / "there.png").write_bytes(b"mine")
    ended = say(*words)
    assert ended.code == 2
    assert said in ended.all
    assert (tmp_path / "there.png").read_bytes() == b"mine"
    assert [path.name for path in tmp_path.iterdir()] == ["there.png"]
