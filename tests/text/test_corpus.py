"""What people have, as files on disk, and what is made of it."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import lzma
import math
import os
import re
import struct
import subprocess
import sys
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charrnn.config import ReadConfig
from charrnn.errors import CorpusError, UsageError
from charrnn.text import corpus, encoder, id_cache, known_texts, sources
from charrnn.text.corpus import Corpus
from charrnn.text.id_file import IdFile

FRENCH = (
    "Longtemps, je me suis couché de bonne heure. Parfois, à peine ma bougie éteinte, mes yeux se fermaient si vite "
    "que je n'avais pas le temps de me dire: Je m'endors. Et, une demi-heure après, la pensée qu'il était temps de "
    "chercher le sommeil m'éveillait; je voulais poser le volume que je croyais avoir encore dans les mains.\n"
)
RUSSIAN = (
    "Пьер приехал в Москву и остановился у графа. Вечером он долго ходил по комнате и думал о том, что ему сказали.\n"
)
ENGLISH = "He said that the café was “closed”, and the naïve man’s response — ‘never’ — was of no use to anyone.\n"


@pytest.fixture(autouse=True)
def place(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("CHARRNN_CACHE_DIR", str(folder))
    return folder


@pytest.fixture
def on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every text counts as large."""
    monkeypatch.setattr(encoder.encode, "__defaults__", (encoder.encode.__defaults__[0], 0))  # type: ignore[index]
    monkeypatch.setattr(corpus, "_CACHED_FROM", 0)


def write(folder: Path, data: bytes, name: str = "text.txt") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def refused(path: Path, **config: Any) -> str:
    with pytest.raises(CorpusError) as caught:
        corpus.read(path, ReadConfig(**config))
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def same(one: Corpus, other: Corpus) -> bool:
    return (
        one.digest == other.digest
        and one.vocabulary == other.vocabulary
        and one.vocabulary.most_frequent == other.vocabulary.most_frequent
        and np.array_equal(one.counts, other.counts)
        and np.array_equal(one.ids[0 : len(one)], other.ids[0 : len(other)])
        and one.ids.dtype == other.ids.dtype
    )


def test_read_by_hand(tmp_path: Path) -> None:
    path = write(tmp_path, "né 🐍\n".encode())
    read = corpus.read(path)
    assert read.text == "né 🐍\n"
    assert read.vocabulary.characters == ("\n", " ", "n", "é", "🐍")
    assert read.ids[0:5].tolist() == [2, 3, 1, 4, 0]
    assert read.counts.tolist() == [1, 1, 1, 1, 1]
    assert (read.name, read.documents[0].path, read.notes) == ("text.txt", path, ())
    assert read.digest == hashlib.sha256("né 🐍\n".encode()).hexdigest()
    facts = {"name": "text.txt", "digest": read.digest, "characters": 5}
    assert read.describe() == facts | {"entropy": pytest.approx(math.log2(5), abs=1e-4)}
    assert same(read, corpus.from_text("né 🐍\n"))


@pytest.mark.parametrize(
    "data",
    [b"one\r\ntwo\r\n", b"one\rtwo\r", b"one\rtwo\r\n", b"\xef\xbb\xbfone\ntwo\n", b"\xef\xbb\xbfone\r\ntwo\r\n"],
    ids=["CRLF", "CR", "mixed", "BOM", "BOM and CRLF"],
)
def test_line_ends_and_byte_order_mark_do_not_make_another_text(tmp_path: Path, data: bytes) -> None:
    assert same(corpus.read(write(tmp_path, data)), corpus.read(write(tmp_path, b"one\ntwo\n", "lf.txt")))


def test_other_blank_characters_are_kept(tmp_path: Path) -> None:
    text = "a\n\nb\t\x0b\x0c\x85\u2028 \ufeffc"
    assert corpus.read(write(tmp_path, text.encode())).text == text


