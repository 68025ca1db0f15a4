"""Other people's text, made safe to show: marks that a script needs stay, and nothing reorders what is around it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

from charrnn.formatting import as_typed, folded_command, hex_bytes, one_line, quoted, typed_path, visible, visible_line
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


def test_a_folded_command_has_the_words_of_the_command() -> None:
    words = [quoted(text) for text in ("plain", "two words", "it's", "A\n'B' \\ C", "")]
    command = " ".join(["charrnn", *words])
    assert folded_command(command, 1000) == command
    assert folded_command(command, 12).split(" \\\n  ") == ["charrnn", *words]
    assert "\n" not in command


WORDS = r"""plain|two words|it's|say "hi"|$(touch obeyed)|`touch obeyed`|a;b&c<d>e|~|~root|*.txt|?|#|!|!!|a\b|\|%s%n
100%|{a,b}|[a]|a=b|-x|--|| |año|名前|a:b""".replace("\n", "|").split("|")
UNSEEN = [
    "a\nb",
    "a\tb",
    "\x1b[31m7",
    "\x07",
    "a\r",
    "\x9b5;35m",
    "\u202eb",
    "no\xa0break",
    "\n'\\",
    "\udc9b1",
    "\u200b0",
]


def in_shell(shell: str, *words: str) -> list[str]:
    """What a shell makes of words that are quoted for it."""
    listing = "import os, sys; os.write(1, b'\\0'.join(map(os.fsencode, sys.argv[1:])))"
    command = " ".join([*map(quoted, (sys.executable, "-c", listing)), *map(quoted, words)])
    assert command.isprintable()
    done = subprocess.run([shell, "-c", command], stdout=subprocess.PIPE, check=True)
    return [os.fsdecode(word) for word in done.stdout.split(b"\0")]


@pytest.mark.skipif(os.name != "posix", reason="POSIX shells")
def test_a_quoted_word_is_that_word_to_a_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert in_shell("sh", *WORDS) == WORDS
    for shell in filter(shutil.which, ("bash", "zsh", "ksh", "mksh")):
        assert in_shell(shell, *WORDS, *UNSEEN) == [*WORDS, *UNSEEN], shell
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("plain", "plain"),
        (r"C:\runs\novel-1", r"C:\runs\novel-1"),
        (r"C:\my runs\novel", r'"C:\my runs\novel"'),
        ("C:\\my runs\\", '"C:\\my runs\\\\"'),
        ('say "hi"', r'"say \"hi\""'),
        (r"a\"b", r'"a\\\"b"'),
        ("", '""'),
        ("a&b", '"a&b"'),
    ],
)
def test_a_quoted_word_for_windows(text: str, typed: str) -> None:
    """As Microsoft's C runtime takes a command line apart."""
    assert quoted(text, windows=True) == typed
    if '"' in typed:
        assert subprocess.list2cmdline([text]) in (typed, typed[1:-1])


def test_a_path_is_never_an_option_and_its_value_neither(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert typed_path(Path("-x")) == typed_path(tmp_path / "-x") == "./-x"
    assert typed_path(tmp_path / "my runs\n1") == r"$'my runs\n1'"
    assert as_typed({"prime": "--seed", "val_text": "a b"}) == "--prime=--seed --val-text 'a b'"
