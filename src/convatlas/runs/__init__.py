"""Opened networks, image sets, and runs from a recipe to a folder: one network, one request, one preparation."""
