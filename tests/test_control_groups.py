from __future__ import annotations

from pathlib import Path

import pytest

from charrnn import control_groups


def bounding(root: Path, groups: str) -> set[str]:
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(groups, "ascii")
    return {path.relative_to(root / "sys/fs/cgroup").as_posix() for path in control_groups.bounding("cpu", root)}


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ("", set()),
        ("0::/\n", {".", "unified"}),
        ("0::/a/b\n", {".", "a", "a/b", "unified", "unified/a", "unified/a/b"}),
        ("3:cpuset:/a\n2:cpu:/b\n1:name=cpu:/c\n", {"cpu", "cpu/b"}),
        (
            "4:cpu,cpuacct:/docker/1f\n",
            {mount + path for mount in ("cpu", "cpu,cpuacct") for path in ("", "/docker", "/docker/1f")},
        ),
    ],
)
def test_a_process_is_bound_by_its_group_and_all_that_it_lies_in(
    groups: str, expected: set[str], tmp_path: Path
) -> None:
    assert bounding(tmp_path, groups) == expected
