"""The ``bisect`` command, which ``python -m bisector`` is too."""

import sys


def main() -> int:
    """Run the command and return its exit status, also where it is interrupted as it starts."""
    try:
        from bisector import cli

        return cli.main()
    except KeyboardInterrupt:
        sys.stderr.write("error: interrupted\n")
        return 130


if __name__ == "__main__":
    sys.exit(main())
