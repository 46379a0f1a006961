"""Floor 4: functions that return a Recipe, each with its measured claim."""

from .default import default

__all__ = ["default"]
