"""What fuzzing has found, each by its name."""

from __future__ import annotations

import pytest

from charrnn.config import ReadConfig
from charrnn.errors import UsageError
from charrnn.runs import samples


def test_a_timeline_that_begins_with_a_heading_has_its_whole_section() -> None:
    text = "## Iteration 1,000\n\n    text\n"
    assert samples.sections_of(text) == {1000: text}


def test_an_error_is_one_line_whatever_is_named_in_it() -> None:
    with pytest.raises(UsageError, match="--encoding \udcff␊x: not a text encoding"):
        ReadConfig(encoding="\udcff\nx")
