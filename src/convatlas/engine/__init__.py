"""Trains and measures any module on any batches; names no architecture."""
