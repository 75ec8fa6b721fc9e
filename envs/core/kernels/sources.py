"""Which files compiled loops are made of, and one digest of them all.

What a kernel was compiled to depends on its own file, on those of the kernels it calls, and on
every constant that any of them takes from elsewhere: on all that the files with kernels import.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator

_WITH_KERNELS = re.compile(rb"compiled[ \t]+import\b")
_IMPORT = re.compile(rb"\bfrom[ \t]+(\.*)([\w.]*)[ \t]+import[ \t]+(\([^)]*\)|[^\n#]*)")
_NAME = re.compile(r"(?:^|[,(])\s*(\w+)", re.MULTILINE)


def kernel_sources(package: str) -> dict[str, bytes]:
    """Files with kernels and all that these import from the package: name -> text, in order.

    Names count from the package's folder, with slashes. Whoever uses the decorator, in that folder
    or below it, is found; of files that cannot be read, nothing is known.
    """
    texts = dict(_read(package))
    found = [name for name, text in texts.items() if _WITH_KERNELS.search(text)]
    reached = set(found)
    own = ".".join((*os.path.normpath(package).split(os.sep)[-2:], ""))
    while found:
        name = found.pop()
        new = set(_imported(name, texts, own)) - reached
        reached |= new
        found += new
    return {name: texts[name] for name in sorted(reached)}


def digest_of(sources: dict[str, bytes]) -> str:
    """Of names and texts, 20 hexadecimal digits."""
    total = hashlib.sha256()
    for name, text in sources.items():
        total.update(b"%d %s %d " % (len(name), name.encode(), len(text)))
        total.update(text)
    return total.hexdigest()[:20]


def _read(package: str) -> Iterator[tuple[str, bytes]]:
    for folder, folders, files in os.walk(package):
        folders[:] = [name for name in folders if name != "__pycache__"]
        inside = os.path.relpath(folder, package).replace(os.sep, "/")
        for file in files:
            if file.endswith(".py"):
                try:
                    with open(os.path.join(folder, file), "rb") as opened:
                        yield file if inside == "." else f"{inside}/{file}", opened.read()
                except OSError:  # gone since the folder was listed
                    continue


def _imported(name: str, texts: dict[str, bytes], own: str) -> Iterator[str]:
    """Files of the package that a file imports, relative to it or by full names from `own`."""
    parents = name.split("/")[:-1]
    for dots, module, names in _IMPORT.findall(texts[name]):
        inside = f"{module.decode()}."
        if dots:
            start = parents[: len(parents) + 1 - len(dots)]
        elif inside.startswith(own):
            start, inside = [], inside[len(own) :]
        else:
            continue
        parts = [*start, *filter(None, inside.split("."))]
        for folders in range(len(parts) + 1):  # packages on the way are imported, too
            package = "/".join((*parts[:folders], "__init__.py"))
            if package in texts:
                yield package
        if "/".join(parts) + ".py" in texts:
            yield "/".join(parts) + ".py"
            continue
        for imported in _NAME.findall(names.decode()):
            for file in (f"{imported}.py", f"{imported}/__init__.py"):
                if "/".join((*parts, file)) in texts:
                    yield "/".join((*parts, file))
