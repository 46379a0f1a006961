import math
from dataclasses import replace

import pytest
import torch
from small import SIDE, Small, same
from torch import nn
from torch.nn.functional import cross_entropy

from convatlas.data import Batches, Feed, Resident
from convatlas.engine import train as training
from convatlas.engine.recipe import Recipe
from convatlas.engine.record import Run
from convatlas.engine.stop import Diverged
from convatlas.errors import ConvAtlasError, InputError, OutOfMemory


def plain() -> nn.Module:
    return Small(norm=False, dropout=0)


def first_images(data, count):
    x, labels = data.train.pixels(torch.arange(count)), data.train.labels[:count]
    return replace(data, train=Resident(x, labels), val=None, test=Resident(x, labels))


def test_one_batch_is_learned_by_heart(go, digits):
    told = go(data=first_images(digits, 16), model=plain, epochs=60, batch_size=16, optimizer="adamw", lr=0.05, crop=0)
    assert told.run.metrics["train"]["accuracy"] == 1
    assert told.epochs[-1][1] < 0.02


def test_same_seed_same_bits_and_another_seed_others(go):
    a, b, c = go("a"), go("b"), go("c", seed=1)
    assert a.steps == b.steps
    assert a.epochs == b.epochs
    same(a, b)
    assert a.steps != c.steps


def test_the_seed_is_the_recipes_not_the_callers(go):
    torch.manual_seed(0)
    model = Small()
    a = go("a", model=lambda: model)  # the dropout draws
    torch.manual_seed(0)
    again = Small()
    b = go("b", model=lambda: [torch.rand(7), again][1])
    assert a.steps == b.steps


def slow(value):
    return pytest.param(value, marks=pytest.mark.slow)


CASES = {
    "sgd": {},
    "adamw": {"optimizer": "adamw", "lr": 0.01},
    "ema": {"ema": 0.8},
    "swa": {"swa": 0.5},
    "patience": {"patience": 1, "tta": "flip"},
    "mixed": {"mixup": 0.5, "cutmix": 0.5, "balance": "sampling"},
    "accumulate": {"accumulate": 2},
    "all": {"optimizer": "adamw", "lr": 0.01, "ema": 0.8, "accumulate": 3, "clip": 0.5, "label_smoothing": 0.1, "cutout": 2},
}


@pytest.mark.parametrize("stop", [slow(1), 3, slow(5), 6, slow(9)])  # of ten steps in two epochs; one step follows the request
@pytest.mark.parametrize("case", CASES)
def test_resuming_equals_going_on(go, case, stop):
    whole = go("whole", **CASES[case])
    before = go("cut", stop=stop, **CASES[case])
    assert not before.run.finished
    assert len(before.steps) == stop
    after = go("cut", **CASES[case])
    same(whole, after)


def test_interrupted_again_and_again(go):
    whole = go("whole", accumulate=2, ema=0.9)
    for _ in range(20):
        told = go("cut", stop=1, accumulate=2, ema=0.9)
        if told.run.finished:
            break
    same(whole, told)


def test_bf16_resumes_bit_for_bit(go):
    whole = go("whole", precision="bf16")
    go("cut", stop=6, precision="bf16")
    same(whole, go("cut", precision="bf16"))


@pytest.fixture
def pictures(tmp_path):
    """Two classes of noise, with a color each, as files that are decoded in every epoch."""
    from PIL import Image

    from convatlas.data import load

    for label, tint in (("blue", 2), ("red", 0)):
        folder = tmp_path / "pictures" / label
        folder.mkdir(parents=True)
        for i in range(24):
            x = torch.randint(0, 128, (20, 20, 3), generator=torch.Generator().manual_seed(i), dtype=torch.uint8)
            x[..., tint] += 100
            Image.fromarray(x.numpy()).save(folder / f"{i}.png")
    return load(str(tmp_path / "pictures"), image_size=SIDE, resident_share=0)


@pytest.mark.parametrize("workers", [0, 1])
def test_streamed_pictures_resume_bit_for_bit(go, pictures, workers):
    from convatlas.data import Streamed

    def model() -> nn.Module:
        return Small(c_in=3, classes=2)

    assert isinstance(pictures.train, Streamed)
    settings = {"model": model, "data": pictures, "batch_size": 8, "workers": workers, "zoom": 0.5, "flip": True, "lr": 0.02}
    whole = go("whole", **settings)
    go("cut", stop=2, **settings)
    same(whole, go("cut", **settings))


