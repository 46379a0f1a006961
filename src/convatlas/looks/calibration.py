"""How well the network's probabilities keep their word, before and after one temperature."""

from collections.abc import Iterator

from ..insight import calibration
from ..insight.calibration import Reliability, reliability
from ..insight.predictions import Predictions, labelled, predictions_of
from ..insight.subject import Subject
from ..views import calibration as view
from ..views.numbers import thousands
from .picture import LookOptions, Picture

FEWEST = 20  # images that a temperature can be fitted on


def pictures(subject: Subject, _: LookOptions) -> Iterator[Picture]:
    """The reliability diagram, and beside it the one after temperature scaling."""
    said = labelled(subject, "calibration")
    before = reliability(said)
    drawn = [("as it is", before)]
    words = f"over {thousands(len(said))} images in {calibration.BINS} bins of equal width; counts stand on a logarithmic scale"
    done = scaled(subject, said)
    if done is None:
        fitted = f" No temperature was fitted: it needs {FEWEST} validation images or twice as many to look at."
    else:
        after, how = done
        drawn.append((f"temperature {after.temperature:.2f}", after))
        change = "falls" if after.nll < before.nll else "does not fall"
        fitted = (
            f" Scores divided by a temperature of {after.temperature:.3f}, {how}: the NLL {change}, from {before.nll:.4f} to "
            f"{after.nll:.4f}, and no prediction changes."
        )
    caption = (
        f"Bars are the accuracy of images of like confidence, red the gap to their mean confidence, {words}. The expected "
        f"calibration error (ECE) is the mean gap, {100 * before.ece:.2f} %, the maximum (MCE) the largest one.{fitted}"
    )
    yield Picture("calibration", view.figure(drawn), f"Calibration of {subject.title}", caption)


def scaled(subject: Subject, said: Predictions) -> tuple[Reliability, str] | None:
    """The reliability after temperature scaling, and on which images the temperature was fitted; None if there are too few.

    A run has validation images that it did not learn from. Published weights may have learnt from ours: there one half of the
    images is scaled by what suits the other half.
    """
    if subject.run is not None and subject.val is not None and len(subject.val) >= FEWEST:
        chosen = calibration.temperature(predictions_of(subject, subject.val))
        return reliability(said, chosen), f"fitted on {thousands(len(subject.val))} validation images"
    if len(said) < 2 * FEWEST:
        return None
    return calibration.halves(said), "fitted on one half of these images for the other half, and the other way round"
