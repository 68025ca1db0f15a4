"""What fuzzing has found, each by its name."""

from __future__ import annotations

from charrnn.runs import samples


def test_a_timeline_that_begins_with_a_heading_has_its_whole_section() -> None:
    text = "## Iteration 1,000\n\n    text\n"
    assert samples.sections_of(text) == {1000: text}
