"""What fuzzing has found, each by its name."""

from __future__ import annotations

import pytest

from charrnn.config import ReadConfig, TrainConfig
from charrnn.config.option import Config
from charrnn.errors import CheckpointError, UsageError
from charrnn.runs import samples


def test_a_timeline_that_begins_with_a_heading_has_its_whole_section() -> None:
    text = "## Iteration 1,000\n\n    text\n"
    assert samples.sections_of(text) == {1000: text}


def test_an_error_is_one_line_whatever_is_named_in_it() -> None:
    with pytest.raises(UsageError, match="--encoding \udcff␊x: not a text encoding"):
        ReadConfig(encoding="\udcff\nx")


@pytest.mark.parametrize(
    ("config", "name", "values"),
    [
        (TrainConfig, "freeze", [2]),
        (TrainConfig, "keep", [None]),
        (TrainConfig, "snapshot_at", [0.5]),
        (TrainConfig, "snapshot_at", [True]),
    ],
)
def test_a_list_has_values_of_its_type(config: type[Config], name: str, values: list[object]) -> None:
    with pytest.raises(CheckpointError, match=f"--{name.replace('_', '-')} .*: not all of type"):
        config.from_dict({name: values})
