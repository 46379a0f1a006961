import logging

import pytest
import torch
from small import SIDE, Small, same
from torch import nn

from convatlas.engine import hardware, machine
from convatlas.engine.hardware import choose_device
from convatlas.engine.machine import Machine, check_machine, fastest, fit_threads, machine_to_evaluate, options_of, use_threads
from convatlas.engine.record import Run
from convatlas.errors import InputError


class Clock:
    """Seconds for each option in turn, and how often it was asked."""

    def __init__(self, **seconds):
        self.seconds = {name: iter(values) for name, values in seconds.items()}
        self.turns = dict.fromkeys(seconds, 0)

    def __call__(self, option):
        self.turns[option] += 1
        return next(self.seconds[option])


def test_the_mean_decides_and_not_a_lucky_moment():
    clock = Clock(two=[1, 0.3, 1, 1, 1], one=[0.7, 0.7, 0.7, 0.7, 0.7])
    assert fastest(["two", "one"], clock) == "one"


def test_a_cold_first_turn_does_not_count():
    clock = Clock(two=[2, 0.9, 0.9, 0.9, 0.9], one=[1, 1, 1, 1, 1])
    assert fastest(["two", "one"], clock) == "two"


def test_what_is_clearly_slower_gets_no_further_turn():
    clock = Clock(two=[9], half=[1, 2, 2], one=[1, 1, 1])
    assert fastest(["two", "half", "one"], clock) == "one"
    assert clock.turns == {"two": 1, "half": 3, "one": 3}


def test_no_turn_begins_after_the_longest_time():
    clock = Clock(two=[1, 1], one=[1.2, 1.2])
    assert fastest(["two", "one"], clock, longest=1) == "two"
    assert clock.turns == {"two": 1, "one": 1}


@pytest.fixture
def eight():
    """As many threads as there may be."""
    with use_threads(8):
        yield


@pytest.fixture
def choose(monkeypatch):
    """Measures all options once, and takes the one with these values."""

    def patch(**values):
        def take(options, seconds_of, _longest):
            assert all(seconds_of(option) > 0 for option in options)
            return next(option for option in options if all(getattr(option, name) == it for name, it in values.items()))

        monkeypatch.setattr(machine, "fastest", take)
        monkeypatch.setattr(machine, "TURN", 0)

    return patch


def test_all_half_or_one_thread_is_what_there_is_to_choose_from(eight):
    assert [option.threads for option in options_of("cpu", "32", None)] == [8, 4, 1]
    assert [option.threads for option in options_of("cpu", "32", 3)] == [3]
    assert [option.threads for option in options_of("cuda", "32", None)] == [8]


@pytest.mark.parametrize(("has", "precisions"), [(True, ["32", "bf16"]), (False, ["32"])])
def test_bf16_is_tried_where_the_processor_has_it(monkeypatch, has, precisions):
    monkeypatch.setattr(hardware, "has_bf16", lambda _: has)
    with use_threads(1):
        assert [option.precision for option in options_of("cpu", "auto", None)] == precisions


def test_with_one_thread_nothing_is_measured(monkeypatch):
    monkeypatch.setattr(machine, "fastest", None)
    with use_threads(1):
        assert machine_to_evaluate(Small(), (1, SIDE, SIDE), 32, 10_000) == Machine("cpu", "32", 1)


def test_for_a_few_images_nothing_is_measured(monkeypatch, eight):
    monkeypatch.setattr(machine, "fastest", None)
    assert machine_to_evaluate(Small(), (1, SIDE, SIDE), 32, 20).threads == 8


def test_a_batch_that_takes_long_is_cut(monkeypatch, choose, eight):
    seen = []

    class Slow(Small):
        def forward(self, x):
            seen.append(len(x))
            return super().forward(x)

    choose(threads=1)
    monkeypatch.setattr(machine, "seconds_a_time", lambda once, _: [once(), 1.0][1])  # for the four images of a first step
    machine_to_evaluate(Slow(), (1, SIDE, SIDE), 128, 10_000)
    assert set(seen) == {4}
    monkeypatch.setattr(machine, "seconds_a_time", lambda once, _: [once(), 0.04][1])
    machine_to_evaluate(Slow(), (1, SIDE, SIDE), 128, 10_000)
    assert set(seen) == {4, 30}