def test_a_run_killed_before_its_first_save_starts_again(go):
    whole = go("whole")
    go("cut", stop=6)
    (go("cut", stop=1).run.path / "state.pt").unlink()
    same(whole, go("cut"))


def test_the_line_of_an_epoch_that_was_not_saved_is_written_once(go):
    whole = go("whole")
    cut = go("cut", stop=8)
    events = cut.run.path / "events.jsonl"
    events.write_text(events.read_text() + events.read_text().replace('"epoch": 1', '"epoch": 2') + '{"epoch": 3, "train_lo')
    same(whole, go("cut"))


def test_accumulated_batches_equal_a_large_one(go, digits):
    data = first_images(digits, 96)
    settings = {"model": plain, "data": data, "crop": 0, "momentum": 0.5}
    small, large = go("small", batch_size=8, accumulate=4, **settings), go("large", batch_size=32, **settings)
    for name, tensor in large.weights.items():
        torch.testing.assert_close(small.weights[name], tensor, rtol=1e-4, atol=1e-6)
    assert [e[1] for e in small.epochs] == pytest.approx([e[1] for e in large.epochs], rel=1e-4)


def test_the_last_step_of_an_epoch_averages_what_it_gathered(go, digits):
    """Three batches, two gathered: the second step has one batch alone, at its full weight."""
    data = first_images(digits, 24)
    together = go("a", model=plain, data=data, batch_size=8, accumulate=2, epochs=1, crop=0, schedule="constant", warmup=0)
    many = go("b", model=plain, data=data, batch_size=8, accumulate=64, epochs=1, crop=0, schedule="constant", warmup=0)
    one = go("c", model=plain, data=data, batch_size=24, epochs=1, crop=0, schedule="constant", warmup=0)
    torch.testing.assert_close(many.weights["head.weight"], one.weights["head.weight"], rtol=1e-4, atol=1e-6)
    assert not torch.allclose(together.weights["head.weight"], one.weights["head.weight"], rtol=1e-3)


def test_clipping_bounds_the_step(go, digits):
    data = first_images(digits, 32)
    given = {"model": plain, "data": data, "epochs": 1, "momentum": 0, "weight_decay": 0, "schedule": "constant", "warmup": 0}
    torch.manual_seed(0)
    start = plain().state_dict()
    clipped = go("a", clip=0.01, lr=1, **given)
    moved = math.sqrt(sum((clipped.weights[name] - start[name]).square().sum().item() for name in start))
    assert moved == pytest.approx(0.01, rel=1e-3)


def test_label_smoothing_is_in_the_loss(go, digits):
    data = first_images(digits, 32)
    told = go(model=plain, data=data, epochs=1, label_smoothing=0.2, crop=0)
    torch.manual_seed(0)
    x, y = next(Batches(data.train, Feed(32, SIDE, data.mean, data.std)).epoch())
    assert told.steps[0] == pytest.approx(cross_entropy(plain()(x), y, label_smoothing=0.2).item(), rel=1e-5)


def test_rates_follow_the_schedule(go):
    rates = go(schedule="onecycle", warmup=0.2, lr=1.0).rates
    assert rates == pytest.approx([0.25, 0.75] + [1 - (k + 0.5) / 8 for k in range(8)])


