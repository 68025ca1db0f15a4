"""What reads other people's bytes, each as a function of bytes: with an error of charrnn's in one line, or without any.

Two drivers share them: `test_targets.py`, a bounded run in every run of the tests, and `fuzz.py` (`make fuzz`), which
goes by coverage for as long as it is let.
"""

from __future__ import annotations

import contextlib
import functools
import io
import itertools
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_args

import numpy as np
import typer
from helpers import crafting, tiny

from charrnn import formatting, shell
from charrnn.commands.app import app
from charrnn.config import (
    BoundsConfig,
    CandidatesConfig,
    Config,
    ModelConfig,
    NoveltyConfig,
    ReadConfig,
    RunConfig,
    SamplingConfig,
    SeveralConfig,
    SourceConfig,
    StartConfig,
    TrainConfig,
    Unseen,
    parsing,
    settings_of,
)
from charrnn.network.engine import Engine
from charrnn.plotting.chart import thinned
from charrnn.runs import checkpoint, history, samples
from charrnn.runs.header import Header
from charrnn.runs.run import Run
from charrnn.sampling.stopping import stop_form
from charrnn.terminal.wrapping import wrapped
from charrnn.text import corpus, graphemes, sources, words
from charrnn.text.lexicon import Lexicon
from charrnn.text.vocabulary import Vocabulary, to_code_points

_CONFIGS: tuple[type[Config], ...] = (
    *(SourceConfig, ReadConfig, ModelConfig, TrainConfig, StartConfig, RunConfig),
    *(SamplingConfig, CandidatesConfig, BoundsConfig, SeveralConfig, NoveltyConfig),
)
_SETTINGS = [setting for config in _CONFIGS for setting in settings_of(config)]
_READINGS = (
    *(ReadConfig(), ReadConfig(errors="replace"), ReadConfig(bytes=True), ReadConfig(keep_newlines=True)),
    *(ReadConfig(strip_gutenberg=True), ReadConfig(normalize="nfkc", lowercase=True), ReadConfig(min_count=2)),
    *(ReadConfig(document_separator="\n"), ReadConfig(document_separator="ab", errors="replace")),
    *(ReadConfig(encoding="utf-16"), ReadConfig(encoding="shift-jis", errors="replace"), ReadConfig(encoding="utf-7")),
    *(ReadConfig(document_separator="\n", shuffle="lines"), ReadConfig(bytes=True, documents=True)),
)


@dataclass(frozen=True)
class Target:
    """A reader, and where to begin."""

    name: str
    run: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]


@functools.cache
def _folder() -> Path:
    """A place of this process' own, for readers that take paths."""
    kept = tempfile.TemporaryDirectory(prefix="charrnn-fuzz-")
    _KEPT.append(kept)
    return Path(kept.name)


_KEPT: list[tempfile.TemporaryDirectory[str]] = []


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


@functools.cache
def _saved() -> Path:
    """A checkpoint that charrnn wrote."""
    return tiny.save(_folder() / "saved.safetensors")


@functools.cache
def _saved_to_resume() -> Path:
    progress = {"seconds": 1.5, "turn": [3, 0.5], "documents": [["a", 3, "d"]], "origin": {"texts": ["a.txt"]}}
    return tiny.save(_folder() / "to-resume.safetensors", kind="resume", progress=progress)


# -- checkpoints -----------------------------------------------------------------------------------------------------


def _load(path: Path) -> None:
    """Load a checkpoint, and write with it if it can be."""
    headers: list[Header] = []
    crafting.outcome(lambda: headers.append(checkpoint.read_header(path)))

    def use() -> None:
        loaded = checkpoint.load(path)
        assert headers, "a checkpoint is read whose header is refused"
        assert loaded.header == headers[0]
        assert loaded.header.to_json()
        samples.sections_of(samples.section(loaded.header))
        with np.errstate(all="ignore"):
            Engine(loaded.header.model, loaded.weights).read([0])

    crafting.outcome(use)


def checkpoint_file(data: bytes) -> None:
    """A file of any bytes."""
    path = _folder() / "any.safetensors"
    path.write_bytes(data)
    _load(path)


def checkpoint_index(data: bytes) -> None:
    """Any JSON as the index of a file, whose length is true."""
    path, body = _folder() / "index.safetensors", _saved().read_bytes()
    start = 8 + int.from_bytes(body[:8], "little")
    path.write_bytes(len(data).to_bytes(8, "little") + data + body[start:])
    _load(path)


def checkpoint_header(data: bytes) -> None:
    """One value of a header replaced, under a true checksum: the first two bytes say which, the others are its JSON."""
    source = _saved() if data[:1] < b"\x80" else _saved_to_resume()
    header = crafting.header_of(source)
    places = list(crafting.places(header))
    place = places[int.from_bytes(data[:2], "big") % len(places)]
    try:
        value = json.loads(data[2:])
    except (ValueError, RecursionError):
        value = data[2:].decode("utf-8", "replace")
    path = _folder() / "header.safetensors"
    crafting.write(path, crafting.replaced(header, place, value), checkpoint.load(source).tensors)
    _load(path)


