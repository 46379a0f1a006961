"""`python -m convatlas` is the command line."""

import sys


def main() -> None:
    """Runs the command line, which Ctrl-C ends with a word even while it is imported."""
    try:
        from .cli import main as run

        run()
    except KeyboardInterrupt:
        sys.stderr.write("convatlas: stopped\n")
        sys.exit(130)


if __name__ == "__main__":
    main()
