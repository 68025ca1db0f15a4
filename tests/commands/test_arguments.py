"""What is typed after a verb: names of other programs, one dash for two, what is forgotten and what is too much."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer
from helpers import tiny
from helpers.command_line import CommandLine

from charrnn.commands.app import app
from charrnn.config import synonyms

ROOT: Any = typer.main.get_command(app)


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> CommandLine:
    monkeypatch.chdir(tmp_path)
    tiny.run(Path("checkpoints"), "novel-1", {10: 3.0})
    Path("novel.txt").write_text(tiny.TEXT * 40)
    for name in ("-dash.txt", "-novel.txt"):
        Path(name).write_text(tiny.TEXT)
    return CommandLine(monkeypatch, capfdbinary)


def refused(line: CommandLine, typed: str | list[str]) -> str:
    done = line(*(typed.split() if isinstance(typed, str) else typed))
    message = done.stderr.decode()
    assert done.returncode == 2, message
    assert done.stdout == b""
    assert message.startswith("charrnn: ")
    assert message.count("\n") == 1
    return message


def names_of(verb: str) -> set[str]:
    options = ROOT.commands[verb].params
    return {name for option in options for name in (*option.opts, *option.secondary_opts) if name.startswith("--")}


@pytest.mark.parametrize("verb", ROOT.commands)
def test_every_long_name_behind_one_dash_is_refused(line: CommandLine, verb: str) -> None:
    for number, name in enumerate(sorted(names_of(verb))):
        one_dash = f"-{name[2:]}"
        typed = ([one_dash], [one_dash, "3"], [f"-{name[2:].replace('-', '_')}=3"])[number % 3]
        assert f"write {name}." in refused(line, [verb, *typed])


@pytest.mark.parametrize("typed", ["-n 20 -t 0.5 -p W", "-n20 -t0.5 -pW", "-n=20 -t=0.5 -p=W"])
def test_single_letters_take_values_however_attached(line: CommandLine, typed: str) -> None:
    own = "--length 20 --temperature 0.5 --prompt W"
    plain = line("sample", "novel-1", "--seed", "1", *own.split())
    assert line("sample", "novel-1", "--seed", "1", *typed.split()).stdout == plain.stdout
    assert len(plain.stdout.decode()) == 21


def test_a_misspelt_long_name_behind_one_dash_is_refused(line: CommandLine) -> None:
    assert "Did you mean --temperature?" in refused(line, "sample novel-1 -tempreature 0.5")
    assert "Did you mean --prompt?" in refused(line, "sample novel-1 -promt W")
    assert "write --rnn-size." in refused(line, "train -hidden_size 64")
    assert "Did you mean --prompt?" not in line("sample", "novel-1", "-pPrince", "-n", "1").stderr.decode()


@pytest.mark.parametrize("typed", ["--top-k -1", "--temperature -0.5", "-t -0.5", "--min-p=-1", "-n -3", "-n-3"])
def test_negative_numbers_are_values(line: CommandLine, typed: str) -> None:
    assert (
        ": at least 0." in (said := refused(line, f"sample novel-1 {typed}")) or "least 1" in said or "from 0" in said
    )


def test_an_option_is_no_value(line: CommandLine) -> None:
    for typed in ("--prompt --greedy", "--prompt -n 20", "-p --seed 3", "--until --length 3"):
        assert "needs a value, and an option follows" in refused(line, f"sample novel-1 {typed}")
    assert "needs a value" in refused(line, "sample novel-1 -n")
    done = line("sample", "novel-1", "--prompt=--greedy", "--unknown", "drop", "-n", "1")
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("sample novel-1 -n abc", "--length abc: a whole number is needed."),
        ("sample novel-1 -n 1.5", "--length 1.5: a whole number is needed."),
        ("sample novel-1 -t hot", "--temperature hot: a number is needed."),
        ("sample novel-1 -t 0.5,0.9", "a number is needed. For several write --temperatures 0.5,0.9"),
        ("sample novel-1 --top-p 0.5,0.9", "--top-p 0.5,0.9: a number is needed."),
        ("sample novel-1 -o page.txt", "-o: no such option of charrnn sample. A text goes into a file with > FILE"),
        ("score novel-1 novel.txt --output page.txt", "A text goes into a file with > FILE"),
        ("train --split 0.9", "Write --val-frac, the share that is held out."),
        ("serve", "There is no server"),
        ("export", "A checkpoint is a safetensors file"),
        ("train -novel.txt", "-novel.txt: a name that begins with a dash. Write ./-novel.txt"),
        ("train -dash.txt", "-dash.txt: a name that begins with a dash. Write ./-dash.txt"),
        ("sample novel-1 --threads x", "--threads x: a whole number is needed."),
        ("sample novel-1 --threads 0", "--threads 0: from 1 to 1,024."),
        ("train --iterations 1,000", "--iterations 1,000: a whole number is needed. Write it without commas."),
        ("train --time soon", "--time soon: a time such as 90s, 5m or 1h30m."),
        ("train --learning-rate nan", "--learning-rate nan: not a finite number."),
        ("corpora fetch x --max-size 0", "--max-size 0: at least 1."),
        ("corpora check --val-frac 1", "--val-frac 1.0: from 0 up to, not including, 1."),
        ("score novel-1 novel.txt --count few", "--count few: a whole number is needed."),
        ("compare novel-1 --text-length -1", "--text-length -1: at least 0."),
        ("corpora fetch", "NAME|URL: is missing."),
        ("train --val-frac 10%", "--val-frac 10%: a number is needed. 10% is 0.1."),
        ("train --resume=", "--resume: its value is empty."),
        ("compare --checkpoint-dir=", "--checkpoint-dir: its value is empty."),
        ("sample -h5", "-5: no such option"),
        ("sample --json=yes", "--json yes: a switch takes no value."),
        ("train --documents true", "a switch takes no value. Write --documents, or --documents line."),
        ("train --tied true", "a switch takes no value. Write --tied or --no-tied."),
        ("train --no-residual false", "Write --no-residual or --residual."),
    ],
)
def test_values_are_refused_in_the_same_words_everywhere(line: CommandLine, typed: str, said: str) -> None:
    assert said in refused(line, typed)


def test_a_whole_number_may_be_written_as_one_is(line: CommandLine) -> None:
    assert len(line("sample", "novel-1", "-n", "1e1").stdout.decode()) == 10


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("--lr 0.1 --steps 2 --layers 1 --hidden 8 --embed 4 --bs 2 --block-size 8 --output-dir runs", "1 x 8"),
        ("--Learning_Rate 0.1 --MAX-ITERS 2 --num_units=8 --n-layer 1 --seq-len 8 --out-dir runs", "1 x 8"),
        ("--epochs 0.5 --hidden-size 8 --cell GRU --depth 1 --save-dir runs --optim AdamW", "GRU 1 x 8"),
    ],
)
def test_names_of_other_programs_work(line: CommandLine, typed: str, said: str) -> None:
    assert said in line.train("novel.txt", *typed.split(), "--sample-length", "0", "--run-name", "mine")
    assert Path("runs/mine").is_dir()


def test_names_of_other_programs_sample(line: CommandLine) -> None:
    own = "--length 20 --temperature 0.5 --prompt W --seed 1 --top-k 3"
    theirs = "--max-tokens 20 --temp 0.5 --prefix W --random-state 1 --topk=3"
    assert line("sample", "novel-1", *theirs.split()).stdout == line("sample", "novel-1", *own.split()).stdout


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("train --gpuid 0", "Write --device cuda."),
        ("train --train-frac 0.9", "--val-frac"),
        ("train --hidden-neurons 8", "Did you mean --rnn-size?"),
        ("train --number-of-steps 8", "Did you mean --iterations?"),
        ("train --learning-rat 8", "Did you mean --learning-rate?"),
        ("train --learn 8", "Did you mean --learning-rate?"),
        ("train --snap 8", "Did you mean --snapshot-at or --snapshot-every?"),
        ("train --data novel.txt", "behind the verb"),
        ("sample --model novel-1", "behind the verb"),
        ("sample --rnn-size 8", "It is one of charrnn train: --rnn-size."),
        ("sample --epochs 8", "It is one of charrnn train: --max-epochs."),
        ("sample -T 0.5", "Did you mean --temperature?"),
        ("--lr 3", "charrnn train --learning-rate"),
        ("-temperature 3", "--temperature"),
        ("sample --xyzzy", "Help: charrnn sample --help"),
        ("generate novel-1", "Did you mean charrnn sample?"),
        ("smaple novel-1", "Did you mean charrnn sample?"),
        ("list", "Did you mean charrnn runs?"),
        ("download", "Did you mean charrnn corpora fetch?"),
        ("novel.txt", "charrnn train novel.txt"),
        ("novel-1", "charrnn sample novel-1"),
        ("runs novel-1", "charrnn runs show novel-1"),
        ("corpora novel.txt", "charrnn corpora check novel.txt"),
        ("sample novel-1 hello", "--prompt hello"),
        ("sample novel-1 --prompt Well now then", "--prompt 'Well now then'"),
        ("sample --seed 3 novel-1 hello", "--prompt hello"),
        ("sample novel-1 novel.txt", "Name one at a time."),
        ("runs show novel-1 other", "has no place for it"),
        ("sample novel-1 500", "--length 500"),
        ("sample novel-1 —prompt W", "Write --prompt, with the minus of the keyboard."),
        ("sample novel-1 –n 20", "Write -n, with the minus of the keyboard."),
        ("train novel.txt ––lr 0.1", "Write --learning-rate, with"),
        ("train novel.txt batch_size=4", "Write --batch-size=4"),
        ("train novel.txt lr=0.1", "Write --learning-rate=0.1"),
        ("train -V", "Write charrnn --version."),
        ("sample --version", "Write charrnn --version."),
        ("--length 5 sample novel-1", "charrnn sample --length"),
        ("score novel-1 --text novel.txt", "behind the verb"),
        ("corpora clear now", "has no place for it"),
        ("report novel-1 out.html", "A page is named with -o out.html"),
        ("report out.PNG novel-1", "A page is named with --png out.PNG"),
    ],
)
def test_what_is_not_known_is_told_by_meaning(line: CommandLine, typed: str, said: str) -> None:
    assert said in refused(line, typed)


def test_names_with_blanks_need_quotes(line: CommandLine) -> None:
    Path("My long Book.txt").write_text(tiny.TEXT)
    for typed in ("train My long Book.txt", "score novel-1 My long Book.txt", "corpora check My long Book.txt --json"):
        assert "Put it in quotes: 'My long Book.txt'" in refused(line, typed)
    assert "'My long Book.txt'" in refused(line, "sample novel-1 --prompt-file My long Book.txt")
    assert "quotes" not in line("corpora", "check", "My long Book.txt", "--no-trials").stderr.decode()


def test_a_list_and_help_are_had_as_elsewhere(line: CommandLine) -> None:
    assert line("help").stdout == line("--help").stdout
    assert line("help", "runs", "show").stdout == line("runs", "show", "--help").stdout
    assert line("runs", "list", "--json").stdout == line("runs", "--json").stdout
    assert line("corpora", "list").stdout == line("corpora").stdout
    assert line("-V").stdout == line("--version").stdout
    assert line("help", "nothing").returncode == 2


def test_an_empty_name_is_none(line: CommandLine) -> None:
    for verb in ("sample", "train", "score", "compare", "report"):
        assert "names nothing" in refused(line, [verb, ""])


def test_a_file_may_begin_with_a_typographic_dash(line: CommandLine) -> None:
    Path("–poem.txt").write_text(tiny.TEXT * 40)
    assert line("corpora", "check", "–poem.txt", "--no-trials").returncode == 0


def test_words_after_two_dashes_are_no_options(line: CommandLine) -> None:
    assert "-n: no such run" in line("sample", "--", "-n").stderr.decode()


# Pages of report and score, where others mean their directory, and the files that pages replace by force, where others
# mean that nothing is asked; units of losses, where others mean those of a layer.
_OWN_ELSEWHERE = {"output", "html", "force", "units", "characters"}


def test_another_programs_name_means_one_thing_in_a_verb() -> None:
    """No name is an option already, and every setting that a name stands for is there."""
    verbs = [ROOT.commands[verb] for verb in ("train", "plan", "sample", "report", "score")] + [
        ROOT.commands["runs"].commands["delete"]
    ]
    settings = {name[2:] for verb in verbs for option in verb.params for name in option.opts if name[:2] == "--"}
    for name in synonyms.KNOWN:
        assert synonyms.setting_called(name, settings) or synonyms.advice(name, settings), name
    assert not settings & {other for setting in settings for other in synonyms.other_names(setting)} - _OWN_ELSEWHERE


def test_how_escapes_are_understood_is_said(line: CommandLine) -> None:
    said = line("sample", "novel-1", "-n", "5", "--until", r"\noindent", "--stop", r"\n").stderr.decode()
    assert "--until: understood as a newline and \"oindent\". For a backslash write two: '\\\\noindent'." in said
    assert said.count("understood") == 1
    said = line("corpora", "check", "novel.txt", "novel.txt", "--separator", r"\newpage", "--no-trials").stderr.decode()
    assert '--separator: understood as a newline and "ewpage"' in said


def test_a_stop_string_that_cannot_come_is_said(line: CommandLine) -> None:
    done = line("sample", "novel-1", "-n", "5", "--until", "Ж", "--until", r"\\noindent", "--until", "W")
    said = done.stderr.decode()
    assert "--until Ж: cannot come: the model has never seen 'Ж' (U+0416)" in said
    assert r"--until \\noindent: cannot come" in said
    assert said.count("cannot come") == 2
    assert done.returncode == 0


def test_a_prompt_with_a_backslash_names_the_shells_way(line: CommandLine) -> None:
    for verb, *model in (("sample", "novel-1"), ("compare", "novel-1"), ("train", "novel.txt", "--iterations", "1")):
        assert "--prompt" in (said := line(verb, *model, "--prime", r"W\n").stderr.decode()) or "--sample-prime" in said
        assert r"For a newline write $'W\n'." in said


def test_a_text_to_search_and_a_length_imply_the_search(line: CommandLine) -> None:
    for typed in (["--text", "novel.txt"], ["--text", "novel.txt", "--novelty-length", "3"]):
        done = line("sample", "novel-1", "-n", "40", *typed)
        assert "of it is in stretches of" in done.stderr.decode()
    assert "Name it: --text FILE" in line("sample", "novel-1", "--novelty-length", "3").stderr.decode()
    assert "stretches" not in line("sample", "novel-1", "-n", "20").stderr.decode()


def test_settings_that_change_nothing_are_said(line: CommandLine) -> None:
    small = "novel.txt --iterations 1 --rnn-size 4 --sample-length 0"
    said = line.train(*f"{small} --optimizer adamw --momentum 0.5 --plateau-factor 0.1 --beta1 0.8 --prime W".split())
    assert "--momentum changes nothing with --optimizer adamw" in said
    assert "--plateau-factor changes nothing without --decay plateau" in said
    assert "--sample-prime changes nothing" in said
    assert said.count("changes nothing") == 3
    said = line.train(*f"{small} --val-text novel.txt --val-frac 0.2 --val-at spread --val-max 9".split())
    assert "--val-frac changes nothing with --val-text" in said
    assert "--val-at changes nothing" in said
    assert said.count("changes nothing") == 2


def test_a_snapshot_that_was_cut_short_is_passed_over_aloud(line: CommandLine) -> None:
    tiny.run(Path("checkpoints"), "broken", {10: 2.0, 20: 3.0})
    best = Path("checkpoints/broken/iteration-000010.safetensors")
    best.write_bytes(best.read_bytes()[:-100])
    # 1 where what is damaged was asked for, too.
    for code, verb, *more in (
        (0, "sample", "-n", "5"),
        (1, "sample", "--every-snapshot", "-n", "5"),
        (0, "runs", "show"),
    ):
        done = line(verb, *more, "broken")
        assert done.returncode == code
        assert (
            "skipped: checkpoints/broken/iteration-000010.safetensors: is a charrnn checkpoint that was cut short"
            in (done.stderr.decode())
        )
    done = line("score", "broken", "novel.txt")
    assert (done.returncode, b"was cut short" in done.stderr, b"broken" in done.stdout) == (1, True, True)


def test_help_behind_the_end_of_options_is_a_word(line: CommandLine) -> None:
    said = refused(line, ["runs", "show", "--", "a", "--help", "b"])
    assert len(said.splitlines()) == 1, said


def test_a_word_that_is_too_long_for_a_name_is_answered_as_any_other(line: CommandLine) -> None:
    long = "x" * 400
    assert "--prompt xxx" in refused(line, ["sample", "novel-1", long])
    assert "no such verb" in refused(line, [long])
    for verb in ("sample", "compare", "report", "score"):
        said = line(verb, long, *(["novel.txt"] if verb == "score" else [])).stderr.decode()
        assert f"{long}: no such run." in said


def test_a_run_is_found_by_a_name_in_another_case_and_never_named_like_a_snapshot(line: CommandLine) -> None:
    assert b"Did you mean novel-1?" in line("sample", "NOVEL-1").stderr
    assert (
        b"--name 'novel-1:10': ends as the number of a snapshot does"
        in line("train", "novel.txt", "--name", "novel-1:10").stderr
    )


def test_a_group_that_does_nothing_by_itself_names_its_verbs(line: CommandLine) -> None:
    assert refused(line, "inspect").startswith("charrnn: inspect: which of gates, neurons, ")
