"""Fabricated comparisons, the same every time: what the views draw without anything having been trained."""

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from convatlas.engine.tasks.classify import CLASSIFY

MEASURES = [asdict(measure) for measure in CLASSIFY.measures]

NAMES = (
    "lenet5", "tinyvgg", "vgg11_bn", "resnet20", "densenet_bc_100_12", "alexnet", "resnet56", "plain20", "convnext_tiny",
    "resnet18", "vgg16", "wide_resnet50_2",
)  # fmt: skip
PARAMETERS = (
    61_706,
    18_050,
    9_493_770,
    272_474,
    769_162,
    2_472_266,
    855_770,
    270_000,
    27_800_000,
    11_173_962,
    14_700_000,
    66_834_380,
)
SKILL = (0.9694, 0.9508, 0.9861, 0.9889, 0.9875, 0.978, 0.9902, 0.981, 0.962, 0.9895, 0.984, 0.9871)


def pixels(k: int = 24) -> NDArray[np.uint8]:
    """Real scans of handwritten digits, (k, 8, 8, 1)."""
    scans = load_digits().images[-k:]
    return np.round(scans * 255 / 16).astype(np.uint8)[..., None]


def summary(values: list[float]) -> dict[str, Any]:
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return {"mean": float(np.mean(values)), "sd": sd, "n": len(values), "values": values}


def results(
    networks: int = 5, seeds: int = 2, classes: int = 10, epochs: int = 10, failed: tuple[int, ...] = ()
) -> dict[str, Any]:
    """A comparison in the shape that `convatlas compare` writes."""
    rng = np.random.default_rng(7)
    test = 359 if classes <= 10 else 10_000
    labels = [str(i) for i in range(classes)] if classes <= 10 else [f"class number {i}" for i in range(classes)]
    truth = load_digits().target[-24:].tolist()
    rows = []
    best = max((i for i in range(networks) if i not in failed), key=lambda i: SKILL[i], default=0)
    for i in range(networks):
        skill = SKILL[i]
        runs, finals = [], []
        for seed in range(seeds):
            final = min(1.0, skill + float(rng.normal(0, 0.003)))
            finals.append(final)
            runs.append(
                {
                    "seed": seed,
                    "folder": f"{NAMES[i]}-s{seed}",
                    "epochs": [_epoch(e, epochs, final, i, rng) for e in range(epochs)],
                }
            )
        row: dict[str, Any] = {
            "name": NAMES[i], "status": "done", "error": None, "image_size": 32, "parameters": PARAMETERS[i],
            "trained_parameters": PARAMETERS[i],
            "macs": int(PARAMETERS[i] * (6.75 if i == 0 else 38 + 21 * (i % 3))),
            "training_memory_bytes": int(9e6 + 31 * PARAMETERS[i]),
            "training_images_per_second": 19_000 / (1 + i) ** 1.7, "latency_ms": 0.31 * (1 + i) ** 1.4,
            "throughput_images_per_second": 41_000 / (1 + i) ** 1.8,
            "train_accuracy": summary([min(1.0, f + 0.009) for f in finals]), "val_accuracy": summary(finals),
            "test_accuracy": summary([f - 0.002 for f in finals]), "test_top5_accuracy": summary([0.9995] * seeds),
            "test_calibration_error": summary([0.008 + 0.004 * (i % 3) + 0.001 * s for s in range(seeds)]),
            "seconds": summary([6.0 + 5 * i + 0.4 * s for s in range(seeds)]),
            "against_best": None if i == best else _against(i, best, rng),
            "recipe": {"model": NAMES[i], "data": "digits", "epochs": epochs, "batch_size": 128, "optimizer": "sgd",
                       "lr": 0.1 if i != 1 else 0.05, "changes": {"depths": [2, 2]} if i == 2 else {}, "ema": None},
            "runs": runs, "confusion": _confusion(classes, test * seeds, skill, rng),
            "predictions": [_prediction(place, t, skill, classes, rng) for place, t in enumerate(truth)],
        }  # fmt: skip
        rows.append(_lost(row) if i in failed else row)
    return {
        "format": 2, "task": CLASSIFY.name, "measures": MEASURES,
        "title": f"{networks} networks on Optical digits", "created": "2026-11-20T12:00:00+00:00", "seconds": 71.2,
        "command": "convatlas compare lenet5 tinyvgg vgg11_bn resnet20 densenet_bc_100_12 --data digits --epochs 10 --seeds 2",
        "environment": {"convatlas": "0.1.0", "python": "3.11.7", "torch": "2.15.0", "torchvision": "0.29.2", "threads": 2,
                        "processor": "Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz", "device": "cpu",
                        "platform": "Linux-6.1-x86_64"},
        "data": {"name": "digits", "title": "Optical digits", "classes": labels, "train": 1258, "val": 180, "test": test,
                 "channels": 1, "size": [8, 8], "held_out": "test"},
        "seeds": list(range(seeds)), "networks": rows,
    }  # fmt: skip


