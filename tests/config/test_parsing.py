"""What is typed: escapes, and what is said of them."""

from __future__ import annotations

import pytest

from charrnn.config import parsing


@pytest.mark.parametrize(
    ("typed", "read"),
    [(r"\n", "\n"), (r"a\tb\r", "a\tb\r"), (r"\\n", r"\n"), (r"\\\n", "\\\n"), (r"\x", r"\x"), ("\\", "\\"), ("", "")],
)
def test_escapes_are_read(typed: str, read: str) -> None:
    assert parsing.unescaped(typed) == read


@pytest.mark.parametrize(
    ("typed", "understood", "doubled"),
    [
        (r"\noindent", 'a newline and "oindent"', r"\\noindent"),
        (r"\newpage", 'a newline and "ewpage"', r"\\newpage"),
        (r"\n\textbf", 'a newline and a tab and "extbf"', r"\n\\textbf"),
        (r"x\rho y", '"x" and a carriage return and "ho y"', r"x\\rho y"),
        (r"\nété", 'a newline and "été"', r"\\nété"),
    ],
)
def test_letters_behind_an_escape_are_said(typed: str, understood: str, doubled: str) -> None:
    said = parsing.mistakable(typed)
    assert said == f"understood as {understood}. For a backslash write two: '{doubled}'."
    assert parsing.unescaped(doubled).replace("\\", "", 1).isprintable() or "\n" in parsing.unescaped(doubled)
    assert parsing.mistakable(doubled) == ""


@pytest.mark.parametrize(
    "typed", [r"\n", r"\n\n", r"\n--\n", r"end\n", r"\n<|end|>", r"\\noindent", r"\section", "plain"]
)
def test_nothing_is_said_of_what_cannot_be_mistaken(typed: str) -> None:
    assert parsing.mistakable(typed) == ""


def test_a_text_that_is_taken_as_typed_names_the_shells_way() -> None:
    assert "$'A\\n'" in parsing.literal(r"A\n")
    assert "$'It\\'s\\t'" in parsing.literal(r"It's\t")
    assert parsing.literal("A\n") == parsing.literal(r"C:\dir") == ""


@pytest.mark.parametrize(("typed", "number"), [("3", 3), ("1e4", 10_000), ("-2", -2), ("5.0", 5), ("1_000", 1000)])
def test_whole_numbers(typed: str, number: int) -> None:
    assert parsing.whole_number(typed) == number
    assert type(parsing.whole_number(typed)) is int


@pytest.mark.parametrize("typed", ["", "1.5", "nan", "inf", "ten", "1,000", "0x10"])
def test_what_is_no_whole_number(typed: str) -> None:
    with pytest.raises(ValueError, match="a whole number is needed"):
        parsing.whole_number(typed)


@pytest.mark.parametrize("typed", ["", "0,5", "half", "1/2"])
def test_what_is_no_number(typed: str) -> None:
    with pytest.raises(ValueError, match="a number is needed"):
        parsing.number(typed)


@pytest.mark.parametrize(
    ("typed", "seconds"),
    [
        ("90", 90),
        ("90s", 90),
        ("5m", 300),
        ("5 min", 300),
        ("5 Minutes", 300),
        ("1h30m", 5400),
        ("2 hrs", 7200),
        ("1h 5s", 3605),
    ],
)
def test_times(typed: str, seconds: float) -> None:
    assert parsing.seconds(typed) == seconds


@pytest.mark.parametrize("typed", ["", "0", "5x", "-5", "m", "5:00", "1.2.3m"])
def test_what_is_no_time(typed: str) -> None:
    with pytest.raises(ValueError, match="a time such as"):
        parsing.seconds(typed)


def test_after_hours_come_minutes() -> None:
    assert [parsing.seconds(typed) for typed in ("1h30", "1 hour 30", "1h", "5m30", "1h2m3", "90")] == [
        5400,
        5400,
        3600,
        330,
        3723,
        90,
    ]
