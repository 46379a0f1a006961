"""The tasks: each one is a value that carries its loss, measures and words."""

from .classify import CLASSIFY

TASKS = {task.name: task for task in (CLASSIFY,)}
