"""How the characters of a text are written in its bytes: in any encoding, with any line ends."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import tiny

from charrnn.config import ReadConfig
from charrnn.errors import UsageError
from charrnn.evaluation.byte_form import ByteForm
from charrnn.evaluation.head_to_head import measure
from charrnn.evaluation.scoring import score
from charrnn.network.engine import Engine
from charrnn.runs import checkpoint
from charrnn.text import corpus
from charrnn.text.split import Span

WRITTEN = "".join(f"Près de « {n} », il y a {n * n} étés déjà : {n % 9} bœufs.\n" for n in range(120))


def both(path: Path, **reading: object) -> tuple[corpus.Corpus, corpus.Corpus]:
    return corpus.read(path, ReadConfig(bytes=True)), corpus.read(path, ReadConfig(**reading))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("encoding", "newline", "form"),
    [
        ("utf-8", "\n", ByteForm()),
        ("utf-8-sig", "\n", ByteForm(begin=3)),
        ("utf-8", "\r\n", ByteForm(newline="\r\n")),
        ("cp1252", "\r", ByteForm("cp1252", "\r")),
        ("utf-16", "\r\n", ByteForm("utf-16-le", "\r\n", 2)),
    ],
)
def test_forms(tmp_path: Path, encoding: str, newline: str, form: ByteForm) -> None:
    path = tmp_path / "prose.txt"
    data = WRITTEN.replace("\n", newline).encode(encoding)
    path.write_bytes(data)
    of_bytes, of_characters = both(path)
    found = ByteForm.of(of_bytes, of_characters)
    assert found == form
    ends = np.cumsum([len(c.replace("\n", newline).encode(form.encoding)) for c in WRITTEN]) + form.begin
    begins = [form.begin, *ends[:-1].tolist()]
    for first, last in ((0, 7), (1000, 1900), (len(WRITTEN) - 3, len(WRITTEN))):
        whole = Span(begins[first], int(ends[last - 1]))
        assert found.spans(of_characters, [whole]) == [Span(first, last)]
        assert found.spans(of_characters, [Span(whole.start - 1, whole.stop)])[0].start == max(0, first - 1)


def test_what_is_not_written_so(tmp_path: Path) -> None:
    path = tmp_path / "prose.txt"
    path.write_bytes(WRITTEN.replace("\n", "\r\n", 3).encode())
    assert ByteForm.of(*both(path)) is None
    path.write_bytes(WRITTEN.encode())
    assert ByteForm.of(*both(path, lowercase=True)) is None
    assert ByteForm.of(*both(path, keep_newlines=True)) == ByteForm()


@pytest.mark.parametrize(("encoding", "newline"), [("utf-8", "\r\n"), ("cp1252", "\n"), ("utf-16", "\n")])
def test_bytes_are_measured_as_they_are_in_the_file(tmp_path: Path, encoding: str, newline: str) -> None:
    path = tmp_path / "prose.txt"
    data = WRITTEN.replace("\n", newline).encode(encoding)
    path.write_bytes(data)
    paths = [
        tiny.run_on(tmp_path, name, path, read=reading) / "iteration-000010.safetensors"
        for name, reading in (("bytes", ReadConfig(bytes=True)), ("characters", ReadConfig()))
    ]
    found = measure(paths, str(path))
    form = ByteForm.of(*both(path))
    assert form is not None
    begin = len(WRITTEN) - found.characters  # held out of both: the end of each
    at = len(data) - len(form.encode(WRITTEN[begin:])[0])
    assert at >= int(len(data) * 0.75)
    assert begin >= int(len(WRITTEN) * 0.75)
    assert at == int(len(data) * 0.75) or begin == int(len(WRITTEN) * 0.75) or at < int(len(data) * 0.75) + 4
    kept = checkpoint.load(paths[0])
    lead = len(form.encode(WRITTEN[begin - 512 : begin])[0])
    raw = data[at - lead :].decode("ascii", "surrogateescape")
    by_hand = score(Engine(kept.header.model, kept.weights), kept.header.vocabulary, raw, lead=lead).bits.sum()
    assert found.models[0].carried == pytest.approx(by_hand / found.characters)
    assert (found.models[0].form is None) == (encoding == "utf-8" and newline == "\n")


def test_characters_that_were_changed_are_not_measured_against_bytes(tmp_path: Path) -> None:
    path = tmp_path / "prose.txt"
    path.write_text(WRITTEN, "utf-8")
    paths = [
        tiny.run_on(tmp_path, name, path, read=reading) / "iteration-000010.safetensors"
        for name, reading in (("bytes", ReadConfig(bytes=True)), ("characters", ReadConfig(lowercase=True)))
    ]
    with pytest.raises(UsageError, match=r"read different characters in prose\.txt \(--bytes, --lowercase\)"):
        measure(paths, str(path))
