"""The tasks: each one is a value that carries its loss, measures and words."""

from .classify import CLASSIFY
from .multilabel import MULTILABEL

TASKS = {task.name: task for task in (CLASSIFY, MULTILABEL)}
