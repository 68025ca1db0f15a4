from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charrnn import corpus
from charrnn.errors import CorpusError

FRENCH = (
    "Longtemps, je me suis couché de bonne heure. Parfois, à peine ma bougie éteinte, mes yeux se fermaient si vite "
    "que je n'avais pas le temps de me dire: Je m'endors. Et, une demi-heure après, la pensée qu'il était temps de "
    "chercher le sommeil m'éveillait; je voulais poser le volume que je croyais avoir encore dans les mains.\n"
)
RUSSIAN = (
    "Пьер приехал в Москву и остановился у графа. Вечером он долго ходил по комнате и думал о том, что ему сказали.\n"
)
ENGLISH = "He said that the café was “closed”, and the naïve man’s response — ‘never’ — was of no use to anyone.\n"


def write(folder: Path, data: bytes, name: str = "text.txt") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def refused(path: Path) -> str:
    with pytest.raises(CorpusError) as caught:
        corpus.read(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def test_read_by_hand(tmp_path: Path) -> None:
    path = write(tmp_path, "né 🐍\n".encode())
    read = corpus.read(path)
    assert read.text == "né 🐍\n"
    assert read.code_points.tolist() == [0x6E, 0xE9, 0x20, 0x1F40D, 0x0A]
    assert len(read) == 5
    assert (read.name, read.path) == ("text.txt", path)
    assert read.digest == hashlib.sha256("né 🐍\n".encode()).hexdigest()
    assert read.describe() == {"name": "text.txt", "digest": read.digest, "characters": 5}


@pytest.mark.parametrize(
    "data",
    [b"one\r\ntwo\r\n", b"one\rtwo\r", b"one\rtwo\r\n", b"\xef\xbb\xbfone\ntwo\n", b"\xef\xbb\xbfone\r\ntwo\r\n"],
    ids=["CRLF", "CR", "mixed", "BOM", "BOM and CRLF"],
)
def test_line_ends_and_byte_order_mark_do_not_make_another_text(tmp_path: Path, data: bytes) -> None:
    read = corpus.read(write(tmp_path, data))
    assert read.text == "one\ntwo\n"
    assert read.digest == corpus.read(write(tmp_path, b"one\ntwo\n", "lf.txt")).digest


def test_other_blank_characters_are_kept(tmp_path: Path) -> None:
    text = "a\n\nb\t\x0b\x0c\x85\u2028 \ufeffc"
    assert corpus.read(write(tmp_path, text.encode())).text == text


def test_blank_lines_of_crlf_are_counted_once(tmp_path: Path) -> None:
    assert corpus.read(write(tmp_path, b"a\r\n\r\nb\r\r\nc")).text == "a\n\nb\n\nc"


@settings(deadline=None)
@given(st.text(min_size=1))
def test_text_in_memory_is_kept_but_for_line_ends(text: str) -> None:
    folded = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if not folded or "\0" in folded:
        with pytest.raises(CorpusError, match=r"byte order mark|NUL"):
            corpus.from_text(text)
        return
    made = corpus.from_text(text, "mine")
    assert made.text == folded
    assert made.digest == hashlib.sha256(folded.encode()).hexdigest()
    assert (made.name, made.path) == ("mine", None)


def test_vocabulary_holds_the_held_out_tail_too() -> None:
    made = corpus.from_text("a" * 95 + "bcdez")
    assert made.held_out_from(0.1) == 90
    assert corpus.vocabulary_of(made).characters == ("a", "b", "c", "d", "e", "z")


@pytest.mark.parametrize(("val_frac", "begins"), [(0.0, 1000), (0.1, 900), (0.25, 750), (0.999, 1)])
def test_split(val_frac: float, begins: int) -> None:
    assert corpus.from_text("ab" * 500).held_out_from(val_frac) == begins


def test_missing(tmp_path: Path) -> None:
    assert "No such file" in refused(tmp_path / "none.txt")
    write(tmp_path, b"abc")
    assert "cannot be read" in refused(tmp_path / "text.txt" / "below-a-file.txt")


def test_directory(tmp_path: Path) -> None:
    assert "directory" in refused(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs on this system")
def test_fifo_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    script = (
        "import pathlib, sys\nfrom charrnn import corpus, errors\n"
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
    with pytest.raises(CorpusError, match="mine: is empty"):
        corpus.from_text("", "mine")


def test_byte_order_mark_alone(tmp_path: Path) -> None:
    assert "byte order mark" in refused(write(tmp_path, b"\xef\xbb\xbf"))


def test_png(tmp_path: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    pixels = np.random.default_rng(0).integers(0, 256, (32, 97), dtype=np.uint8)
    pixels[:, 0] = 0
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 32, 32, 8, 2, 0, 0, 0))
    data = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(pixels.tobytes())) + chunk(b"IEND", b"")
    message = refused(write(tmp_path, data, "picture.png"))
    assert "is not text: byte 0 (89 50 4e 47)" in message
    assert "iconv" not in message


def test_nul_byte_at_its_place_in_the_file(tmp_path: Path) -> None:
    assert "NUL byte at offset 3;" in refused(write(tmp_path, b"abc\0def"))
    assert "NUL byte at offset 8;" in refused(write(tmp_path, b"\xef\xbb\xbfab\r\nc\0def"))


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (FRENCH, "latin-1"),
        (ENGLISH, "cp1252"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8-r"),
        (FRENCH, "utf-16"),
        (RUSSIAN, "utf-16"),
    ],
)
@pytest.mark.parametrize("before", ["", "Nothing but ASCII in this line.\r\n" * 500], ids=["short", "long"])
def test_other_encodings_are_named_with_the_command_that_converts(
    tmp_path: Path, text: str, encoding: str, before: str
) -> None:
    data = (before + text).encode(encoding)
    message = refused(write(tmp_path, data, "it's mine.txt"))
    found = re.search(r"byte (\d+) \(([0-9a-f ]+)\). It looks like (\S+); convert it: (iconv .*)", message)
    assert found, message
    offset = int(found[1])
    data[:offset].decode("utf-8")  # all before it is well-formed
    with pytest.raises(UnicodeDecodeError) as caught:
        data.decode("utf-8")
    assert caught.value.start == offset
    assert bytes.fromhex(found[2]) == data[offset : offset + 4]
    assert data.decode(found[3]) == before + text
    assert shlex.split(found[4])[:6] == ["iconv", "-f", found[3], "-t", "utf-8", "it's mine.txt"]
    if shutil.which("iconv"):
        subprocess.run(found[4], shell=True, cwd=tmp_path, check=True)
        converted = corpus.read(tmp_path / "utf8-it's mine.txt")
        assert converted.text == (before + text).replace("\r\n", "\n")


def test_stray_byte_late_in_a_text(tmp_path: Path) -> None:
    assert "byte 40003 (ff" in refused(write(tmp_path, b"\xef\xbb\xbf" + b"line\r\n" * 6666 + b"abcd\xff"))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_unreadable(tmp_path: Path) -> None:
    path = write(tmp_path, b"secret")
    path.chmod(0)
    assert "Permission denied" in refused(path)
    path.chmod(0o600)
    tmp_path.chmod(0)
    try:
        assert "Permission denied" in refused(path)
    finally:
        tmp_path.chmod(0o700)


def test_bundled_text_is_found_and_can_be_learnt_from() -> None:
    path = corpus.bundled()
    read = corpus.read(path)
    assert read.name == corpus.BUNDLED
    assert len(read) > 100_000
    vocabulary = corpus.vocabulary_of(read)
    assert vocabulary.default_prime == "\n"
    assert vocabulary.decode(vocabulary.encode(read.text)) == read.text