@given(st.text(min_size=1))
def test_text_in_memory_is_kept_but_for_line_ends(text: str) -> None:
    folded = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if len(set(folded)) < 2 or "\0" in folded:
        with pytest.raises(CorpusError):
            corpus.from_text(text)
        return
    made = corpus.from_text(text, "mine")
    assert made.text == folded
    assert made.digest == hashlib.sha256(folded.encode()).hexdigest()
    assert (made.name, made.documents[0].path) == ("mine", None)


def test_reading_options_change_the_characters(tmp_path: Path) -> None:
    path = write(tmp_path, "E\u0301A\r\nﬁ".encode())
    assert corpus.read(path, ReadConfig(keep_newlines=True)).text == "E\u0301A\r\nﬁ"
    assert corpus.read(path, ReadConfig(normalize="nfc", lowercase=True)).text == "éa\nﬁ"
    assert corpus.read(path, ReadConfig(normalize="nfkc")).text == "ÉA\nfi"


# -- many documents ------------------------------------------------------------------------------------------------


def test_documents_joined_by_hand(tmp_path: Path) -> None:
    for name, data in (("b.txt", b"bb"), ("a.txt", b"aaa"), ("c/d.txt", b"d"), ("note.md", b"x")):
        write(tmp_path, data, name)
    read = corpus.read(tmp_path, ReadConfig(separator="--"))
    assert read.text == "aaa--bb--d"
    assert [(one.name, one.start, one.characters) for one in read.documents] == [
        ("a.txt", 0, 3),
        ("b.txt", 5, 2),
        (os.path.join("c", "d.txt"), 9, 1),
    ]
    assert read.describe()["documents"] == 3
    assert read.name == tmp_path.name
    digests = [hashlib.sha256(data).hexdigest() for data in (b"aaa", b"bb", b"d")]
    assert read.digest == hashlib.sha256(json.dumps(["--", digests]).encode()).hexdigest()
    assert read.counts.tolist() == [4, 3, 2, 1]


def test_documents_apart_by_hand(tmp_path: Path) -> None:
    paths = [write(tmp_path, data, name) for name, data in (("x", b"abb"), ("y", b"cd"), ("z", b"acab"))]
    read = corpus.read(paths, ReadConfig(documents=True))
    assert read.ids.tolist() == [4, 0, 1, 1, 4, 2, 3, 4, 0, 2, 0, 1, 4]
    assert read.vocabulary.boundary_id == 4
    assert read.vocabulary.characters == ("a", "b", "c", "d", "")
    assert read.boundaries is not None
    assert read.boundaries.tolist() == [0, 4, 7, 12]
    assert [document.start for document in read.documents] == [1, 5, 8]
    assert (read.text, read.characters, read.document_count) == ("abb\n\ncd\n\nacab", 9, 3)
    assert read.alphabet.characters == ("a", "b", "c", "d")
    assert read.counts.tolist() == [3, 3, 2, 1]
    assert read.describe()["characters"] == 9
    rare = corpus.read(paths, ReadConfig(documents=True, min_count=3))
    assert rare.ids.tolist() == [3, 0, 1, 1, 3, 2, 2, 3, 0, 2, 0, 1, 3]
    as_bytes = corpus.read(paths, ReadConfig(documents=True, bytes=True))
    assert as_bytes.ids.tolist() == [256, 97, 98, 98, 256, 99, 100, 256, 97, 99, 97, 98, 256]
    assert as_bytes.text == read.text


def test_documents_of_older_runs(tmp_path: Path) -> None:
    """They had no boundary, and the end of each was held out: their runs are resumed and measured so."""
    paths = [write(tmp_path, data, name) for name, data in (("x", b"abcdefghij"), ("y", b"k"), ("z", b"lmnop"))]
    old = ReadConfig.from_dict({"documents": True})
    assert old == ReadConfig(documents=True, boundary=False)
    assert ReadConfig.from_dict({"documents": False}) == ReadConfig()
    read = corpus.read(paths, old)
    assert read.text == "abcdefghijklmnop"
    assert read.split(0.1).held_out == ((0, 9, 10), (10, 10, 11), (11, 15, 16))
    assert read.split(0.0).held_out == ((0, 10, 10), (10, 11, 11), (11, 16, 16))
    assert read.split(0.5, val_max=2).held_out == ((0, 8, 10), (10, 10, 11), (11, 15, 16))  # an eighth of each
    assert read.name == "x and 2 more"
    joined = corpus.read(paths, ReadConfig(separator=""))
    assert joined.text == read.text
    assert joined.digest != read.digest


