"""`charrnn sample` as a person meets it: in a pipe, in a file, on a terminal, and when something is wrong."""

from __future__ import annotations

import dataclasses
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import tiny
from helpers.terminals import text_on_terminal
from typer.testing import CliRunner

from charrnn.commands.app import app
from charrnn.config import ModelConfig, TrainConfig
from charrnn.errors import CharrnnError, CheckpointError, RunError, UsageError, VocabularyError
from charrnn.formatting import visible
from charrnn.network.engine import Engine
from charrnn.runs import checkpoint
from charrnn.runs.header import Header
from charrnn.sampling.chain import LogitsProcessor, make_chain
from charrnn.sampling.generate import generate
from charrnn.text.vocabulary import Vocabulary, to_code_points

TEXT = "\n abcdefghijklmnop'é😀"
HOSTILE = "a\x07\x08\x0b\r\x1b[\x7f\x9b\u202e\u2067\t\n"
BOLD = "\x1b[1m"


def save(path: Path, text: str = TEXT, iteration: int = 100, loss: float | None = 1.5) -> None:
    """A checkpoint of random weights."""
    path.parent.mkdir(parents=True, exist_ok=True)
    vocabulary = Vocabulary.of(to_code_points(text))
    model = ModelConfig(rnn_size=16, embedding_size=6).completed()
    rng = np.random.default_rng(iteration)
    weights = {k: rng.normal(size=s).astype(np.float32) / 4 for k, s in model.shapes(len(vocabulary)).items()}
    header = Header(
        kind="snapshot",
        model=model,
        training=TrainConfig().completed(),
        vocabulary=vocabulary,
        iteration=iteration,
        characters=1,
        train_loss=1.0,
        held_out_loss=loss,
        corpus={},
        created=f"2026-01-01T00:00:{iteration % 60:02}Z",
    )
    checkpoint.save(path, header, weights)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "checkpoints" / "tale-1" / "iteration-000100.safetensors"
    save(path)
    return path


def expected(path: Path, prime: str = "", length: int = 1000, temperature: float = 0.8, seed: int = 7) -> str:
    """What the library writes."""
    kept = checkpoint.load(path)
    engine, vocabulary = Engine(kept.header.model, kept.weights), kept.header.vocabulary
    rng = np.random.default_rng(seed)
    return "".join(c.text for c in generate(engine, vocabulary, prime, length, make_chain(temperature), rng))


def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """The command in a process of its own, its output in pipes."""
    command = [sys.executable, "-m", "charrnn", "sample", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, env=os.environ | environment, timeout=60, check=False)


