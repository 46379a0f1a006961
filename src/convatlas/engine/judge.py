"""What a session is worth: validation after each epoch, and the final figures with the weights that count."""

import math
import time
from dataclasses import replace

import torch

from ..data import Batches, Images
from .evaluate import evaluate
from .events import Epoch, Finished
from .hardware import autocast
from .record import Run, images_per_second
from .session import Position, Session
from .task import Scores
from .test_time import with_views

TRAINING_SAMPLE = 2000  # training images that are evaluated at the end, to tell learning by heart


def score(session: Session, images: Images, tta: str = "none") -> Scores:
    """What the session's network is worth on images as they are, or on test-time views of them.

    Raises   Diverged if the loss is NaN or infinite
    """
    batches = Batches(images, session.feed(training=False))
    network = with_views(session.network_to_test, tta, session.task.join)
    meter = session.task.meter(session.data.classes)
    scores = evaluate(network, batches.epoch(), meter, autocast(session.precision, session.device))
    if not math.isfinite(loss := scores.figures["loss"]):
        raise session.divergence(f"the loss of held-out images became {loss}", session.steps - 1)
    return scores


def close_epoch(session: Session, run: Run) -> Epoch:
    """Validates, writes the epoch's line, then the state that continues after it."""
    at, data = session.at, session.data
    other_load = session.core_time.other_load() if session.core_time else None
    session.check_weights()
    began = time.perf_counter()
    if session.average:
        start, end = next((start, end) for start, end in session.recipe.stretches() if at.epoch < end)
        session.average.after_epoch(session.net, at.epoch + 1, end, start)
    decides = session.task.measures[0]
    val: dict[str, float | None] = {"loss": None, decides.key: None}
    if data.val is not None:
        figures = score(session, data.val).figures
        val = {key: figures[key] for key in val}
        if session.best:
            ranked = decides.rank(figures[decides.key]), -figures["loss"]
            session.best.offer(at.epoch + 1, ranked, session.network_to_test)
    images = session.steps * session.recipe.batch_size if session.batches.feed.drop_last else len(data.train)
    event = Epoch(
        epoch=at.epoch + 1,
        train_loss=at.loss_sum / session.steps,
        val=val,
        learning_rate=session.learning_rate(session.steps - 1),
        images_per_second=images / at.seconds,
        seconds=at.seconds + time.perf_counter() - began,
        other_load=other_load,
    )
    run.append(event)
    session.at = Position(epoch=at.epoch + 1)
    run.save_state(session.state())
    return event


def set_final_weights(session: Session) -> None:
    """Leaves in the network to test what counts: the best epoch's weights, or an average whose batch norms fit it."""
    if session.best:
        session.network_to_test.load_state_dict(session.best.weights)
    if session.average and session.recipe.swa:
        feed = replace(session.feed(training=True), augment=None, shuffle=False)
        batches = Batches(session.data.train, feed).epoch()
        session.average.update_batch_norms(batches, autocast(session.precision, session.device))
        session.norms_are_updated = True


def finish(session: Session, run: Run) -> Finished:
    """The final figures of all splits, weights and predictions."""
    set_final_weights(session)
    data, decides = session.data, session.task.measures[0]
    splits = {name: images for name, images in (("val", data.val), ("test", data.test)) if images is not None}
    scores = {name: score(session, images) for name, images in splits.items()}
    train = score(session, sample(data.train, TRAINING_SAMPLE))
    rows = run.epochs()
    metrics = {
        "val": scores["val"].to_json() if "val" in scores else None,
        "test": scores["test"].to_json() if "test" in scores else None,
        "train": {"n": train.n} | {key: train.figures[key] for key in ("loss", decides.key)},
        "epochs": len(rows),
        "seconds": sum(row["seconds"] for row in rows),
        "images_per_second": images_per_second([row["images_per_second"] for row in rows], alike=session.learning.alike),
        "other_load": max(rows, key=lambda row: row["images_per_second"]).get("other_load") if rows else None,
        "trained_parameters": session.learning.trained(),
    }
    if session.best:
        metrics["best_epoch"] = session.best.epoch
    if (tta := session.recipe.tta) != "none":
        metrics["tta"] = {"views": tta} | {name: score(session, images, tta).to_json() for name, images in splits.items()}
    answers = {f"{split}_{name}": tensor for split, one in scores.items() for name, tensor in one.answers.items()}
    run.finish(session.network_to_test.state_dict(), answers, metrics)
    return Finished(metrics)


def sample(images: Images, count: int) -> Images:
    """Some of the images, evenly spread, as they are stored."""
    # Not data.images.evenly: it rounds otherwise, and other images would be other figures.
    chosen = torch.linspace(0, len(images) - 1, min(len(images), count)).long()
    return images.subset(chosen)