def test_empty_documents_are_left_out_and_named(tmp_path: Path) -> None:
    paths = [
        write(tmp_path, data, name) for name, data in (("a", b""), ("b", b"bc"), ("c", b"\xef\xbb\xbf"), ("d", b"d"))
    ]
    read = corpus.read(paths)
    assert read.text == "bc\n\nd"
    assert read.notes == ("left out as empty: a, c",)
    assert [one.source for one in read.documents] == [1, 3]
    with pytest.raises(CorpusError, match="all are empty"):
        corpus.read([paths[0], paths[2]])


def test_order_of_arguments_counts(tmp_path: Path) -> None:
    a, b = write(tmp_path, b"aa", "a"), write(tmp_path, b"bb", "b")
    assert corpus.read([b, a], ReadConfig(separator="")).text == "bbaa"
    assert corpus.read([a, a], ReadConfig(separator="b")).text == "aabaa"


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_packed_text_is_the_same_text(tmp_path: Path, pack: Any) -> None:
    suffix = {gzip.compress: ".gz", bz2.compress: ".bz2", lzma.compress: ".xz"}[pack]
    packed = corpus.read(write(tmp_path, pack(FRENCH.encode()), "t.txt" + suffix))
    assert same(packed, corpus.read(write(tmp_path, FRENCH.encode())))


# -- rare characters, bytes ----------------------------------------------------------------------------------------


def test_rare_characters_share_a_symbol() -> None:
    made = corpus.from_text("aaabbbcd", config=ReadConfig(min_count=2))
    assert made.vocabulary.characters == ("a", "b", "\ufffd")
    assert made.ids[0:8].tolist() == [0, 0, 0, 1, 1, 1, 2, 2]
    assert made.alphabet.characters == ("a", "b", "c", "d")
    assert made.counts.tolist() == [3, 3, 1, 1]
    assert made.digest == corpus.from_text("aaabbbcd").digest
    with pytest.raises(CorpusError, match="--min-count 4"):
        corpus.from_text("aaabbbcd", config=ReadConfig(min_count=4))


def test_no_symbol_where_nothing_is_rare() -> None:
    assert not corpus.from_text("aabb", config=ReadConfig(min_count=2)).vocabulary.unknown


@given(st.binary(min_size=2).filter(lambda data: len(set(data)) > 1))
def test_bytes_are_themselves(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    read = corpus.read(write(tmp_path_factory.mktemp("bytes"), data, "data.bin"), ReadConfig(bytes=True))
    assert bytes(read.ids[0 : len(read)].tolist()) == data
    assert read.text.encode("utf-8", "surrogateescape") == data
    assert len(read.vocabulary) == 256
    assert read.digest == hashlib.sha256(data).hexdigest()


def test_bytes_joined_by_the_bytes_of_the_separator(tmp_path: Path) -> None:
    paths = [write(tmp_path, b"\xff\x00", "a"), write(tmp_path, b"\xfe", "b")]
    assert bytes(corpus.read(paths, ReadConfig(bytes=True, separator="é")).ids) == b"\xff\x00\xc3\xa9\xfe"


def test_bytes_have_no_characters() -> None:
    with pytest.raises(UsageError, match="--lowercase, --min-count"):
        ReadConfig(bytes=True, lowercase=True, min_count=2)


def test_five_thousand_characters(tmp_path: Path) -> None:
    points = np.random.default_rng(0).permutation(np.repeat(np.arange(0x4E00, 0x4E00 + 5000), 3))
    text = "".join(map(chr, points.tolist()))
    read = corpus.read(write(tmp_path, text.encode("gb18030")), ReadConfig(encoding="gb18030"))
    assert (len(read.vocabulary), read.ids.dtype) == (5000, np.uint16)
    assert read.text == text


# -- what cannot be read -------------------------------------------------------------------------------------------


def test_missing(tmp_path: Path) -> None:
    assert "No such file" in refused(tmp_path / "none.txt")
    write(tmp_path, b"abc")
    assert "cannot be read" in refused(tmp_path / "text.txt" / "below-a-file.txt")


def test_everything_missing_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(CorpusError) as caught:
        corpus.read([tmp_path / "one", write(tmp_path, b"ab"), tmp_path / "two"])
    assert "one" in str(caught.value)
    assert "two" in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs on this system")
def test_fifo_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    script = (
        "import pathlib, sys\nfrom charrnn import errors\nfrom charrnn.text import corpus\n"
        "try: corpus.read(pathlib.Path(sys.argv[1]))\nexcept errors.CorpusError as error: print(error)"
    )
    # In a process of its own: a test that hangs would hang them all.
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True, timeout=60
    )
    assert "not a regular file" in done.stdout


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no /dev/zero on this system")
def test_endless_device() -> None:
    assert "not a regular file" in refused(Path("/dev/zero"))


