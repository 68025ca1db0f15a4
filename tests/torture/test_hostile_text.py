"""Texts, names and metadata that would be obeyed: by every verb, on a real terminal, through a pipe, on a page."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers import telling, terminals
from helpers.browsing import Opened
from helpers.command_line import SHORT, CommandLine
from helpers.serving import Answer, Handler, serving

from charrnn.terminal.output import SafeText

# A style that charrnn has not, a link, the clipboard, a device's string, C1, a bell, what writes over a line, what
# reorders one; markup of Rich and of HTML.
TEXT = (
    "\x1b[5;35mX\x1b]8;;http://e.e/\x07\x1b]52;c;eA==\x07\x1bP+q\x1b\\\x9b5;35m\x9d0;t\x9c\x85\x07\r\x08\x7f\u202e\u2066\u2069"
    "[red]x[/red][link=http://e.e]<script>alert(1)</script><img src=x onerror=alert(2)>"
)
NAME = TEXT.replace("/", "_") + "\n$(touch obeyed)`touch obeyed`'\"\udc9b"  # a file's may have bytes that are no text
ABSENT = f"{NAME}absent"
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
OWN = re.compile(r"\x1b\[(?!5;35m)[0-9;]*m|\r *\r|\r[ \w%|\u2588-\u258f]")  # charrnn's styles, and bars

pytestmark = pytest.mark.skipif(os.name != "posix", reason="names and terminals as POSIX has them")

Command = tuple[str, ...]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with two runs in one that is called NAME, and the text NAME.txt."""
    path = tmp_path_factory.mktemp("hostile")
    root, text = path / NAME, telling.TEXT + f"{TEXT}\n" * 20
    said = {"charrnn": TEXT, TEXT: TEXT}
    run = telling.run(root, NAME, text=text, sample=TEXT, made_with=said, created=TEXT)
    telling.run(root, "other", text=text, sample=TEXT, seed=3)
    (run / "iteration-000900.safetensors").write_bytes(b"junk")
    (path / f"{NAME}.txt").write_text(text * 2, "utf-8")
    return path


@pytest.fixture
def environment(place: Path) -> dict[str, str]:
    own = {"CHARRNN_DATA_DIR": str(place / "data"), "CHARRNN_CACHE_DIR": str(place / "cache"), "TERM": "xterm-256color"}
    return os.environ | own | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])}


def every_verb() -> list[Command]:
    """Commands of every verb with what is hostile in each of their places."""
    run, text, root = f"{NAME}/{NAME}", f"{NAME}.txt", ("--checkpoint-dir", NAME)
    short = (*SHORT, "--threads", "1", "--iterations", "4", "--snapshot-every", "2")
    return [
        ("train", text, *short, *root), ("train", "--resume", run), ("train", ABSENT),
        ("train", text, "--resume", run, "--iterations", "600"), ("train", text, *short, "--name", NAME),
        ("train", text, "--init-from", ABSENT), ("train", text, "--encoding", ABSENT),
        ("runs", *root), ("runs", "show", run), ("runs", "show", ABSENT), ("runs", "--checkpoint-dir", ABSENT),
        ("compare", run, f"{NAME}/other"), ("compare", ABSENT), ("runs", ABSENT), (ABSENT,), (f"--{ABSENT}",),
        ("report", run, "-n", "20", "-o", f"{NAME}.html"), ("report", run, "-o", text),
        ("sample", run, "-n", "99", "--count", "2"), ("sample", run, "-n", "9", "--prompt", TEXT), ("sample", ABSENT),
        ("sample", run, "-n", "9", "--until", TEXT), ("sample", run, "--temperature", ABSENT),
        ("score", run, text, "--color", "bits"), ("score", "--lines", run, text), ("score", run, ABSENT),
        ("corpora", "check", text, "--no-trials"), ("corpora", "check", ABSENT), ("corpora", "remove", ABSENT),
        ("corpora", "fetch", f"http://{ABSENT}"),
    ]  # fmt: skip


