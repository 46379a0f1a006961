"""Reliability diagram and calibration error, before and after temperature scaling."""

from collections.abc import Iterator

from ...errors import count_of
from ...insight import calibration
from ...insight.calibration import Reliability, reliability
from ...insight.predictions import Predictions, labeled_predictions, predictions_of
from ...insight.subject import Subject
from ...views import calibration as view
from ..picture import Picture

FEWEST = 20  # images that a temperature can be fitted on


def pictures(subject: Subject) -> Iterator[Picture]:
    """The reliability diagram, and beside it the one after temperature scaling."""
    predictions = labeled_predictions(subject, "calibration")
    before = reliability(predictions)
    diagrams = [("uncalibrated", before)]
    scope = (
        f"over {count_of(len(predictions), 'image')} in {calibration.BINS} bins of equal width; counts stand on a logarithmic "
        "scale"
    )
    scaled = temperature_scaled(subject, predictions)
    if scaled is None:
        fitted = f" No temperature was fitted: it needs {FEWEST} validation images, or {2 * FEWEST} images in this set."
    else:
        after, how = scaled
        diagrams.append((f"temperature {after.temperature:.2f}", after))
        change = "falls" if after.nll < before.nll else "does not fall"
        fitted = (
            f" Scores divided by a temperature of {after.temperature:.3f}, {how}: the NLL {change}, from {before.nll:.4f} to "
            f"{after.nll:.4f}, and no prediction changes."
        )
    caption = (
        f"Bars are the accuracy of images of similar confidence, red the gap to their mean confidence, {scope}. The expected "
        f"calibration error (ECE) is the mean gap, {100 * before.ece:.2f} %, the maximum (MCE) the largest one.{fitted}"
    )
    yield Picture("calibration", view.figure(diagrams), f"Calibration of {subject.title}", caption)


def temperature_scaled(subject: Subject, predictions: Predictions) -> tuple[Reliability, str] | None:
    """The reliability after temperature scaling, and on which images the temperature was fitted; None if there are too few.

    A run has validation images that it did not learn from. Published weights may have learned from ours: there each half of
    the images is scaled by the temperature fitted on the other half.
    """
    if subject.run is not None and subject.val is not None and len(subject.val) >= FEWEST:
        temperature = calibration.fit_temperature(predictions_of(subject, subject.val))
        return reliability(predictions, temperature), f"fitted on {count_of(len(subject.val), 'validation image')}"
    if len(predictions) < 2 * FEWEST:
        return None
    scaled = calibration.cross_fitted_reliability(predictions)
    return scaled, "fitted on each half of these images for the other half"
