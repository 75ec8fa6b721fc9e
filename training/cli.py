"""The command ``pacesetter``: list, train, report, certify, counterfactual, check, reproduce, ….

Whatever can be known to be wrong is said before Ray or torch is imported; an error a user can act
on is printed alone, with exit code 2. Everything is imported by the command that needs it, so that
``--help`` costs nothing.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from ..envs.core.dotted import told
from ..envs.core.errors import PacesetterError
from .options import parser as command_line

BAD_INPUT, INTERRUPTED, READER_GONE = 2, 130, 141

EXTRAS = {
    "ray": "train",
    "stable_baselines3": "sb3",
    "supersuit": "dev",
    "onnx": "onnx",
    "arch": "data",
    "mpe2": "zoo",
}
"""Packages that a base installation lacks, and the extra that each comes with."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = command_line()
    try:
        options, rest = parser.parse_known_args(arguments)
        # argparse takes no positional arguments after options; overrides may stand anywhere.
        if any(text.startswith("-") or "override" not in options for text in rest):
            parser.error(f"unrecognized arguments: {' '.join(rest)}")
        elif rest:
            options.override += rest
        code = _run(options)
        sys.stdout.flush()
    except PacesetterError as error:
        print(f"pacesetter: {error}", file=sys.stderr)
        return BAD_INPUT
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in EXTRAS:
            raise
        cure = f"pip install 'pacesetter[{EXTRAS[package]}]'"
        print(f"pacesetter: {package} is not installed; {cure}.", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output, such as ``head``, has seen enough. Python would flush once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_GONE
    return code


def _run(options: argparse.Namespace) -> int:
    """Run a command; a user's code that calls `sys.exit` within it is at fault, not at its end."""
    try:
        code: int = options.run(options)
    except SystemExit as error:
        raise PacesetterError(
            f"{told(error)}: a market, a leader or an objective must not end the program; raise an "
            "error instead."
        ) from error
    return code


if __name__ == "__main__":
    sys.exit(main())