def invoke(*arguments: str | Path) -> tuple[str, str]:
    """The command in this process: standard output and standard error. Raises what it raises."""
    result = CliRunner().invoke(app, ["sample", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout, result.stderr


def refused(kind: type[CharrnnError], *arguments: str | Path) -> str:
    """The one line it ends with."""
    with pytest.raises(kind) as caught:
        invoke(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# -- what is written -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("locale", ["C", "en_US.ISO-8859-1"])
def test_a_pipe_gets_the_exact_characters_in_utf_8(model: Path, locale: str) -> None:
    result = run(model, "--seed", "7", LC_ALL=locale, PYTHONUTF8="0", PYTHONIOENCODING="latin-1")
    assert result.returncode == 0
    assert result.stdout == expected(model).encode()
    assert not result.stdout.isascii()


def test_hostile_characters_reach_a_pipe_as_they_are(tmp_path: Path) -> None:
    save(tmp_path / "x.safetensors", HOSTILE)
    stdout = run(tmp_path / "x.safetensors", "--seed", "7").stdout
    assert stdout == expected(tmp_path / "x.safetensors").encode()
    assert b"\x1b" in stdout
    assert b"\r" in stdout


def test_length_temperature_prime_and_their_old_names(model: Path) -> None:
    common = (model, "--seed", "7", "-n", "50", "-t", "1.5")
    out = expected(model, "cab", 50, 1.5)
    for name in ("--prompt", "--prime", "-p", "--primetext", "--start-text", "--start_text", "--start"):
        assert invoke(*common, name, "cab")[0] == "cab" + out
    assert len(out) == 50
    assert invoke(model, "--length", "0", "--seed", "7")[0] == ""
    assert invoke(model, "--temperature", "0", "--seed", "1")[0] == invoke(model, "-t", "0", "--seed", "2")[0]


@pytest.mark.parametrize(
    ("options", "process"),
    [
        (["--top-k", "3"], make_chain(0.8, top_k=3)),
        (["--top_p", "0.5", "-t", "1.3"], make_chain(1.3, top_p=0.5)),
        (["--min-p", "0.2"], make_chain(0.8, min_p=0.2)),
        (["--top-k", "5", "--top-p", "0.9", "--min-p", "0.1", "-t", "2"], make_chain(2, top_k=5, top_p=0.9, min_p=0.1)),
        (["--greedy"], make_chain(0)),
        (["--top-k", "1", "--temperature", "9"], make_chain(0)),
    ],
)
def test_what_is_chosen_among(model: Path, options: list[str], process: LogitsProcessor) -> None:
    kept = checkpoint.load(model)
    engine, vocabulary = Engine(kept.header.model, kept.weights), kept.header.vocabulary
    out, _ = invoke(model, "--seed", "7", "-n", "200", *options)
    assert out == "".join(c.text for c in generate(engine, vocabulary, "", 200, process, np.random.default_rng(7)))


@pytest.mark.parametrize(
    "option", [("--top-k", "0"), ("--top-p", "0"), ("--top-p", "1.5"), ("--min-p", "-1"), ("-t", "-1")]
)
def test_what_would_leave_nothing_is_refused(model: Path, option: tuple[str, str]) -> None:
    assert refused(UsageError, model, *option).startswith("--temperature" if option[0] == "-t" else option[0])


def test_a_prime_from_a_file_or_a_pipe(model: Path, tmp_path: Path) -> None:
    (tmp_path / "prime.txt").write_bytes(b"\xef\xbb\xbfcab\r\ncab")
    text = "cab\ncab" + expected(model, "cab\ncab", 30)
    common = (model, "--seed", "7", "-n", "30")
    assert invoke(*common, "--prime-file", tmp_path / "prime.txt")[0] == text
    piped = CliRunner().invoke(app, ["sample", *map(str, common), "--prime-file", "-"], input=b"cab\ncab")
    assert piped.stdout == text
    assert invoke(*common, "--prime", "cab\ncab", "--no-echo")[0] == text[7:]


def test_primes_that_cannot_be_read(model: Path, tmp_path: Path) -> None:
    (tmp_path / "damaged.txt").write_bytes("été café\n".encode() * 9 + b"\xff\n")
    said = refused(CharrnnError, model, "--prime-file", tmp_path / "damaged.txt")
    assert "is UTF-8, but damaged: byte 108 (ff 0a), line 10" in said
    assert "iconv" in said
    assert "--errors" not in said
    (tmp_path / "a.docx").write_bytes(b"PK\x03\x04 word/document.xml")
    assert "is a Word document" in refused(CharrnnError, model, "--prime-file", tmp_path / "a.docx")
    assert "nowhere.txt: cannot be read" in refused(CharrnnError, model, "--prime-file", tmp_path / "nowhere.txt")
    assert "--prompt and --prompt-file" in refused(UsageError, model, "--prime-file", "x", "--prime", "y")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "cp1252"])
def test_a_prime_in_another_encoding(model: Path, tmp_path: Path, encoding: str) -> None:
    (tmp_path / "prime.txt").write_bytes("cab “cab” \ncab".encode(encoding))
    common = (model, "--seed", "7", "-n", "30", "--unknown", "drop")
    out, err = invoke(*common, "--prime-file", tmp_path / "prime.txt")
    assert out == invoke(*common, "--prime", "cab “cab” \ncab")[0]
    assert ("read as cp1252, not being UTF-8" in err) == (encoding == "cp1252")


@pytest.mark.parametrize("data", [b"caf\xe9 \xff\xfe\0", b"\xef\xbb\xbfa\r\nb", "é".encode(), b"PK\x03\x04"])
def test_a_model_of_bytes_begins_with_any_file(tmp_path: Path, data: bytes) -> None:
    model = tiny.save(tmp_path / "bytes.safetensors", vocabulary=Vocabulary.every_byte())
    (tmp_path / "prime").write_bytes(data)
    command = [sys.executable, "-m", "charrnn", "sample", str(model), "-n", "5", "--seed", "1", "--prime-file"]
    for name, stdin in ((str(tmp_path / "prime"), b""), ("-", data)):
        done = subprocess.run([*command, name], input=stdin, capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr
        assert done.stdout[: len(data)] == data
        assert len(done.stdout.rstrip(b"\n")) >= len(data)


def test_a_random_seed_is_printed_and_makes_the_text_again(model: Path) -> None:
    out, err = invoke(model)
    found = re.search(r"seed (\d+)", err)
    assert found is not None
    assert invoke(model, "--seed", found[1])[0] == out
    assert invoke(model)[0] != out


def test_torch_is_never_imported(model: Path) -> None:
    code = (
        "import sys; from charrnn.commands.app import app\n"
        "try: app()\n"
        "finally: print([m for m in ('torch', 'rich', 'tqdm') if m in sys.modules], file=sys.stderr)"
    )
    command = [sys.executable, "-c", code, "sample", str(model), "-n", "5"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert result.stderr.splitlines()[-1] == "[]"


# -- which checkpoint ------------------------------------------------------------------------------------------------


def test_by_default_the_newest_runs_best_snapshot_is_named_and_taken(tmp_path: Path) -> None:
    save(tmp_path / "old" / "iteration-000001.safetensors", iteration=1, loss=0.1)
    for iteration, loss in ((20, 1.4), (30, 1.2), (40, 1.3)):
        save(tmp_path / "new" / f"iteration-{iteration:06}.safetensors", iteration=iteration, loss=loss)
    best = tmp_path / "new" / "iteration-000030.safetensors"
    out, err = invoke("--checkpoint-dir", tmp_path, "--seed", "7")
    assert out == expected(best)
    digest = checkpoint.load(best).digest[:12]
    bits = 1.2 / np.log(2)
    network = f"network, held out {bits:.3f} bits per character"
    assert err == f"charrnn: {best}, iteration 30, {network}, sha256 {digest}; seed 7\n"
    assert invoke(tmp_path / "new", "--seed", "7")[0] == out
    assert invoke("new", "--checkpoint-dir", tmp_path, "--seed", "7")[0] == out


def test_an_unmeasured_checkpoint_is_named_without_a_measurement(tmp_path: Path) -> None:
    save(tmp_path / "x.safetensors", loss=None)
    assert "held out" not in invoke(tmp_path / "x.safetensors")[1]


@pytest.mark.parametrize(
    ("kind", "what", "said"),
    [
        ("snapshot", "", ", untrained: what it writes is noise, sha256"),
        ("snapshot", "embedding", ", untrained: what it writes is noise, sha256"),
        ("resume", "", ", untrained (no snapshot was kept yet): what it writes is noise, sha256"),
        (
            "snapshot",
            "network",
            ", held out 3.000 bits per character, the weights of old/best.safetensors, not trained",
        ),
    ],
)
def test_of_iteration_0_it_is_said_what_it_is(tmp_path: Path, kind: str, what: str, said: str) -> None:
    began_from = {"what": what, "path": "old/best.safetensors"} if what else {}
    tiny.save(tmp_path / "x.safetensors", kind=kind, iteration=0, began_from=began_from)
    assert f"iteration 0, network{said}" in invoke(tmp_path / "x.safetensors")[1]


def test_a_wrong_path_is_one_line(tmp_path: Path) -> None:
    result = run(tmp_path / "nowhere")
    assert result.returncode == 1
    assert result.stdout == b""
    assert (
        result.stderr.decode() == f"charrnn: {tmp_path / 'nowhere'}: no such run. `charrnn runs` lists what is there.\n"
    )


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("a text")
    assert "x.txt" in refused(CheckpointError, tmp_path / "x.txt")
    assert "charrnn train" in refused(RunError, "--checkpoint-dir", tmp_path)


# -- values ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "value"), [("-t", "-1"), ("-t", "nan"), ("-t", "inf"), ("-n", "-1"), ("--seed", "-1")]
)
def test_values_out_of_range_are_named(model: Path, option: str, value: str) -> None:
    assert value in refused(UsageError, model, option, value)


def test_unseen_characters_are_named_with_the_nearest_and_the_way_out(model: Path) -> None:
    message = refused(VocabularyError, model, "-p", "É’Z")
    for part in ("--prompt", "'É' (U+00C9), nearest 'é'", "'’' (U+2019), nearest \"'\"", "'Z' (U+005A);", "--unknown"):
        assert part in message


def test_unseen_characters_are_replaced_or_dropped_on_demand(model: Path) -> None:
    common = (model, "--seed", "7", "-p", "aÉ’Zb", "--unknown")
    assert invoke(*common, "replace")[0] == "aé'b" + expected(model, "aé'b")
    assert invoke(*common, "drop")[0] == "ab" + expected(model, "ab")
    assert invoke(model, "--seed", "7", "-p", "ZZ", "--unseen", "drop")[0] == expected(model, "\n")


# -- endings ---------------------------------------------------------------------------------------------------------


def test_a_reader_that_leaves_is_no_error(model: Path) -> None:
    command = [sys.executable, "-m", "charrnn", "sample", str(model), "-n", "1000000000", "--seed", "7"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        first = process.stdout.read(10)
        process.stdout.close()
        assert process.wait(60) == 0
        assert process.stderr.read().count(b"\n") == 1  # what is sampled, and nothing else
    assert first == expected(model).encode()[:10]


@pytest.mark.parametrize(("number", "name"), [(signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM")])
def test_a_signal_leaves_the_text_so_far(model: Path, number: signal.Signals, name: str) -> None:
    command = [sys.executable, "-m", "charrnn", "sample", str(model), "-n", "1000000000", "--seed", "7"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0) as process:
        assert process.stdout is not None
        out = process.stdout.read(10)
        process.send_signal(number)
        try:
            rest, said = process.communicate(timeout=60)
        finally:
            process.kill()  # it would write for hours
    assert process.returncode == 128 + number
    assert said.endswith(f"\ncharrnn: stopped by {name}.\n".encode())
    text = (out + rest).decode()
    assert text == expected(model, length=len(text))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_line(model: Path) -> None:
    with open("/dev/full", "wb") as full:
        command = [sys.executable, "-m", "charrnn", "sample", str(model)]
        result = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert result.returncode == 1
    assert result.stderr.splitlines()[1:] == [
        "charrnn: standard output: cannot be written (No space left on device). Free space?"
    ]


# -- on a terminal ---------------------------------------------------------------------------------------------------


def on_terminal(*arguments: str | Path, **environment: str) -> str:
    """What `charrnn sample` sends to a terminal that has colours, unless the environment says otherwise."""
    variables = {k: v for k, v in os.environ.items() if k != "NO_COLOR"} | {"TERM": "xterm", "PYTHONUTF8": "1"}
    return text_on_terminal("sample", *arguments, environment=variables | environment)


def test_a_terminal_shows_the_prime_first_and_ends_on_a_line(model: Path) -> None:
    text = expected(model, "a cab", 50)
    assert not text.endswith("\n")
    common = (model, "--seed", "7", "-n", "50")
    shown = on_terminal(*common, "-p", "a cab").replace(f"\x1b[0m{BOLD}", "")  # a word is written once it is whole
    assert shown == f"{BOLD}a cab\x1b[0m{text}\n"
    assert on_terminal(*common, "-p", "a cab", NO_COLOR="1") == f"a cab{text}\n"
    assert on_terminal(*common) == expected(model, length=50) + "\n"  # the default prime is nothing to see


def test_no_control_character_reaches_a_terminal(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save(path, HOSTILE)
    shown = on_terminal(path, "--seed", "7", "-p", HOSTILE, "-n", "300", NO_COLOR="1")
    text = HOSTILE + expected(path, HOSTILE, 300)
    assert shown.rstrip("\n") == visible(text).rstrip("\n")
    assert not set(shown) & (set(HOSTILE) - set("a[\t\n"))


def test_visible_replaces_one_for_one_what_a_terminal_obeys() -> None:
    assert visible("\x1b[31m é\t\n") == "␛[31m é\t\n"
    assert visible("\r\x7f\x9b\u202e\u2066\ud800") == "␍␡\ufffd\u2060\u2060\ufffd"
    every = "".join(map(chr, range(0x110000)))
    assert len(visible(every)) == len(every)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", visible(every))


def test_only_fields_of_the_header_are_needed(model: Path) -> None:
    """A checkpoint of the barest header can be sampled, too."""
    kept = checkpoint.load(model)
    bare = model.with_name("bare.safetensors")
    checkpoint.save(bare, dataclasses.replace(kept.header, created="", train_loss=None), kept.tensors)
    assert invoke(bare, "--seed", "7")[0] == expected(model)


def test_the_command_line_leaves_numpy_to_the_verbs() -> None:
    # Its number of threads counts only before it is imported, and `--help` has no use for it.
    code = "import sys, charrnn.commands.main; print([m for m in ('numpy', 'torch', 'rich.table') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