def test_empty(tmp_path: Path) -> None:
    assert "is empty" in refused(write(tmp_path, b""))
    assert "is empty" in refused(write(tmp_path, b"\xef\xbb\xbf"))
    with pytest.raises(CorpusError, match="mine: is empty"):
        corpus.from_text("", "mine")


def test_png(tmp_path: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    pixels = np.random.default_rng(0).integers(0, 256, (32, 97), dtype=np.uint8)
    pixels[:, 0] = 0
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 32, 32, 8, 2, 0, 0, 0))
    data = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(pixels.tobytes())) + chunk(b"IEND", b"")
    message = refused(write(tmp_path, data, "picture.png"))
    assert "picture.png: is a PNG picture, no plain text." in message
    assert "--encoding" not in message


def test_nuls_are_slips_or_no_text(tmp_path: Path) -> None:
    assert "NUL" in refused(write(tmp_path, b"abc\0def"))
    assert corpus.read(write(tmp_path, "abcdef".encode("utf-16-le"))).text == "abcdef"
    assert "\0" in corpus.read(write(tmp_path, b"abc\0def" + b"text " * 200)).text


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (FRENCH, "latin-1"),
        (ENGLISH, "cp1252"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8-r"),
    ],
)
@pytest.mark.parametrize("before", ["", "Nothing but ASCII in this line.\r\n" * 500], ids=["short", "long"])
def test_other_encodings_are_named_and_fit(tmp_path: Path, text: str, name: str, before: str) -> None:
    data = (before + text).encode(name)
    path = write(tmp_path, data, "it's mine.txt")
    message = refused(path, encoding="utf-8")
    found = re.search(r"byte (\d+) \(([0-9a-f ]+)\).* It looks like (\S+): use --encoding (\S+), ", message)
    assert found, message
    with pytest.raises(UnicodeDecodeError) as caught:
        data.decode("utf-8")
    assert caught.value.start == int(found[1])
    assert bytes.fromhex(found[2]) == data[int(found[1]) : int(found[1]) + 4]
    assert found[3] == found[4]
    wanted = (before + text).replace("\r\n", "\n")
    assert corpus.read(path, ReadConfig(encoding=found[3])).text == wanted
    guessed = corpus.read(path, ReadConfig(encoding="auto"))
    assert guessed.text == wanted
    assert guessed.notes == (f"read as {found[3]}, not being UTF-8 (--encoding names another): it's mine.txt",)


def test_wide_encodings_are_honoured(tmp_path: Path) -> None:
    read = corpus.read(write(tmp_path, FRENCH.encode("utf-16")))
    assert read.text == FRENCH
    assert read.notes == ("read as utf-16-le: text.txt",)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_unreadable(tmp_path: Path) -> None:
    path = write(tmp_path, b"secret")
    path.chmod(0)
    assert "Permission denied" in refused(path)


