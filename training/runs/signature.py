"""What this user has written himself is known by a key in his own configuration folder.

A checkpoint holds pickles, and a configuration may name code to import: reading either runs what
its author likes. Both are signed when they are written (HMAC, RFC 2104, with SHA-256); what bears
no such signature is a stranger's, and is read only where the user says so.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import tempfile
from pathlib import Path
from typing import Any

from ...envs.core.errors import PacesetterError

KEY, BYTES = "key", 32


def configuration_folder() -> Path | None:
    """Where the user's own settings are kept; None without a home."""
    named = os.environ.get("XDG_CONFIG_HOME")
    if named and Path(named).is_absolute():
        return Path(named) / "pacesetter"
    try:
        return Path.home() / ".config" / "pacesetter"
    except RuntimeError:
        return None


def sign(values: Any) -> str:
    """The signature of plain values; empty where no key can be kept."""
    key = _read() or _made()
    return _code(key, values) if key else ""


def is_own(values: Any, signature: Any) -> bool:
    """Whether `sign` gave this signature to these values, with this user's key."""
    key = _read()
    if not key or not isinstance(signature, str):
        return False
    return hmac.compare_digest(_code(key, values).encode(), signature.encode())


def _code(key: bytes, values: Any) -> str:
    text = json.dumps(values, sort_keys=True, ensure_ascii=True)
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _read() -> bytes | None:
    folder = configuration_folder()
    if folder is None:
        return None
    path = folder / KEY
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii"))
    except OSError:
        return None
    except ValueError:
        key = b""
    if len(key) != BYTES:
        raise PacesetterError(
            f"{path}: is damaged. It is the key that your run folders are signed with; delete it "
            "for a new one, and resume earlier runs with --trust --trust-checkpoint."
        )
    return key


def _made() -> bytes | None:
    """A new key, kept for this user's eyes alone; None where it cannot be."""
    folder = configuration_folder()
    if folder is None:
        return None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=folder)  # readable by its owner alone
        try:
            with os.fdopen(handle, "w", encoding="ascii") as opened:
                opened.write(secrets.token_hex(BYTES))
            # Of processes that start at once one is first; a key is never replaced.
            os.link(temporary, folder / KEY)
        except FileExistsError:
            pass
        finally:
            os.unlink(temporary)
    except OSError:
        return None
    return _read()