class Bomb(Small):
    """Its loss is NaN from the given pass on."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at, self.passes = at, 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.passes += self.training
        return super().forward(x) * (float("nan") if self.training and self.passes >= self.at else 1)


def test_a_loss_that_is_no_number_stops_and_leaves_the_last_good_state(go, tmp_path):
    with pytest.raises(Diverged, match=r"loss became nan in epoch 2 at step 3 with learning rate 0\.\d+: try --lr 0\.025"):
        go(model=lambda: Bomb(8))
    state = torch.load(tmp_path / "run" / "state.pt", weights_only=True)
    assert state["epoch"] == 1
    assert all(tensor.isfinite().all() for tensor in state["model"].values())
    assert not (tmp_path / "run" / "metrics.json").exists()
    assert len(Run.open(tmp_path / "run").epochs()) == 1


@pytest.mark.parametrize(
    ("at", "given", "advice"),
    [
        (8, {"lr": 0.2}, r"try --lr 0\.05, a longer --warmup, --clip 1$"),
        (8, {"lr": 1e30}, r"try --lr 0\.1, "),
        (8, {"lr": 1e30, "optimizer": "adamw", "clip": 1}, r"try --lr 0\.001, a longer --warmup$"),
        (2, {"warmup": 0.5}, r"with learning rate 0\.03: try --lr 0\.0075, "),  # below the rates before it
        (8, {"precision": "bf16"}, r"--clip 1 or --precision 32$"),
        (1, {}, r"at step 1, before anything was learned: look at --mean and --std$"),
    ],
)
def test_f64_the_advice_is_a_lower_and_usual_rate(go, at, given, advice):
    with pytest.raises(Diverged, match=advice):
        go(model=lambda: Bomb(at), **given)


def test_a_save_in_between_never_holds_weights_that_are_no_numbers(go, tmp_path):
    with pytest.raises(Diverged, match="at step 4"):
        go(model=lambda: Bomb(4), checkpoint_minutes=1e-9)
    state = torch.load(tmp_path / "run" / "state.pt", weights_only=True)
    assert (state["epoch"], state["step"]) == (0, 3)
    assert all(tensor.isfinite().all() for tensor in state["model"].values())


class Cube(Small):
    """Finite values whose gradient is not: the square root at zero."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) + (self.head.weight.sum() * 0).square().sqrt() if self.training else super().forward(x)


@pytest.mark.parametrize("val_share", [0, 0.1])
def test_weights_that_break_in_the_last_step_are_not_saved(go, digits, tmp_path, val_share):
    data = first_images(digits, 32)
    with pytest.raises(Diverged, match="weights stopped being finite in epoch 1 at step 1"):
        go(model=Cube, data=data if val_share == 0 else replace(data, val=digits.val), epochs=1)
    assert not (tmp_path / "run" / "state.pt").exists()
    assert Run.open(tmp_path / "run").epochs() == []


