"""The texts known by name: found, fetched from a server of one's own, checked, and removed."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from helpers.serving import Answer, Server, serving, status, whole

from charrnn.errors import CorpusError, FetchError, UsageError
from charrnn.text import gutenberg, known_texts
from charrnn.text.catalogue import ENTRIES, KnownText

BOOK = "THE LIGHTHOUSE\n\nShe said: “It’s a   long\nway to Mégare.”\n" + "The lamp went round.\n" * 100
FILE = (
    "\ufeffThe Project Gutenberg eBook of The Lighthouse\n\n"
    f"*** START OF THE PROJECT GUTENBERG EBOOK THE LIGHTHOUSE ***\n\n\n\n{BOOK}\n\n\n"
    "*** END OF THE PROJECT GUTENBERG EBOOK THE LIGHTHOUSE ***\nLicence.\n"
).replace("\n", "\r\n")


@pytest.fixture(autouse=True)
def _places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARRNN_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("CHARRNN_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


@pytest.fixture
def server() -> Iterator[Server]:
    with serving({"/lighthouse.txt": whole(FILE.encode())}) as server:
        yield server


@pytest.fixture
def entry(server: Server) -> KnownText:
    url = server.url("/lighthouse.txt")
    return KnownText(
        "lighthouse", "The Lighthouse", "Nobody", "English", url, "none", None, (2000, 3000), ("lamp went",)
    )


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def store(name: str, text: str = "text\n") -> Path:
    path = known_texts.fetched_path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


# -- fetching ----------------------------------------------------------------------------------------------------------


def test_the_book_alone_is_kept(entry: KnownText, tmp_path: Path) -> None:
    kept = known_texts.fetch(entry)
    assert kept.path == tmp_path / "data" / "corpora" / "lighthouse.txt" == known_texts.fetched_path("lighthouse")
    assert kept.path.read_bytes() == BOOK.encode()
    notes = json.loads(kept.path.with_suffix(".json").read_text(encoding="utf-8"))
    age = datetime.now(UTC) - datetime.fromisoformat(notes.pop("fetched"))
    assert timedelta(0) <= age < timedelta(hours=1)
    assert notes == {
        "url": entry.url,
        "downloaded_sha256": hashlib.sha256(FILE.encode()).hexdigest(),
        "stored_sha256": hashlib.sha256(BOOK.encode()).hexdigest(),
        "characters": len(BOOK),
    }
    assert (kept.size, kept.characters) == (len(BOOK.encode()), len(BOOK))
    assert files(tmp_path) == ["data/corpora/lighthouse.json", "data/corpora/lighthouse.txt"]
    assert known_texts.stored()[1:] == [kept]
    assert known_texts.find("lighthouse") == kept.path


@pytest.mark.parametrize("text", ["one\ntwo\n\n\n", "\n\none", "\r\none\r"])
def test_other_texts_are_kept_as_they_are_but_for_line_ends(server: Server, text: str) -> None:
    server.answers["/notes"] = whole(text.encode())
    kept = known_texts.fetch(known_texts.entry_of_url(server.url("/notes")))
    assert kept.path.read_bytes() == text.replace("\r\n", "\n").replace("\r", "\n").encode()


@pytest.mark.parametrize(
    "phrases", [("SHE SAID",), ("it's a long way",), ('"It’s', "lamp\twent"), ("Me\u0301gare",), ("mégare.”",)]
)
def test_phrases_are_found_whatever_their_case_quotes_and_line_ends(entry: KnownText, phrases: tuple[str, ...]) -> None:
    known_texts.fetch(dataclasses.replace(entry, phrases=phrases))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"phrases": ("lamp went", "Moby")}, "'Moby' does not occur"),
        ({"size": (1, 2000)}, "not between 1 and 2,000"),
        ({"size": (3000, 4000)}, "not between 3,000 and 4,000"),
        ({"sha256": "0" * 64}, "SHA-256"),
    ],
)
def test_another_text_is_not_kept(entry: KnownText, tmp_path: Path, changes: dict[str, object], reason: str) -> None:
    known_texts.fetch(entry)
    with pytest.raises(FetchError, match=re.escape(reason)) as caught:
        known_texts.fetch(dataclasses.replace(entry, **changes))
    assert entry.url in str(caught.value)
    assert known_texts.fetched_path("lighthouse").read_bytes() == BOOK.encode()  # what was here stays
    assert files(tmp_path / "cache") == []


@pytest.mark.parametrize("answer", [whole(FILE.encode(), broken_after=99), status(404)], ids=["broken off", "missing"])
def test_what_does_not_arrive_whole_changes_nothing(
    server: Server, entry: KnownText, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Answer
) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    stored = known_texts.fetch(entry)
    server.answers["/lighthouse.txt"] = answer
    with pytest.raises(FetchError, match=re.escape(entry.url)):
        known_texts.fetch(entry)
    assert files(tmp_path) == ["data/corpora/lighthouse.json", "data/corpora/lighthouse.txt"]
    assert known_texts.stored()[1:] == [stored]
    assert stored.path.read_bytes() == BOOK.encode()


def test_an_interrupted_download_changes_nothing(entry: KnownText, tmp_path: Path) -> None:
    def interrupt(arrived: int, total: int | None) -> None:
        if arrived:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        known_texts.fetch(entry, progress=interrupt)
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("café".encode("latin-1"), "not UTF-8: byte 3"),
        (b"\n <!DOCTYPE html>\n<html>", "is a web page"),
        (b"<HTML lang='en'>", "is a web page"),
        (b"<!-- saved from a site -->\n<html>", "is a web page"),
        (b"\xef\xbb\xbf\r\n<?xml version='1.0'?>\n<!DOCTYPE html>", "is a web page"),
        (b"<head><title>404</title>", "is a web page"),
        (b"\n\n<!-- a --><!-- b --> <BODY bgcolor=red>", "is a web page"),
        (b"<p>Not found</p>", "is a web page"),
        (b"<?xml version='1.0'?>\n<rss>", "is XML, no plain text"),
        (bytes(4000), "characters U+0000"),
        (b"A text\n" * 99 + b"\0", "characters U+0000"),
        (b"%PDF-1.4\n", "is a PDF, no plain text"),
        (b"PK\x03\x04" + bytes(99), "is a zip file, no plain text"),
        (b"", "0 bytes of text"),
        (b"\xef\xbb\xbf", "0 bytes of text"),
    ],
)
def test_what_is_no_text_is_not_kept(server: Server, tmp_path: Path, data: bytes, reason: str) -> None:
    server.answers["/x"] = whole(data)
    with pytest.raises(FetchError, match=re.escape(reason)):
        known_texts.fetch(known_texts.entry_of_url(server.url("/x")))
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"x", "short: 1 word"), (b"Not found.\n", "short: 2 words"), (b"word " * 100 + b"\n", "a single line")],
)
def test_what_is_hardly_a_text_is_kept_and_doubted(server: Server, data: bytes, reason: str) -> None:
    server.answers["/x"] = whole(data)
    stored = known_texts.fetch(known_texts.entry_of_url(server.url("/x")))
    assert reason in (known_texts.doubt(stored) or "")


def test_a_book_is_not_doubted() -> None:
    assert known_texts.doubt(known_texts.stored()[0]) is None


def test_what_a_kill_left_is_cleared(server: Server, tmp_path: Path) -> None:
    server.answers["/x.txt"] = whole(b"text\n")
    kept = known_texts.fetch(known_texts.entry_of_url(server.url("/x.txt")))
    left = kept.path.with_name(".other.txt.x1.tmp")
    left.write_bytes(b"half")
    known_texts.fetch(known_texts.entry_of_url(server.url("/x.txt")))
    assert not left.exists()
    assert len(files(tmp_path)) == 2


def test_the_most_to_download(entry: KnownText, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="--max-size"):
        known_texts.fetch(entry, max_size=100)
    assert files(tmp_path) == []


def test_fetched_again_it_is_replaced(server: Server, entry: KnownText) -> None:
    known_texts.fetch(entry)
    server.answers["/lighthouse.txt"] = whole(FILE.replace("lamp", "new lamp").encode())
    kept = known_texts.fetch(dataclasses.replace(entry, phrases=(), size=(1, 9999)))
    assert kept.path.read_text(encoding="utf-8") == BOOK.replace("lamp", "new lamp")
    assert known_texts.stored()[1:] == [kept]


def test_a_folder_that_cannot_be_made(entry: KnownText, tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    with pytest.raises(FetchError, match="cannot be written"):
        known_texts.fetch(entry)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://www.gutenberg.org/cache/epub/2600/pg2600.txt", "pg2600"),
        ("https://www.gutenberg.org/ebooks/2600.txt.utf-8", "2600"),
        ("https://host/My%20First%20Book.TXT?raw=1#top", "my-first-book"),
        ("https://host/%E7%B4%85%E6%A8%93%E5%A4%A2.txt", "紅樓夢"),
        ("https://host/a/b/", "b"),
        ("https://www.host.org/", "www.host.org"),
        ("https://host/..%2f..%2fetc%2fpasswd", "passwd"),
        ("https://host/" + "long" * 100, ("long" * 100)[:100]),
    ],
)
def test_a_text_is_called_after_its_address(url: str, name: str) -> None:
    entry = known_texts.entry_of_url(url)
    assert (entry.name, entry.url) == (name, url)
    assert known_texts.entry_of_url(url, "mine.v2").name == "mine.v2"


@pytest.mark.parametrize("name", ["../x", "a/b", "a\\b", ".hidden", "-x", "a b", "x" * 101, "nul\0", "a\n"])
def test_names_that_cannot_be(name: str) -> None:
    with pytest.raises(UsageError, match="--name"):
        known_texts.entry_of_url("https://host/x.txt", name)


def test_an_address_may_give_no_name() -> None:
    with pytest.raises(UsageError, match=r"---\.txt: cannot be a text's name\. Choose one with --name"):
        known_texts.entry_of_url("https://host/---.txt")


@pytest.mark.parametrize("name", ["war-and-peace", "the-tidewater-bank"])
def test_known_names_are_taken(name: str) -> None:
    with pytest.raises(UsageError, match="another text"):
        known_texts.entry_of_url(f"https://host/{name}.txt")


# -- finding -----------------------------------------------------------------------------------------------------------


def test_an_existing_path_wins() -> None:
    store("faust")
    for name in ("faust", "war-and-peace", "the-tidewater-bank"):
        Path(name).mkdir()
        assert known_texts.find(name) == Path(name)
        assert known_texts.find(Path(name)) == Path(name)


def test_the_bundled_novel_has_a_name() -> None:
    path = known_texts.find("the-tidewater-bank")
    assert path == known_texts.bundled() == known_texts.stored()[0].path
    assert known_texts.stored()[0].characters == len(path.read_text(encoding="utf-8"))


def test_a_fetched_text_is_found_by_its_name() -> None:
    assert known_texts.find("war-and-pieces-of-mine") == Path("war-and-pieces-of-mine")
    path = store("war-and-pieces-of-mine")
    assert known_texts.find("war-and-pieces-of-mine") == known_texts.find(Path("war-and-pieces-of-mine")) == path


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("war-and-peace", "war-and-peace: is not here yet. Fetch it: charrnn corpora fetch war-and-peace"),
        ("war-and-piece", "Did you mean the text war-and-peace?"),
        ("war-and-peace.txt", "Did you mean the text war-and-peace?"),
        ("the-tidewater-bank.txt", "Did you mean the text the-tidewater-bank?"),
        ("https://host/x.txt", "charrnn corpora fetch URL"),
        (Path("http://host/x.txt"), "charrnn corpora fetch URL"),
    ],
)
def test_what_to_do_is_said(text: str | Path, reason: str) -> None:
    with pytest.raises(CorpusError, match=re.escape(reason)) as caught:
        known_texts.find(text)
    assert str(caught.value).startswith(str(text))


@pytest.mark.parametrize("text", ["novel.txt", "a/war-and-peace", "../faust", "x" * 5000, "nul\0", "-", "/faust"])
def test_anything_else_is_a_path(text: str) -> None:
    assert known_texts.find(text) == Path(text)


def test_an_empty_name_is_no_folder() -> None:
    with pytest.raises(UsageError, match="empty name"):
        known_texts.find("")


def test_names_never_lead_out_of_the_folder(tmp_path: Path) -> None:
    store("inside")
    (tmp_path / "data" / "outside.txt").touch()
    assert known_texts.find("../outside") == Path("../outside")
    with pytest.raises(CorpusError, match="not been fetched"):
        known_texts.remove("../outside")
    assert (tmp_path / "data" / "outside.txt").exists()


def test_what_can_be_fetched_by_name() -> None:
    assert known_texts.entry_named("faust") is ENTRIES["faust"]
    for name, reason in [
        ("faustt", "Did you mean faust?"),
        ("the-tidewater-bank", "comes with charrnn"),
        ("zzz", "Give its web address"),
    ]:
        with pytest.raises(CorpusError, match=re.escape(reason)):
            known_texts.entry_named(name)


# -- keeping -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("notes", [None, b"", b"{", b"[]", b"{}", b'{"characters": "x", "fetched": 1, "url": 2}'])
def test_texts_without_their_notes_are_listed(notes: bytes | None) -> None:
    path = store("lost")
    if notes is not None:
        path.with_suffix(".json").write_bytes(notes)
    (listed,) = known_texts.stored()[1:]
    assert (listed.name, listed.path, listed.size) == ("lost", path, 5)
    assert (listed.characters, listed.fetched, listed.url) == (None, None, None)


def test_fetched_texts_are_listed_by_name_after_the_bundled_one() -> None:
    for name in ("b", "a.v2", "c"):
        store(name)
    assert [text.name for text in known_texts.stored()] == ["the-tidewater-bank", "a.v2", "b", "c"]


def test_removed_is_removed(entry: KnownText, tmp_path: Path) -> None:
    kept = known_texts.fetch(entry)
    assert known_texts.remove("lighthouse") == kept.path
    assert files(tmp_path) == []
    with pytest.raises(CorpusError, match="has not been fetched"):
        known_texts.remove("lighthouse")
    with pytest.raises(CorpusError, match="comes with charrnn"):
        known_texts.remove("the-tidewater-bank")
    assert known_texts.bundled().exists()


# -- the list ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=lambda entry: entry.name)
def test_entries_are_complete(entry: KnownText) -> None:
    assert re.fullmatch(r"[a-z0-9-]+", entry.name)
    assert entry.title
    assert entry.author
    assert entry.language
    assert entry.licence.startswith("public domain: ")
    assert entry.sha256 or (entry.phrases and entry.size[0] > 100_000)
    assert entry.size[0] <= entry.size[1] <= known_texts.MAX_SIZE
    address = urlsplit(entry.url)
    assert address.scheme == "https"
    assert re.fullmatch(r"/cache/epub/(\d+)/pg\1\.txt", address.path) or address.netloc == "raw.githubusercontent.com"


def test_the_texts_are_different_ones() -> None:
    assert len({entry.url for entry in ENTRIES.values()}) == len(ENTRIES) >= 10
    assert "the-tidewater-bank" not in ENTRIES
    assert not gutenberg.has_boilerplate(known_texts.bundled().read_text(encoding="utf-8"))
