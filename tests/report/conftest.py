"""One browser for all tests of pages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from helpers import browsing


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    with browsing.launched() as browser:
        yield browser
