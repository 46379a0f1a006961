"""How well the network knows each class, and which it confuses, with examples."""

from collections.abc import Iterator

from ..insight import confusions
from ..insight.predictions import class_index, labelled
from ..insight.subject import Subject
from ..views import classes
from ..views.confusion import class_name
from ..views.numbers import thousands
from .picture import LookOptions, Picture
from .predictions import stored

PAIRS = 6


def pictures(subject: Subject, wish: LookOptions) -> Iterator[Picture]:
    """A bar for each class, and the confusions that happen most often, of one class if one is asked for."""
    asked = None if wish.of_class is None else class_index(subject, wish.of_class)
    said = labelled(subject, "classes")
    found = confusions.per_class(said)
    names = {row.place: class_name(subject.classes, row.place) for row in found}
    bars = [classes.Bar(names[row.place], row.accuracy, row.low, row.high, row.n) for row in found]
    best, worst = max(bars, key=lambda bar: bar.accuracy), min(bars, key=lambda bar: bar.accuracy)
    absent = said.k - len(bars)
    left = f" {thousands(absent)} classes without images are left out." if absent else ""
    caption = (
        f"Best {best.name} with {classes.percent(best)}, worst {worst.name} with {classes.percent(worst)}; over all "
        f"{thousands(len(said))} images {100 * said.accuracy:.1f} % (dashed). Lines are 95 % intervals (Wilson).{left}"
    )
    if said.right.all():
        caption += " No image is wrong, so no classes are confused."
    yield Picture("classes", classes.figure(bars, said.accuracy), f"Accuracy of {subject.title} by class", caption)
    pairs = confusions.confused(said, wish.count or PAIRS, of=asked)
    if not pairs:
        return
    rows = []
    for pair in pairs:
        places = pair.places[: classes.THUMBS].tolist()
        true, taken = (class_name(subject.classes, i) for i in (pair.true, pair.predicted))
        chances = tuple(said.probability[places].tolist())
        rows.append(classes.Pair(true, taken, pair.count, pair.n, tuple(stored(subject, places)), chances))
    wrong = int((~said.right).sum())
    kind = f" of {class_name(subject.classes, asked)}" if asked is not None else ""
    caption = (
        f"The {len(rows)} most frequent confusions{kind}, together {thousands(sum(r.count for r in rows))} of all "
        f"{thousands(wrong)} mistakes, each with the mistakes it is surest of and the probability it gave to the wrong class."
    )
    yield Picture("confused-pairs", classes.pairs(rows), f"What {subject.title} confuses", caption)
