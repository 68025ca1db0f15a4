"""What is shown to be typed is, to a shell, what was meant."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from charrnn.shell import as_typed, folded_command, quoted, typed_path


def test_a_folded_command_has_the_words_of_the_command() -> None:
    words = [quoted(text) for text in ("plain", "two words", "it's", "A\n'B' \\ C", "")]
    command = " ".join(["charrnn", *words])
    assert folded_command(command, 1000) == command
    assert folded_command(command, 12).split(" \\\n  ") == ["charrnn", *words]
    assert "\n" not in command
    assert folded_command(command, 12, windows=True) == command  # cmd and PowerShell would need different signs


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
        ("100,300", '"100,300"'),  # two words to PowerShell
        ("@file", '"@file"'),
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