def without_test(value: dict[str, Any]) -> dict[str, Any]:
    """The same comparison where nothing was kept for a test."""
    value["data"] |= {"held_out": "val", "test": None}
    for network in value["networks"]:
        network.update(dict.fromkeys(key for key in network if key.startswith("test_")))
    return value


def emptied(value: Any, keep: tuple[str, ...] = ("name", "status", "format", "measures")) -> Any:
    """The same shape with every figure and text null."""
    if isinstance(value, dict):
        return {key: inner if key in keep else emptied(inner, keep) for key, inner in value.items()}
    return [emptied(inner, keep) for inner in value if isinstance(inner, dict)] if isinstance(value, list) else None


def _epoch(e: int, epochs: int, final: float, i: int, rng: np.random.Generator) -> dict[str, float]:
    done = (1 - np.exp(-(e + 1) * (0.35 + 0.09 * (i % 4)))) / (1 - np.exp(-epochs * (0.35 + 0.09 * (i % 4))))
    accuracy = float(np.clip(0.1 + (final - 0.1) * done + rng.normal(0, 0.015) * (1 - e / epochs), 0, 1))
    loss = float(2.3 * np.exp(-5.0 * done) + 0.02 + 0.01 * rng.random())
    return {"epoch": e + 1, "train_loss": loss, "val_loss": loss * 1.2, "val_accuracy": accuracy if e < epochs - 1 else final,
            "learning_rate": 0.1, "images_per_second": 9000.0, "seconds": 0.4}  # fmt: skip


def _against(i: int, best: int, rng: np.random.Generator) -> dict[str, Any]:
    difference = SKILL[i] - SKILL[best]
    half = 0.006 + 0.004 * float(rng.random())
    p = 0.44 if abs(difference) < half else 0.0021
    words = f"{NAMES[i]} is {-100 * difference:.1f} points behind {NAMES[best]}, " + (
        "which chance alone may explain" if p > 0.05 else "more than chance explains"
    )
    return {
        "best": NAMES[best],
        "difference": difference,
        "interval": [difference - half, difference + half],
        "p_value": p,
        "words": words,
    }


def _confusion(classes: int, total: int, skill: float, rng: np.random.Generator) -> list[list[int]]:
    each = max(total // classes, 2)
    counts = np.zeros((classes, classes), int)
    for i in range(classes):
        lost = int(rng.binomial(each, 1 - skill if classes <= 20 else 0.3))
        counts[i, i] = each - lost
        for j in (rng.zipf(1.6, lost) * (1 + i) + i) % classes:
            counts[i, j] += 1
    return counts.tolist()


def _prediction(place: int, true: int, skill: float, classes: int, rng: np.random.Generator) -> dict[str, Any]:
    right = rng.random() < skill - 0.1
    said = true if right else int((true + 1 + rng.integers(0, 8)) % 10)
    probability = float(0.999 - 0.3 * rng.random() ** 4) if right else float(0.4 + 0.4 * rng.random())
    return {"index": 1438 + place, "true": true % classes, "predicted": said % classes, "probability": probability}


def _lost(row: dict[str, Any]) -> dict[str, Any]:
    kept = {key: row[key] for key in ("name", "image_size", "recipe")}
    return dict.fromkeys(row) | kept | {
        "status": "failed", "error": "it ran out of memory at batch 128: try --batch-size 32 --accumulate 4", "runs": [],
    }  # fmt: skip
