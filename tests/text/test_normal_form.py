"""Normal forms, words and clusters of any text: in time that grows with it alone."""

from __future__ import annotations

import re
import subprocess
import sys
import unicodedata
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from charrnn.text.graphemes import LONGEST, clusters
from charrnn.text.known_forms import KnownCharacters
from charrnn.text.normal_form import normal_form
from charrnn.text.words import words_of

FORMS: Any = ("NFC", "NFD", "NFKC", "NFKD")
MARKS = "\u0301\u0316\u0f73\u0f71\u0344\u3099\uff9e\u0334\u05bf\u0345"
runs = st.tuples(st.text("ae é\u1f82\ufb01\u1112\u1161\u11ab가\ud800\u0f40か", max_size=3), st.text(MARKS, max_size=80))
texts = st.lists(runs, max_size=4).map(lambda runs: "".join(part for run in runs for part in run))


@pytest.mark.parametrize("form", FORMS)
@given(texts)
@example("é" + MARKS * 9 + "\u1f82" + MARKS * 9)
def test_as_unicode_has_it(form: Any, text: str) -> None:
    assert normal_form(form, text) == unicodedata.normalize(form, text)


@given(st.text("1٢²a_é' \u0301-’", max_size=40))
@example("12'ab 3rd 1²3 a'12 4_5b")
def test_words_are_runs_with_a_letter_that_do_not_begin_behind_a_digit_alone(text: str) -> None:
    shown = unicodedata.normalize("NFC", text).replace("’", "'")
    marks = "".join({c for c in shown if unicodedata.category(c)[0] == "M"})
    follows = rf"(?:[^\W_]|[{marks}])" if marks else r"[^\W_]"
    assert words_of(text) == re.findall(rf"(?=\d*[^\W\d_])[^\W_]{follows}*(?:'[^\W_]{follows}*)*", shown)


def test_no_text_takes_hours() -> None:
    """Each of these took time that grew with the square of its length."""
    count = 100_000
    code = f"""
import sys
from charrnn.text.graphemes import clusters
from charrnn.text.known_forms import KnownCharacters
from charrnn.text.normal_form import normal_form
from charrnn.text.words import words_of
for text in ("1" * {count}, "\\u0661" * {count}, "a" + "\\u0301\\u0316" * {count}, "\\u0f73\\u0f71" * {count},
             "a" + "\\u0301" * {count}, "a" + "\\u200d" * {count}, "\\u1112" * {count}):
    words_of(text)
    for form in ("NFC", "NFKD"):
        normal_form(form, text)
    assert "".join(clusters(text[:100_000])) == text[:100_000]
    KnownCharacters(["a"]).form_of(text[:100_000])
"""
    subprocess.run([sys.executable, "-c", code], timeout=60, check=True)


def test_a_cluster_has_an_end() -> None:
    assert list(map(len, clusters("a" + "\u0301" * 99))) == [LONGEST, 100 - LONGEST]
    assert KnownCharacters("aé").form_of("e\u0301" + "a\u0301" * 99).text.startswith("é")