# -- settings --------------------------------------------------------------------------------------------------------


def settings(data: bytes) -> None:
    """One setting as it is typed, and as JSON has it: the first byte says which."""
    setting, typed = _SETTINGS[(data[0] if data else 0) % len(_SETTINGS)], _text(data[1:])
    config = next(config for config in _CONFIGS if setting in settings_of(config))

    def as_typed() -> None:
        value = setting.read(typed)
        setting.check(value)
        made = config.pick({setting.name: value})
        again = setting.read(setting.typed(value)) if isinstance(value, str) else setting.of_any(value)
        if typed.isprintable():  # a command that is shown has no controls
            assert again == value, f"{setting.flag}: {value!r} and {again!r}"
        assert made
        assert setting.option.bounds() is not None

    crafting.outcome(as_typed)
    with contextlib.suppress(ValueError, RecursionError):
        value = json.loads(typed)
        crafting.outcome(lambda: config.from_dict({setting.name: value}))
    for note in (parsing.mistakable, parsing.literal):
        assert "\n" not in note(typed) or "\n" in typed
    assert parsing.unescaped(formatting.one_line(typed)) is not None


@functools.cache
def _root() -> Any:
    return typer.main.get_command(app)


def arguments(data: bytes) -> None:
    """Words after a verb, looked at and not obeyed: the first byte says which verb, NUL ends a word."""
    root = _root()
    verbs = [root.commands[name] for name in sorted(root.commands)]  # type: ignore[attr-defined]
    verb = verbs[(data[0] if data else 0) % len(verbs)]
    context = typer.Context(root, info_name="charrnn")
    typed = _text(data[1:]).split("\0")
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        contextlib.suppress(typer.Exit, SystemExit),
    ):
        crafting.outcome(lambda: verb.make_context(verb.name, typed, parent=context))


# -- texts -----------------------------------------------------------------------------------------------------------


def corpus_file(data: bytes) -> None:
    """A file of any bytes as a text: the first byte says how it is read."""
    config = _READINGS[(data[0] if data else 0) % len(_READINGS)]
    read: list[corpus.Corpus] = []
    crafting.outcome(lambda: read.append(corpus.read([sources.of_bytes(data[1:], "fuzzed")], config)))
    for text in read:
        assert len(text.ids) >= 2
        again = corpus.read([sources.of_bytes(data[1:], "fuzzed")], config)
        assert text.digest == again.digest
        crafting.outcome(lambda text=text: text.split(0.1, 1000))  # type: ignore[misc]


@functools.cache
def _vocabularies() -> list[Vocabulary]:
    texts = (
        tiny.TEXT,
        "Nai\u0308ve caf\u00e9 \u2018q\u2019 \u2026 \ufb01n \uac01 \u1100\u1161 \n",
        "".join(map(chr, range(0x3B1, 0x400))),
    )
    return [*map(Vocabulary.of, map(to_code_points, texts)), Vocabulary.every_byte()]


def prompt(data: bytes) -> None:
    """What a person writes before a model goes on, in the characters that it knows."""
    text = _text(data[:2000])
    for vocabulary, unseen in itertools.product(_vocabularies(), get_args(Unseen)):
        form = vocabulary.form_of(text, unseen)
        form.note("the prompt")
        assert form.normalized() is not None

        def encode(known: str = form.text, vocabulary: Vocabulary = vocabulary) -> None:
            ids = vocabulary.encode(known)
            assert vocabulary.decode(ids) == known

        said = crafting.outcome(encode)
        assert not said or unseen == "error", (said, unseen)
        if text:
            stop_form(text, vocabulary).note("--until")


@functools.cache
def _lexicon() -> Lexicon:
    text = corpus.from_text(tiny.TEXT * 9)
    return Lexicon.of(text, text.split(0.1, 100).training)


def sample_text(data: bytes) -> None:
    """What a model wrote, as it is counted and shown."""
    text = _text(data[:4000])
    clusters = list(graphemes.clusters(text))
    assert "".join(clusters) == text
    assert all(graphemes.columns(cluster) >= 0 for cluster in clusters)
    parts = list(graphemes.clustered((character, 1.0) for character in text))
    assert "".join(part for part, _ in parts) == text
    assert abs(sum(bits for _, bits in parts) - len(text)) < 1e-6 * (len(text) + 1)
    for word in words.words_of(text):
        assert words.letters_in(word) >= 0
    for share in _lexicon().shares(text):
        assert share is None or 0 <= share <= 1
    shown = formatting.visible(text)
    assert len(shown) == len(text)
    assert not formatting._UNSAFE.search(shown)
    assert "\n" not in formatting.one_line(text)
    assert "\n" not in shell.quoted(text)
    for width in (1, 7, 80):
        lines = "".join(part for part, _ in wrapped([(text, "")], width))
        assert not formatting._UNSAFE.search(lines)
    assert "".join(part for part, _ in wrapped([(text, "")], None)) == text


