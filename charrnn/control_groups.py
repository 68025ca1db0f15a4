"""Control groups of Linux: what a container leaves to its processes of the machine's memory and processor time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path


def bounding(controller: str, root: Path = Path("/")) -> Iterator[Path]:
    """The directories of the control groups that bound this process, of both versions.

    A container sees the whole path of its group, or its own as the top one: not every directory need be there.

    Args:
        controller: Of version 1, which has a tree for each: `cpu`, `memory`.
        root: Where `proc` and `sys` are.

    Yields:
        Its own group and every one that it lies in, each as strict as its files say.
    """
    for controllers, path in re.findall(r"^\d+:([^:]*):/(.*)$", read(root / "proc/self/cgroup"), re.MULTILINE):
        if not controllers:
            mounts = {"", "unified"}  # version 2, alone or beside version 1
        elif controller in controllers.split(","):
            mounts = {controller, controllers}
        else:
            continue
        for mount in mounts:
            top = root / "sys/fs/cgroup" / mount
            group = top / path
            yield group
            yield from (parent for parent in group.parents if parent.is_relative_to(top))


def read(path: Path) -> str:
    """What a file of the system says; "" if there is none."""
    try:
        return path.read_text("ascii", "replace")
    except (OSError, ValueError):
        return ""
