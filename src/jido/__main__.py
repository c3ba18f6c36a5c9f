"""The console script's entry."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; ``--version`` answers before anything heavy is imported."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        from jido import __version__

        print(f"jido {__version__}")
        return
    from jido.cli.app import run

    run()


if __name__ == "__main__":
    main()
