from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from charrnn import files


def test_places_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CHARRNN_CACHE_DIR", str(tmp_path / "a"))
    monkeypatch.setenv("CHARRNN_DATA_DIR", str(tmp_path / "b"))
    assert (files.cache_dir(), files.data_dir()) == (tmp_path / "a", tmp_path / "b")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="names the places of Linux")
def test_else_they_are_the_users(tmp_path: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path / "c"),
        "CHARRNN_DATA_DIR": "",  # as good as not set
    }
    script = "from charrnn import files; print(files.cache_dir(), files.data_dir())"
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(tmp_path / "c" / "charrnn"), str(tmp_path / ".local" / "share" / "charrnn")]
    assert list(tmp_path.iterdir()) == []
