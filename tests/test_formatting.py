"""Other people's text, made safe to show: marks that a script needs stay, and nothing reorders what is around it."""

from __future__ import annotations

import unicodedata

import pytest

from charrnn.formatting import hex_bytes, one_line, visible, visible_line
from charrnn.report import html

NEEDED = "می\u200cخواهم \u200fשלום\u200e, \u061c٪ क\u094d\u200dष 👩\u200d👧 ❤\ufe0f co\u00adop"


def test_marks_that_a_script_needs_are_shown_as_they_are() -> None:
    assert visible(NEEDED) == NEEDED
    assert html.environment().from_string("<bdi>{{ text }}</bdi>").render(text=NEEDED) == f"<bdi>{NEEDED}</bdi>"


@pytest.mark.parametrize("point", [*range(0x202A, 0x202F), *range(0x2066, 0x206A)])
def test_what_reorders_all_that_follows_does_nothing(point: int) -> None:
    shown = visible(f"a{chr(point)}b")
    assert shown == "a\u2060b"
    assert unicodedata.bidirectional(shown[1]) == "BN"  # which takes no part in the order
    assert html.environment().from_string("{{ text }}").render(text=chr(point)) == "\u2060"


def test_no_character_is_obeyed_and_no_length_changes() -> None:
    every = "".join(map(chr, range(0x3000)))
    shown = visible(every)
    assert len(shown) == len(every)
    obeyed = {c for c in shown if unicodedata.category(c) in ("Cc", "Cs")} - {"\n", "\t"}
    assert not obeyed
    assert not {c for c in shown if unicodedata.bidirectional(c) in ("LRE", "RLE", "LRO", "RLO", "PDF")}
    assert not {c for c in shown if unicodedata.bidirectional(c) in ("LRI", "RLI", "FSI", "PDI")}


def test_bytes_are_named_in_hexadecimal() -> None:
    text = b"caf\xc3\xa9 \x9b\n".decode("utf-8", "surrogateescape")
    assert hex_bytes(text) == "café \\x9b\n"
    assert one_line(text) == "café \\x9b\\n"


def test_a_line_stays_one_line() -> None:
    assert visible_line("a name\nof two lines\x1b") == "a name␊of two lines␛"