def test_a_single_character_cannot_be_learnt() -> None:
    with pytest.raises(CorpusError, match="only the character 'a'"):
        corpus.from_text("aaaa")
    with pytest.raises(CorpusError, match="one byte"):
        corpus.from_text("aaaa", config=ReadConfig(bytes=True))


# -- what does not fit in memory -------------------------------------------------------------------------------------


@pytest.mark.usefixtures("on_disk")
@pytest.mark.parametrize("config", [{}, {"min_count": 40}, {"documents": True}, {"bytes": True}, {"lowercase": True}])
def test_on_disk_as_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: dict[str, Any]) -> None:
    write(tmp_path, (FRENCH * 30).encode(), "a.txt")
    write(tmp_path, b"", "b.txt")
    write(tmp_path, gzip.compress((RUSSIAN * 30).encode()), "c.txt.gz")
    stages: set[str] = set()
    arguments: Any = {"progress": lambda stage, _: stages.add(stage)}
    first = corpus.read(tmp_path, ReadConfig(**config), **arguments)
    assert isinstance(first.ids, IdFile)
    assert stages == {"checking the text", "reading", "encoding"}
    stages.clear()
    second = corpus.read(tmp_path, ReadConfig(**config), **arguments)
    assert isinstance(second.ids, IdFile)
    assert "encoding" not in stages
    monkeypatch.undo()
    monkeypatch.setenv("CHARRNN_CACHE_DIR", str(tmp_path / "unused"))
    memory = corpus.read(tmp_path, ReadConfig(**config))
    assert isinstance(memory.ids, np.ndarray)
    for one in (first, second):
        assert same(one, memory)
        assert (one.documents, one.notes, one.origin, one.name) == (
            memory.documents,
            memory.notes,
            memory.origin,
            memory.name,
        )
    assert not (tmp_path / "unused").exists()


@pytest.mark.usefixtures("on_disk")
def test_the_cache_knows_an_edit_that_changes_neither_size_nor_time(tmp_path: Path) -> None:
    path = write(tmp_path, b"abcabc")
    before = path.stat()
    assert corpus.read(path).text == "abcabc"
    path.write_bytes(b"abcabd")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert corpus.read(path).text == "abcabd"


@pytest.mark.usefixtures("on_disk")
def test_a_damaged_cache_is_made_anew(tmp_path: Path, place: Path) -> None:
    path = write(tmp_path, b"abcabc")
    corpus.read(path)
    entry = next(place.glob("*.ids"))
    whole = entry.read_bytes()
    entry.write_bytes(whole[:-1] + b"?")
    assert corpus.read(path).text == "abcabc"
    assert entry.read_bytes() == whole
    entry.write_bytes(b"\7" + whole[1:])
    damaged = corpus.read(path)  # as far as can be seen before its ids are read, it is well
    with pytest.raises(CorpusError, match=r"is damaged in the 1 MB from byte 0 on\.") as caught:
        _ = damaged.text
    assert "Give the command again" in caught.value.advice
    assert corpus.read(path).text == "abcabc"
    assert entry.read_bytes() == whole


@pytest.mark.usefixtures("on_disk")
def test_one_entry_serves_every_min_count(tmp_path: Path, place: Path) -> None:
    path = write(tmp_path, b"aaabbbcd")
    assert corpus.read(path).text == "aaabbbcd"
    assert corpus.read(path, ReadConfig(min_count=2)).text == "aaabbb\ufffd\ufffd"
    assert len(list(place.glob("*.ids"))) == 1
    assert [one.name for one in id_cache.entries()] == ["text.txt"]


@pytest.mark.usefixtures("on_disk")
def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARRNN_CACHE_DIR", str(write(tmp_path, b"", "file") / "cache"))
    read = corpus.read(write(tmp_path, b"abcabc"))
    assert read.text == "abcabc"
    assert "cannot keep the encoded text" in read.notes[0]


