"""Floor 0: pieces of networks that two or more families share; torch only."""
