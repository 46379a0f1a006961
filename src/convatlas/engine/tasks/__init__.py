"""The tasks: each one is a value that carries its loss, measures and words."""