@pytest.mark.usefixtures("on_disk")
@pytest.mark.parametrize("replacement", [b"abcabd", b"abc", b"abcabcabc", None])
def test_a_text_that_changes_while_it_is_read(tmp_path: Path, place: Path, replacement: bytes | None) -> None:
    path, other = write(tmp_path, b"abcabc", "a"), write(tmp_path, b"xyz", "b")

    def meddle(stage: str, _: int) -> None:
        if stage == "encoding" and other.exists():
            other.unlink()
            if replacement is not None:
                other.write_bytes(replacement)

    with pytest.raises(CorpusError, match=str(other)):
        corpus.read([path, other], progress=meddle)
    assert list(place.iterdir()) == []


@pytest.mark.usefixtures("on_disk")
def test_memory_does_not_grow_with_the_text(tmp_path: Path) -> None:
    line = "The quick brown fox jumps over the lazy dog, é and all.\n".encode()
    peaks = []
    for lines in (500_000, 1_000_000):
        path = write(tmp_path, line * lines)
        tracemalloc.start()
        read = corpus.read(path)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert len(read) == 56 * lines
    assert peaks[1] < 1.1 * peaks[0]


# -- texts known by name -------------------------------------------------------------------------------------------


def test_bundled_text_is_found_and_can_be_learnt_from() -> None:
    path = known_texts.bundled()
    read = corpus.read(path)
    assert read.name == known_texts.BUNDLED
    assert len(read) > 100_000
    assert read.vocabulary.default_prime == "\n"
    assert same(read, corpus.read("the-tidewater-bank"))


def test_standard_input(tmp_path: Path) -> None:
    script = (
        "from charrnn.text import corpus\nread = corpus.read('-')\n"
        "print(read.name, ascii(read.text), read.origin['texts'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], input=b"n\xc3\xa9\r\n", capture_output=True, check=True, timeout=60
    )
    assert done.stdout.decode().split() == ["standard", "input", "'n\\xe9\\n'", "['-']"]


def test_a_source_is_read_as_often_as_it_is_asked_for() -> None:
    (source,) = sources.gather(["-"], stdin=io.BytesIO("Épater\r\n".encode()))
    assert [corpus.read([source], config).text for config in (ReadConfig(), ReadConfig(lowercase=True))] == [
        "Épater\n",
        "épater\n",
    ]
    assert corpus.read([source]).name == "standard input"
    assert corpus.read([source]).origin["texts"] == ["-"]
    with pytest.raises(CorpusError, match=r"^standard input: is not ascii: byte 0"):
        corpus.read([source], ReadConfig(encoding="ascii"))


@pytest.mark.usefixtures("on_disk")
@pytest.mark.parametrize("documents", [{}, {"documents": True, "document_separator": "\n\n"}], ids=["joined", "apart"])
@pytest.mark.parametrize(
    "val_text", ["one \u265e document", "\u265etwo\u265e\n\ndocuments\u265e", "as it is\n\nand two"]
)
def test_a_validation_text_on_disk_is_that_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, documents: dict[str, Any], val_text: str
) -> None:
    """A knight at chess is nowhere in the training text, and nothing is near it: it is left out."""
    text = write(tmp_path, b"some document is here\n\nwith a cat, and two mice\n\n" * 20)
    other = write(tmp_path, val_text.encode(), "other.txt")
    from_disk = corpus.read(text, ReadConfig(**documents), val_text=other).validation
    monkeypatch.undo()
    from_memory = corpus.read(text, ReadConfig(**documents), val_text=other).validation
    assert from_disk is not None
    assert from_memory is not None
    assert isinstance(from_disk.ids, IdFile)
    assert from_disk.ids[0 : len(from_disk)].tolist() == from_memory.ids.tolist()
    assert from_disk.text == from_memory.text == val_text.replace("\u265e", "")
    places = [None if one.boundaries is None else one.boundaries.tolist() for one in (from_disk, from_memory)]
    assert places[0] == places[1]
    assert (places[0] is None) == (not documents)
