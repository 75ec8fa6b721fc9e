"""Execute the examples as notebooks, as Jupyter would: each in a kernel of its own, in its folder.

    python docs/site/notebooks.py [NAME …]

What was executed, with its outputs and figures, is kept in build/examples.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from build import ROOT, example_notebook

EXAMPLES = ROOT / "docs" / "examples"
KEPT = ROOT / "build" / "examples"
SECONDS_OF_A_CELL = 600


def main(names: list[str]) -> int:
    """Execute the named examples, or all; 1 if one fails."""
    known = sorted(path.stem for path in EXAMPLES.glob("*.py"))
    if wrong := [name for name in names if name not in known]:
        print(f"no example {', '.join(wrong)}; there are {', '.join(known)}", file=sys.stderr)
        return 1
    return max(execute(EXAMPLES / f"{name}.py") for name in names or known)


def execute(path: Path) -> int:
    """Run one example as a notebook and keep it; says what it printed, and 1 if it fails."""
    began = time.monotonic()
    notebook = nbformat.reads(example_notebook(path), as_version=4)
    client = NotebookClient(
        notebook,
        timeout=SECONDS_OF_A_CELL,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
    )
    failed = 0
    try:
        client.execute()
    except CellExecutionError as error:
        failed = 1
        print(error, file=sys.stderr)
    KEPT.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, KEPT / f"{path.stem}.ipynb")
    print(f"== {path.stem}, as a notebook: {time.monotonic() - began:.0f} s")
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if output.output_type == "stream":
                print(output.text, end="")
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
