"""`charrnn corpora` as a person meets it: real processes and a web server of one's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.serving import Handler, Server, serving, status, whole
from helpers.terminals import on_terminal
from typer.testing import CliRunner

from charrnn.commands.app import app
from charrnn.text import known_texts
from charrnn.text.catalogue import ENTRIES, KnownText

BOOK = "The lamp went round.\n" * 5000


@pytest.fixture
def server() -> Iterator[Server]:
    with serving({"/book.txt": whole(BOOK.encode())}) as server:
        yield server


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    plain = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE")}
    places = {"CHARRNN_DATA_DIR": str(tmp_path / "data"), "CHARRNN_CACHE_DIR": str(tmp_path / "cache")}
    return plain | places | {"COLUMNS": "80", "no_proxy": "*"}


def charrnn(environment: dict[str, str], *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command as a process with pipes, 80 columns wide."""
    command = [sys.executable, "-m", "charrnn", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, encoding="utf-8", env=environment, check=False)


def test_fetched_listed_and_removed(server: Server, environment: dict[str, str], tmp_path: Path) -> None:
    done = charrnn(environment, "corpora", "fetch", server.url("/book.txt"))
    path = tmp_path / "data" / "corpora" / "book.txt"
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.splitlines() == [f"book: {len(BOOK):,} characters, {path}", "Learn it: charrnn train book"]
    assert path.read_text(encoding="utf-8") == BOOK

    listed = charrnn(environment, "corpora")
    assert listed.returncode == 0
    lines = listed.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in listed.stdout
    row = next(line.split() for line in lines if line.startswith("book "))
    assert row[:4] == ["book", "105", "kB", "105,000"]
    assert any(line.split()[0] == "the-tidewater-bank" for line in lines if line)
    for entry in ENTRIES.values():
        assert any(line.startswith(entry.name) and entry.title in line and entry.author in line for line in lines)

    removed = charrnn(environment, "corpora", "remove", "book")
    assert (removed.returncode, removed.stderr) == (0, f"removed {path}\n")
    assert not path.exists()
    assert charrnn(environment, "corpora", "remove", "book").returncode == 1


def test_json(server: Server, environment: dict[str, str], tmp_path: Path) -> None:
    charrnn(environment, "corpora", "fetch", server.url("/book.txt"), "--name", "mine")
    done = charrnn(environment, "corpora", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    values = json.loads(done.stdout)
    novel, mine = values["stored"]
    assert (novel["name"], novel["fetched"], novel["url"]) == ("the-tidewater-bank", None, None)
    assert mine.pop("fetched").startswith("2")
    assert mine == {
        "name": "mine",
        "path": str(tmp_path / "data" / "corpora" / "mine.txt"),
        "size": len(BOOK),
        "characters": len(BOOK),
        "url": server.url("/book.txt"),
    }
    assert [one["name"] for one in values["fetchable"]] == list(ENTRIES)
    assert set(values["fetchable"][0]) == {"name", "title", "author", "language", "url", "licence"}


def test_what_is_here_is_not_fetched_again_unless_forced(server: Server, environment: dict[str, str]) -> None:
    for arguments, asked in [((), 1), ((), 1), (("--force",), 2)]:
        assert charrnn(environment, "corpora", "fetch", server.url("/book.txt"), *arguments).returncode == 0
        assert len(server.asked) == asked
    server.answers["/other/book.txt"] = whole(b"Another.\n")
    done = charrnn(environment, "corpora", "fetch", server.url("/other/book.txt"))
    assert done.returncode == 2
    assert f"book: is here already, from {server.url('/book.txt')}" in done.stderr
    assert charrnn(environment, "corpora", "fetch", server.url("/other/book.txt"), "--name", "b2").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (["http://127.0.0.1:1/x.txt"], 1, "nobody answers"),
        (["URL/missing.txt"], 1, "answers 404"),
        (["URL/large.txt", "--max-size", "1"], 1, "Allow more: --max-size MB"),
        (["war-and-piece"], 1, "Did you mean war-and-peace?"),
        (["the-tidewater-bank"], 1, "charrnn train the-tidewater-bank"),
        (["URL/book.txt", "URL/missing.txt", "--name", "x"], 2, "--name"),
        (["faust", "--name", "x"], 2, "--name"),
        (["URL/book.txt", "--name", "a/b"], 2, "cannot be a text's name"),
    ],
)
def test_failures_are_one_line(
    server: Server, environment: dict[str, str], arguments: list[str], code: int, reason: str
) -> None:
    server.answers |= {"/missing.txt": status(404), "/large.txt": whole(bytes(1_000_001))}
    done = charrnn(environment, "corpora", "fetch", *(one.replace("URL", server.url("")) for one in arguments))
    assert done.returncode == code
    assert done.stdout == ""
    assert done.stderr.startswith("charrnn: ")
    assert done.stderr.count("\n") == 1
    assert reason in done.stderr


def test_texts_are_fetched_by_their_names(
    server: Server, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    entry = KnownText("lamp", "The Lamp", "Nobody", "English", server.url("/book.txt"), "none", phrases=("lamp",))
    monkeypatch.setitem(ENTRIES, "lamp", entry)
    assert "lamp " in CliRunner().invoke(app, ["corpora"]).stdout.partition("To fetch")[2]
    done = CliRunner().invoke(app, ["corpora", "fetch", "lamp"])
    assert done.exit_code == 0
    assert known_texts.find("lamp").read_text(encoding="utf-8") == BOOK
    here, _, there = CliRunner().invoke(app, ["corpora"]).stdout.partition("To fetch")
    assert "lamp " in here
    assert "lamp " not in there


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("fails", [False, True])
def test_a_bar_on_a_terminal(server: Server, environment: dict[str, str], fails: bool) -> None:

    def endless(handler: Handler) -> None:
        handler.head(200)
        while True:
            handler.wfile.write(BOOK.encode())

    if fails:
        server.answers["/book.txt"] = endless
    arguments = ("corpora", "fetch", server.url("/book.txt"), "--max-size", "1")
    shown, code = on_terminal(*arguments, environment=environment, with_stderr=True, columns=80)
    assert code == fails
    bar, _, line = shown.rpartition(b" \r")  # wiped with blanks
    assert b"B/s]" in bar
    assert line.startswith(b"charrnn: http" if fails else b"book: 105,000 characters")


def test_only_fetching_imports_what_downloads_and_nothing_imports_torch(environment: dict[str, str]) -> None:
    script = (
        "import sys\nfrom charrnn.commands.main import main\nsys.argv = ['charrnn', 'corpora']\n"
        "try:\n    main()\nexcept SystemExit as done:\n    assert not done.code\n"
        "sys.exit(not {'torch', 'httpx'}.isdisjoint(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, check=False)
    assert done.returncode == 0