def test_the_threads_are_those_that_were_measured_and_then_those_from_before(choose, eight, caplog):
    choose(threads=4)
    with fit_threads(Small(), (1, SIDE, SIDE), 32, 100):
        assert torch.get_num_threads() == 4
    assert torch.get_num_threads() == 8
    assert caplog.messages == ["4 of 8 threads: the fastest in a short measurement"]
    with caplog.at_level(logging.WARNING), fit_threads(Small(), (1, SIDE, SIDE), 32, 100, threads=1):
        assert torch.get_num_threads() == 1
    assert len(caplog.messages) == 1


def test_evaluating_changes_no_mode_and_no_random_number(choose, eight):
    choose(threads=1)
    model = Small().train()
    before = torch.get_rng_state()
    machine_to_evaluate(model, (1, SIDE, SIDE), 32, 100)
    assert model.training
    assert torch.equal(before, torch.get_rng_state())


def test_measuring_changes_no_bit_of_a_run(go, choose, eight):
    alone = go("alone", threads=1)
    choose(threads=1)
    measured = go("measured", threads=None)
    assert measured.notes == ["1 of 8 threads: the fastest in a short measurement"]
    assert measured.run.environment["threads"] == 1
    same(alone, measured)
    assert torch.get_num_threads() == 8


def test_a_run_goes_on_with_its_own_threads_and_precision(go, choose, eight, monkeypatch):
    monkeypatch.setattr(hardware, "has_bf16", lambda _: True)
    monkeypatch.setattr(machine, "count_cores", lambda: 8)
    choose(precision="bf16", threads=4)
    go("cut", stop=6, precision="auto")
    choose(precision="32", threads=1)
    again = go("cut", precision="auto")
    assert {key: again.run.environment[key] for key in ("precision", "threads")} == {"precision": "bf16", "threads": 4}
    choose(precision="bf16", threads=4)
    same(go("whole", precision="auto"), again)


def test_a_run_that_has_not_begun_is_measured(go, tmp_path):
    assert machine.machine_of_run(Run.create(tmp_path / "new", go(epochs=1).run.recipe)) is None


def test_weights_and_gradients_stay_as_they_were(go, choose, eight, digits):
    recipe = go(epochs=1).run.recipe
    choose(threads=1)
    model = Small()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}

    def loss(net: nn.Module, x: torch.Tensor, y: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"class": nn.functional.cross_entropy(net(x), y)}

    machine.machine_to_train(model, digits, recipe, SIDE, loss)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("threads", [0, 3])
def test_more_threads_than_cores_are_refused(monkeypatch, threads):
    monkeypatch.setattr(machine, "count_cores", lambda: 2)
    with pytest.raises(InputError, match=rf"--threads needs to be auto or 1 to 2, .* got {threads}"):
        check_machine("cpu", "32", threads)


@pytest.mark.parametrize(
    ("gpus", "wanted", "words"),
    [
        (0, "cuda:0", "cuda:0 is not here: there is no GPU: use --device auto"),
        (1, "cuda:7", "cuda:7 is not here: there is one GPU, cuda:0"),
        (4, "cuda:7", "cuda:7 is not here: there are 4 GPUs, cuda:0 to cuda:3"),
        (1, "cuda:x", "unknown device 'cuda:x': did you mean cuda:0"),
        (1, "cuda:-1", "unknown device 'cuda:-1'"),
    ],
)
def test_f71_a_gpu_that_is_not_here(monkeypatch, gpus, wanted, words):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    with pytest.raises(InputError, match=words):
        choose_device(wanted)


def test_f71_a_gpu_by_its_number_becomes_the_current_one(monkeypatch):
    chosen = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    assert choose_device("cuda:1") == "cuda"
    assert chosen == [1]
