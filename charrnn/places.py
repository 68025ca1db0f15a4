"""Where charrnn keeps things outside the working directory: what can be made again, and what was fetched."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def cache_dir() -> Path:
    """What may be deleted at any time: $CHARRNN_CACHE_DIR, else the user's cache. It need not exist."""
    named = os.environ.get("CHARRNN_CACHE_DIR")
    return Path(named) if named else platformdirs.user_cache_path("charrnn", appauthor=False)


def data_dir() -> Path:
    """What is kept until it is removed: $CHARRNN_DATA_DIR, else the user's data. It need not exist."""
    named = os.environ.get("CHARRNN_DATA_DIR")
    return Path(named) if named else platformdirs.user_data_path("charrnn", appauthor=False)
