"""``python -m pacesetter`` is the command ``pacesetter``."""

from __future__ import annotations

import sys

from pacesetter.training.cli import main

if __name__ == "__main__":
    sys.exit(main())