# -- a run's other files ---------------------------------------------------------------------------------------------


@functools.cache
def _run() -> Path:
    return tiny.run(_folder(), "fuzzed", {100: 3.0, 300: 2.0})


def metrics(data: bytes) -> None:
    """Any bytes as what a training measured."""
    (_run() / "metrics.jsonl").write_bytes(data)
    curves = history.read(Run(_run()))
    assert curves.iterations >= 300
    series = [getattr(curves, field.name) for field in fields(curves) if field.type == "Series"]
    for points in series:
        assert thinned(points, 8) == tuple(sorted(thinned(points, 8)))
    _ = curves.explosion, curves.diverged, curves.clipped_share, curves.last_clipped, history.ceiling(series)


def samples_file(data: bytes) -> None:
    """Any bytes as the timeline of samples."""
    path = _folder() / "samples.md"
    path.write_bytes(data)
    crafting.outcome(lambda: samples.read(path))
    for section in samples.sections_of(data.decode("utf-8", "replace")).values():
        assert section.lstrip("\n").startswith("## Iteration ")


def _header_seeds() -> list[bytes]:
    values = ("0", "-1", "1e308", "null", "[]", "{}", '"x"', "true", "[[[]]]", '{"a":1}', "9" * 40, '"\\ud800"')
    return [bytes([number * 5 % 256, number]) + value.encode() for number, value in enumerate(values * 3)]


def _index_seeds() -> list[bytes]:
    data = _saved().read_bytes()
    return [data[8 : 8 + int.from_bytes(data[:8], "little")], b"{}"]


def _setting_seeds() -> list[bytes]:
    typed = ("100,300,...", "last:5,best", "1h30m", "0.2,0.5", "1e4", "\\n", "lstm", "0.5", "50%", "[1,2]", '"a"', "")
    return [bytes([number]) + text.encode() for number in range(len(_SETTINGS)) for text in typed[number % 3 :: 3]]


def _argument_seeds() -> list[bytes]:
    typed = (
        "novel.txt\0--rnn-size=8",
        "one\0-n20\0--prompt\0Well, ",
        "one\0--documents\0line",
        "--hidden_size\0" + "9",
    )
    return [
        bytes([number]) + text.encode() for number in range(8) for text in (*typed, "--help", "–n\05", "-primex", "")
    ]


def _text_seeds() -> list[bytes]:
    book = "*** START OF THE PROJECT GUTENBERG EBOOK X ***\nab\nab\n*** END OF THE PROJECT GUTENBERG EBOOK X ***\n"
    texts = (
        tiny.TEXT.encode(),
        "naïve café\r\nÿ".encode("cp1252"),
        "日本語".encode("shift-jis"),
        book.encode(),
        b"\x1f\x8b\x08",
    )
    texts = (*texts, "Война и мир".encode("utf-16"), b"BZh91AY&SY", b"PK\x03\x04", b"%PDF-1.4", b"\xfd7zXZ\x00")
    return [bytes([number]) + text for number in range(len(_READINGS)) for text in texts]


def _prompt_seeds() -> list[bytes]:
    texts = (
        tiny.TEXT,
        "e\u0301\u0327",
        "\ufb01 \u2026",
        "\u1100\u1161\u11a8",
        "\U0001f468\u200d\U0001f469",
        "\x1b[31m",
        "\u202e",
    )
    return [text.encode() for text in texts]


def _metrics_seeds() -> list[bytes]:
    rows = ({"iteration": 10, "train_loss": 2.5, "clipped": 3}, {"iteration": 20, "event": "diverged", "loss": None})
    lines = "".join(json.dumps(row) + "\n" for row in (*rows, {"iteration": 20, "held_out_loss": 9.5, "seconds": 1}))
    return [lines.encode(), b'{"iteration": NaN}\n', b'{"iteration": 1e400, "loss": 1}\n[[', b""]


def _samples_seeds() -> list[bytes]:
    header = tiny.header()
    return [
        (samples.title("a") + samples.section(header)).encode(),
        b"## Iteration 1,000\n\n    text\n\n## Iteration 0\n",
    ]


TARGETS = (
    Target("checkpoint_file", checkpoint_file, lambda: [_saved().read_bytes(), _saved_to_resume().read_bytes()]),
    Target("checkpoint_index", checkpoint_index, _index_seeds),
    Target("checkpoint_header", checkpoint_header, _header_seeds),
    Target("settings", settings, _setting_seeds),
    Target("arguments", arguments, _argument_seeds),
    Target("corpus_file", corpus_file, _text_seeds),
    Target("prompt", prompt, _prompt_seeds),
    Target("sample_text", sample_text, _prompt_seeds),
    Target("metrics", metrics, _metrics_seeds),
    Target("samples_file", samples_file, _samples_seeds),
)


def named(name: str) -> Target:
    """The target of this name."""
    return next(target for target in TARGETS if target.name == name)
