"""Grapheme clusters, by examples of UAX #29, and the columns they fill."""

from __future__ import annotations

import pytest

from charrnn.text.graphemes import clustered, clusters, columns


@pytest.mark.parametrize(
    "parts",
    [
        ["a", "b", " ", "c"],
        ["e\u0301\u0323", "x"],  # marks on marks
        ["हि", "न्दी"],  # vowel signs; a conjunct
        ["क्\u200dष"],
        ["ड\u093cी", "क"],
        ["각", "각", "ᄀᄀ각"],
        ["ก", "นำ", "ท"],
        ["🇩🇪", "🇫🇷", "🇮"],  # flags by twos
        ["👨\u200d👩\u200d👧", "👍🏽", "❤\ufe0f"],
        ["\n", "\u0301", "\r", "\n"],  # nothing joins a line end
        ["か\u3099", "ﾊﾞ"],
        ["\u06001", "2"],
    ],
)
def test_clusters(parts: list[str]) -> None:
    assert list(clusters("".join(parts))) == parts


def test_bits_of_a_cluster_are_those_of_all_it_is_made_of() -> None:
    written = [("e", 1.0), ("", 0.25), ("", 0.5), ("\u0301", 2.0), ("x", 4.0), ("", 8.0)]
    assert list(clustered(written)) == [("e\u0301", 3.75), ("x", 12.0)]
    assert list(clustered([])) == []


@pytest.mark.parametrize(
    ("cluster", "width"),
    [("a", 1), ("e\u0301", 1), ("漢", 2), ("が", 2), ("ｶﾞ", 2), ("각", 2), ("ᄀ" "ᅡ", 2), ("\u200b", 0), ("\u00ad", 1),
     ("❤\ufe0f", 2)],
)  # fmt: skip
def test_columns(cluster: str, width: int) -> None:
    assert columns(cluster) == width