def every_option() -> list[Command]:
    """Options with a hostile value, and hostile options, of every verb."""
    run, text = f"{NAME}/{NAME}", f"{NAME}.txt"
    verbs = "train plan sample compare report score runs runs-show runs-delete corpora corpora-check corpora-fetch"
    commands: list[Command] = [("plan", text)]
    for verb in [tuple(verb.split("-")) for verb in verbs.split()]:
        commands += [(*verb, f"--{ABSENT}", "x"), (*verb, f"-{ABSENT}"), (*verb, "a", "b", ABSENT)]
    options = {
        ("train", text): "rnn-size device learning-rate model snapshot-at time preset errors optimizer precision glob",
        ("sample", run): "length top-p seed prompt-file text color",
        ("score", run, text): "count units encoding color",
        ("report", run): "temperatures png length prime",
        ("compare", run): "text units text-length",
    }
    return commands + [(*verb, f"--{name}", ABSENT) for verb, names in options.items() for name in names.split()]


def hostile_answer(place: str) -> Answer:
    """A server's, with TEXT in its status line, its Location or its Content-Encoding."""
    said = re.sub("[^\x00-\xff]|[\r\n]", "", TEXT)
    lines = {
        "/status": f"HTTP/1.1 404 {said}\r\n\r\n",
        "/redirect": f"HTTP/1.1 302 Found\r\nLocation: ftp://{said}/\r\n\r\n",
        "/encoding": f"HTTP/1.1 200 OK\r\nContent-Encoding: {said}\r\n\r\n",
    }

    def answer(handler: Handler) -> None:
        handler.wfile.write(lines[place].encode("latin-1"))

    return answer


def test_a_terminal_obeys_nothing_but_what_is_charrnns(
    place: Path, environment: dict[str, str], rounds: Callable[[int, int], int], tell_figure: Callable[[str], None]
) -> None:
    commands = every_verb() + rounds(0, 1) * every_option() + [("runs", "delete", f"{NAME}/other", "--yes")]
    with serving({path: hostile_answer(place=path) for path in ("/status", "/redirect", "/encoding")}) as server:
        commands += [("corpora", "fetch", server.url(path)) for path in server.answers]
        sessions = terminals.session_on_terminal(commands, place, environment | {"no_proxy": "*"})
    for command, (said, code) in zip(commands, sessions, strict=True):
        shown = OWN.sub("", said.decode("utf-8", "surrogateescape"))
        found = OBEYED.search(shown)
        assert not found, f"{command}: {shown[max(0, found.start() - 80) : found.end() + 80]!r}"
        assert code in (0, 1, 2), f"{command}: {shown[-2000:]}"
        assert said.strip(), command
    assert not any(place.rglob("obeyed"))
    tell_figure(f"hostile text: {len(commands)} commands, of which a terminal obeyed nothing")


def test_standard_error_is_safe_in_a_file_and_standard_output_exact(place: Path, environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "charrnn", "sample", f"{NAME}/{NAME}", "-n", "400", "--seed", "4"]
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not OBEYED.search(done.stderr.decode("utf-8"))
    listed = subprocess.run([*command, "--json"], cwd=place, env=environment, capture_output=True, check=False)
    written = json.loads(listed.stdout)["text"]
    assert done.stdout.decode("utf-8").removesuffix("\n") == written.removesuffix("\n")
    assert OBEYED.search(written)


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_what_others_write_to_a_terminal_is_safe_too(encoding: str) -> None:
    """As on a console of Windows with an old code page."""
    raw = io.BytesIO()
    stream = SafeText(raw, encoding, errors="replace", newline="")
    own = "\r 40%|\x1b[A\x1b[1;31mbold\x1b[0m\x1b[2K\n\t"
    assert stream.write(own) == len(own)
    assert stream.write(f"a\rb{TEXT}\udc9b") == len(TEXT) + 4
    stream.flush()
    shown = raw.getvalue().decode(encoding)
    assert shown.startswith(own.encode(encoding, "replace").decode(encoding))
    assert not OBEYED.search(re.sub(r"\x1b\[[0-9;]*[AKm]", "", shown).removeprefix("\r"))
    assert "\x1b]" not in shown


def test_a_page_of_hostile_runs_is_inert(
    place: Path, browser: Any, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.chdir(place)
    line = CommandLine(monkeypatch, capfdbinary)
    line("report", f"{NAME}/{NAME}", "-n", "20", "-o", "page.html")
    line("score", f"{NAME}/{NAME}", f"{NAME}.txt", "--html", "score.html")
    for page in ("page.html", "score.html"):
        address = (place / page).as_uri()
        opened = Opened(browser, address)
        assert (opened.said, opened.asked) == ([], [address])
        assert opened.page.locator("img, iframe, object, a[href^='http']").count() == 0
        assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e]", opened.page.content())
