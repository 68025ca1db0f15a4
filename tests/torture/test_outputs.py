"""Every option that names an output, over every kind of thing that may be there: only charrnn's own pages give way."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import telling
from helpers.command_line import CommandLine

from charrnn.report import recognition
from charrnn.report.html import environment

# Verbs with outputs; OUT stands for what is named, and `run` and `letter.txt` are read.
REPORT, SCORE = ("report", "run", "-n", "1"), ("score", "run", "letter.txt")
VERBS = {
    "report -o": (*REPORT, "-o", "OUT"),
    "report --svg": (*REPORT, "-o", "page.html", "--svg", "OUT"),
    "score --html": (*SCORE, "--html", "OUT"),
}
MENTIONED = b'Dear Ann,\nthe charrnn report of yesterday: <meta name="generator" content="charrnn report 1.0">\n'
DOCUMENTS = {
    "letter": MENTIONED,
    "empty": b"",
    "page of another program": b"<!doctype html>\n<html><title>charrnn score</title>\n",
    "picture of another program": b"\x89PNG\r\n\x1a\n" + bytes(40) + b"charrnn report",
    "page with something before it": b"\n<!doctype html>\n",
}

pytestmark = pytest.mark.skipif(os.name != "posix", reason="links and FIFOs as POSIX has them")


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> CommandLine:
    """The command, in a directory with a run, its text, and a letter that is scored."""
    monkeypatch.chdir(tmp_path)
    telling.run(tmp_path / "checkpoints", "run", held_out={100: 2.0})
    Path("letter.txt").write_bytes(MENTIONED)
    return CommandLine(monkeypatch, capfdbinary)


def typed(verb: str, out: str | Path, *more: str) -> list[str]:
    return [str(out) if word == "OUT" else word for word in VERBS[verb]] + list(more)


def contents(top: Path) -> dict[str, bytes]:
    """Every file below a directory."""
    return {str(path): path.read_bytes() for path in top.rglob("*") if path.is_file()}


def refused(call: CommandLine, verb: str, out: str | Path, *more: str) -> str:
    """What is said where nothing is written."""
    before = contents(Path.cwd())
    done = call(*typed(verb, out, *more))
    said = done.stderr.decode()
    assert done.returncode == 2, said
    assert said.startswith(f"charrnn: {out}: ")
    assert said.count("\n") == 1
    assert contents(Path.cwd()) == before, f"{verb} {out} {more}"
    return said


@pytest.mark.parametrize("verb", VERBS)
def test_what_charrnn_has_not_made_is_written_over_by_force_alone(call: CommandLine, verb: str) -> None:
    for kind, content in DOCUMENTS.items():
        out = Path(f"{kind}.html")
        out.write_bytes(content)
        assert "charrnn has not made it. Choose another name, or --force." in refused(call, verb, out)
        assert call(*typed(verb, out, "--force")).returncode == 0
        assert recognition.is_own(out.read_bytes()[: recognition.HEAD])
    assert call(*typed(verb, out)).returncode == 0  # a page of charrnn's now
    Path("notes.html").write_bytes(b"mine")
    assert "--force" in refused(call, verb, Path("missing/../notes.html"))  # it leads there all the same


@pytest.mark.parametrize("verb", VERBS)
def test_what_is_read_is_never_written_over(call: CommandLine, verb: str) -> None:
    run = Path("checkpoints/run")
    os.symlink("letter.txt", "link.html")
    os.link("letter.txt", "hard.html")
    os.symlink(run.resolve(), "elsewhere")
    (run / "notes.html").write_bytes(b"of the person who trains")
    protected = [*run.iterdir(), Path("elsewhere/metrics.jsonl"), Path("checkpoints/../checkpoints/run/samples.md")]
    (run / "samples.md").write_text("# samples")
    protected += [Path("missing/../checkpoints/run/samples.md"), Path("missing/../checkpoints/run/notes.html")]
    protected += [Path(name) for name in ("letter.txt", "link.html", "hard.html")] if verb.startswith("score") else []
    protected += [Path("checkpoints/run.txt")] if verb.startswith("report") else []  # the text that was trained on
    for out in protected:
        refused(call, verb, out)
        assert "--force" not in refused(call, verb, out, "--force")


def test_a_page_of_charrnns_that_is_read_stays(call: CommandLine) -> None:
    assert call(*typed("score --html", "page.html")).returncode == 0
    before = Path("page.html").read_bytes()
    done = call("score", "run", "page.html", "--html", "page.html", "--force")
    assert (done.returncode, Path("page.html").read_bytes()) == (2, before)


def test_standard_input_and_a_folder_that_are_read_stay(call: CommandLine) -> None:
    with open("letter.txt", "rb") as letter:
        command = [sys.executable, "-m", "charrnn", "score", "run", "-", "--html", "letter.txt", "--force"]
        done = subprocess.run(command, stdin=letter, capture_output=True, check=False)
    assert (done.returncode, Path("letter.txt").read_bytes()) == (2, MENTIONED)
    Path("folder/deep").mkdir(parents=True)
    inside = Path("folder/deep/text.txt")
    inside.write_bytes(MENTIONED)
    again = call("score", "run", "folder", "--html", str(inside), "--force")
    assert (again.returncode, inside.read_bytes()) == (2, MENTIONED)


@pytest.mark.parametrize("verb", VERBS)
def test_what_is_no_file_is_never_written_over(call: CommandLine, verb: str) -> None:
    os.mkfifo("fifo")
    os.symlink("/dev/null", "null.html")
    Path("folder").mkdir()
    for out in ("folder", "fifo", "null.html", "/dev/null", "/dev/full", "-"):
        refused(call, verb, out, "--force")
    assert not Path("/dev/null").is_file()
    os.symlink("loop.html", "loop.html")
    done = call(*typed(verb, "loop.html", "--force"))
    assert done.returncode == 1
    assert b"cannot be written" in done.stderr


@pytest.mark.parametrize("verb", VERBS)
def test_a_symbolic_link_is_followed(call: CommandLine, verb: str) -> None:
    Path("site").mkdir()
    os.symlink("site/index.html", "out.html")  # where nothing is yet
    for _ in range(2):
        assert call(*typed(verb, "out.html")).returncode == 0
        assert os.readlink("out.html") == "site/index.html"
        assert recognition.is_own(Path("site/index.html").read_bytes())
    assert [path.name for path in Path("site").iterdir()] == ["index.html"]  # nothing temporary


def test_what_a_kill_has_left_beside_a_page_is_cleared_and_nothing_else(call: CommandLine) -> None:
    left, others = Path(".page[1].html.0badcafe.tmp"), [Path(".page1.html.0badcafe.tmp"), Path("page[1].html.tmp")]
    for path in (left, *others):
        path.write_text("half", "utf-8")
    assert call(*typed("score --html", "page[1].html")).returncode == 0
    assert not left.exists()
    assert all(path.exists() for path in (*others, Path("page[1].html")))


@pytest.mark.skipif(sys.platform == "win32", reason="no name has a * there")
def test_what_a_kill_has_left_beside_a_page_of_a_long_name_is_cleared(call: CommandLine) -> None:
    name = "[1] *" * 20 + ".html"
    killed = "import sys, os; from pathlib import Path; from charrnn.files import replacing\n"
    killed += "with replacing(Path(sys.argv[1])): os._exit(9)"
    assert subprocess.run([sys.executable, "-c", killed, name], check=False).returncode == 9
    assert len(list(Path.cwd().glob(".*.tmp"))) == 1
    assert call(*typed("score --html", name)).returncode == 0
    assert Path(name).exists()
    assert not list(Path.cwd().glob(".*.tmp"))


def test_what_comes_while_it_is_measured_stays(call: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    from charrnn.report import score_page

    def page(*arguments: object) -> str:
        Path("out.html").write_bytes(MENTIONED)
        return "page"

    monkeypatch.setattr(score_page, "page", page)
    done = call(*typed("score --html", "out.html"))
    assert (done.returncode, Path("out.html").read_bytes()) == (2, MENTIONED)


def test_only_the_beginning_says_who_made_a_file() -> None:
    head = environment().get_template("head.html")
    page = head.render(style_hash="s", script_hash="", made_by='charrnn report 1"', title="", style="").encode()
    assert recognition.is_own(page)
    assert not any(recognition.is_own(before + page) for before in (b" ", b"\n", b"\xef\xbb\xbf", b"Dear Ann,\n"))
    for cut in range(page.index(b'">\n<meta name="viewport"') + 2):
        assert not recognition.is_own(page[:cut])


def test_each_kind_that_is_written_is_known_again(call: CommandLine, request: pytest.FixtureRequest) -> None:
    names: list[str] = ["--svg", "a.svg"]
    try:
        import resvg_py  # noqa: F401

        names += ["--png", "a.png"]
    except ImportError:
        pass
    known: Callable[[str], bool] = lambda name: recognition.is_own(Path(name).read_bytes()[: recognition.HEAD])  # noqa: E731
    for _ in range(2):
        assert call(*REPORT, "-o", "a.html", *names).returncode == 0
        assert all(map(known, ["a.html", *names[1::2]]))
