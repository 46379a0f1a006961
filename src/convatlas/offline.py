"""Whether the user forbids the network."""

import os


def offline() -> bool:
    """Whether CONVATLAS_OFFLINE forbids the network."""
    return os.environ.get("CONVATLAS_OFFLINE", "").lower() not in ("", "0", "no", "false", "off")