class Wild(Small):
    """Trains well and answers nonsense."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) * (1 if self.training else float("inf"))


def test_a_held_out_loss_that_is_no_number_is_said(go):
    with pytest.raises(Diverged, match="loss of held-out images became nan"):
        go(model=Wild)


class Greedy(Small):
    error: Exception = MemoryError()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        raise self.error


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 4000 bytes"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried to allocate 4000 bytes"),
        MemoryError(),
    ],
)
def test_running_out_of_memory_says_which_batch_to_try(go, error):
    with pytest.raises(OutOfMemory, match="out of memory with batches of 32: try --batch-size 16 --accumulate 4"):
        go(model=type("Greedier", (Greedy,), {"error": error}), accumulate=2)


def test_one_image_too_much_needs_another_remedy(go):
    with pytest.raises(OutOfMemory, match="smaller network or smaller images"):
        go(model=Greedy, batch_size=1)


def test_other_errors_stay_what_they_are(go):
    with pytest.raises(RuntimeError, match="shapes"):
        go(model=type("Wrong", (Greedy,), {"error": RuntimeError("shapes cannot be multiplied")}))


@pytest.mark.parametrize("error", [InputError("a picture is broken"), ConvAtlasError("a worker was killed")])
def test_what_stops_the_data_stops_the_run_in_the_same_words(go, digits, tmp_path, error):
    class Torn(Resident):
        asked = 0

        def on(self, device, share):
            type(self).asked += 1
            if self.asked == 2:  # the second epoch
                raise error
            return super().on(device, share)

    with pytest.raises(type(error), match=str(error)):
        go(data=replace(digits, train=Torn(digits.train.x, digits.train.labels)))
    assert torch.load(tmp_path / "run" / "state.pt", weights_only=True)["epoch"] == 1


def test_without_validation_its_figures_are_null(go, digits):
    told = go(data=replace(digits, val=None))
    assert [row["val_accuracy"] for row in told.run.epochs()] == [None, None]
    assert told.run.metrics["val"] is None
    assert told.run.metrics["test"]["n"] == len(digits.test)
    assert "val_labels" not in told.run.predictions()


def test_neither_validation_nor_test_still_trains(go, digits):
    metrics = go(data=replace(digits, val=None, test=None)).run.metrics
    assert (metrics["val"], metrics["test"]) == (None, None)
    assert metrics["train"]["n"] == len(digits.train)


@pytest.mark.parametrize("size", [128, 180, 179])
def test_fewer_images_than_a_batch_make_one_step(go, size):
    told = go(batch_size=256, epochs=1) if size == 128 else go(batch_size=size, epochs=1)
    assert len(told.steps) == 1
    assert told.run.epochs()[0]["images_per_second"] > 0


def test_the_average_is_what_is_tested_and_kept(go):
    told = go(ema=0.9)
    state = torch.load(told.run.path / "state.pt", weights_only=True)
    averaged = {
        name.removeprefix("module."): t for name, t in state["average"]["averaged"].items() if name.startswith("module.")
    }
    assert averaged.keys() == told.weights.keys()
    assert all(torch.equal(tensor, told.weights[name]) for name, tensor in averaged.items())
    assert not torch.equal(state["model"]["head.weight"], told.weights["head.weight"])


def test_the_layout_in_memory_changes_nothing_but_speed(go):
    a, b = go("a", channels_last=True), go("b", channels_last=False)
    assert a.steps == pytest.approx(b.steps, rel=1e-3)
    for name, tensor in a.weights.items():
        torch.testing.assert_close(tensor, b.weights[name], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("precision", ["auto", "32", "bf16"])
def test_precisions_that_every_processor_has(go, precision):
    told = go(precision=precision, epochs=1)
    assert all(tensor.dtype != torch.bfloat16 for tensor in told.weights.values())
    assert told.run.environment["precision"] in {"32", "bf16"}


def test_fp16_is_for_gpus(go):
    with pytest.raises(InputError, match="--precision fp16 needs a GPU"):
        go(precision="fp16")


@pytest.mark.slow
def test_compiled_and_plain_agree(go):
    model = plain
    a, b = go("a", model=model, epochs=1), go("b", model=model, epochs=1, compile=True)
    assert a.steps == pytest.approx(b.steps, rel=1e-3)
    assert a.weights.keys() == b.weights.keys()


@pytest.mark.skipif(torch.cuda.is_available(), reason="looks for GPUs it has")
def test_no_step_searches_for_a_driver(go, monkeypatch):
    go(epochs=1)
    monkeypatch.setattr(torch.cuda, "_raw_device_count_nvml", None)
    assert not torch.cuda.is_available()


def test_what_the_run_folder_holds(go, digits):
    told = go()
    names = {path.name for path in told.run.path.iterdir()}
    assert names == {
        "recipe.json", "env.json", "events.jsonl", "model.safetensors", "state.pt", "metrics.json", "predictions.safetensors"
    }  # fmt: skip
    assert told.run.epochs()[0].keys() == {
        "epoch", "train_loss", "val_loss", "val_accuracy", "learning_rate", "images_per_second", "seconds",
        "other_load",
    }  # fmt: skip
    assert told.run.environment["data"]["classes"] == list(digits.classes)
    predictions = told.run.predictions()
    assert len(predictions["test_labels"]) == len(digits.test)
    right = (predictions["test_predicted"] == predictions["test_labels"]).double().mean().item()
    assert right == pytest.approx(told.run.metrics["test"]["accuracy"])


def test_a_state_of_another_recipe_is_refused(go):
    go("a", stop=2)
    with pytest.raises(InputError, match=r"state\.pt is not of this recipe"):
        go("a", model=lambda: Small(norm=False))


def test_nothing_is_left_behind(go):
    """Stopping to listen ends the run: no signal handler, no gradient, no mode stays."""
    import signal

    before = signal.getsignal(signal.SIGINT)
    told = go(stop=2)
    assert signal.getsignal(signal.SIGINT) is before
    assert (told.run.path / "state.pt").exists()


def test_ctrl_c_finishes_the_step_and_a_second_one_ends_at_once(digits, tmp_path, request):
    import signal

    found = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background is started without one
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, found))
    recipe = Recipe(epochs=2, batch_size=32, device="cpu", precision="32")
    run = Run.create(tmp_path / "a b", recipe)
    before = signal.getsignal(signal.SIGINT)
    events = training.train(Small(), digits, recipe, run, SIDE)
    next(events), next(events)
    signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    with pytest.raises(
        training.Interrupted, match=r"in epoch 1 after 2 of 5 steps, all saved.*--out '.*a b' --resume"
    ) as stopped:
        list(events)
    assert stopped.value.exit_code == 130
    assert signal.getsignal(signal.SIGINT) is before
    assert run.load_state()["step"] == 2
