"""Names of files and directories that every system can have, and no name that leads out of a directory."""

from __future__ import annotations

import re

_LONGEST_NAME = 200  # bytes of a file's name, of the 255 that file systems have: others are made of it
_NOT_PORTABLE = re.compile(  # what Windows takes for a device, a stream or a pattern, or would write otherwise
    r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(\..*)?|.*[<>:\"/\\|?*\0-\x1f].*|.*[. ]|",
    re.IGNORECASE | re.DOTALL,
)


def is_portable(name: str) -> bool:
    """Whether a file or directory can be called so on every system, without becoming another one's."""
    length = len(name.encode("utf-8", "surrogatepass"))
    return length <= _LONGEST_NAME and not _NOT_PORTABLE.fullmatch(name)


def portable_name(text: str, otherwise: str) -> str:
    """What to call a file or directory after something, on any system: its letters and digits, in lower case.

    Args:
        text: What it is called after.
        otherwise: What it is called where nothing is left of that, and its first part where that alone could not be.

    Returns:
        The name, of 100 bytes at most.

    >>> portable_name("War & Peace", "run"), portable_name("???", "run"), portable_name("con.v2", "run")
    ('war-peace', 'run', 'run-con.v2')
    """
    readable = re.sub(r"[^\w.-]+", "-", text).strip("-.").lower()
    name = readable.encode("utf-8", "ignore")[:100].decode("utf-8", "ignore").strip("-.") or otherwise
    return name if is_portable(name) else f"{otherwise}-{name}"
