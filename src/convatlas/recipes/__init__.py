"""Functions that return a Recipe, each with its measured claim."""

from .default import default
from .transfer import tuned

__all__ = ["default", "tuned"]
