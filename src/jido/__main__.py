"""The console script's entry."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; ``--version``, Tab and a ``ps`` that changed nothing answer before the heavy imports."""
    try:
        _run()
    except KeyboardInterrupt:
        # While it was still importing: what Python prints then is of no use to anybody.
        sys.exit(130)


def _run() -> None:
    if sys.argv[1:] in (["--version"], ["-V"]):
        from jido import __version__

        print(f"jido {__version__}")
        return
    if sys.argv[1:2] == ["--complete"]:
        from jido.cli.completions import answer

        answer.main(sys.argv[2:])
        return
    if sys.argv[1:] == ["ps"]:
        from jido.cli import again

        if again.told():
            return
    from jido.cli.app import run

    run()


if __name__ == "__main__":
    main()
