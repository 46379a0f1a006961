"""Floor 3: trains and measures any module on any batches; names no architecture."""
