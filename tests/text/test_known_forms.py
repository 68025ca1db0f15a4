"""Other people's text in a model's characters: normal forms, print and keyboard, and the nearest there is."""

from __future__ import annotations

import string
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charrnn.config import Unseen
from charrnn.errors import VocabularyError
from charrnn.text.known_forms import UNKNOWN, KnownForm, Replacement
from charrnn.text.vocabulary import Vocabulary, to_code_points

ASCII = string.ascii_letters + " \n.,!?"
WORLD = "L'été à Việt Nam, ế. 한국어 각. हिन्दी क\u093c. Ångström ñ"


def of(text: str) -> Vocabulary:
    return Vocabulary.of(to_code_points(text))


def nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def nfd(text: str) -> str:
    return unicodedata.normalize("NFD", text)


# -- normal forms ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("model", "typed"), [(nfc(WORLD), nfd(WORLD)), (nfd(WORLD), nfc(WORLD))])
@pytest.mark.parametrize("unseen", ["error", "replace", "drop"])
def test_the_normal_form_of_the_model_is_found(model: str, typed: str, unseen: Unseen) -> None:
    form = of(model).form_of(typed, unseen)
    assert form.text == form.shown == form.normalized() == model
    assert ("composed characters (é, " in (form.note("it") or "")) == (model == nfc(WORLD))


def test_what_unicode_never_composes_is_composed_where_the_model_has_it() -> None:
    letter = "\u095c"  # DEVANAGARI LETTER DDDHA, which NFC decomposes
    assert nfc(letter) == "\u0921\u093c"
    assert of(f"{letter}ा अ").form_of("\u0921\u093cा").text == f"{letter}ा"
    assert of("\u0921\u093cा अ").form_of(f"{letter}ा").text == "\u0921\u093cा"


@pytest.mark.parametrize(
    ("known", "typed", "read"),
    [
        ("ê\u0301 ", "ế", "ê\u0301"),  # composed in part
        ("é\u0302 ", "ế", "é\u0302"),  # across another mark
        ("ê ", "é", "é"),  # unknown in any form: left
        ("가\u11a8 ", "각", "가\u11a8"),
        ("Å ", "\u212b", "Å"),  # the Ångström sign
        ("\u0301e ", "é", "e\u0301"),
        ("éx ", "e\u0301\u0327", "é\u0327"),  # as much as is known
    ],
)
def test_forms_in_part(known: str, typed: str, read: str) -> None:
    assert of(known).form_of(typed).text == read


def test_replacing_keeps_accents_and_hangul() -> None:
    korean = of("한국어가 나")
    assert korean.form_of(nfd("한국어"), "replace").text == "한국어"
    assert korean.form_of("각", "replace").text == "가"  # the syllable without its last consonant
    plain = of("aeou ")
    for typed in ("ế ø", nfd("ế ø")):
        assert plain.form_of(typed, "replace").text == "e o"
    symbol = Vocabulary(to_code_points(" aeo"), unknown=True)
    assert symbol.form_of(nfd("é"), "replace").text == "e"  # no symbol for an accent


@given(st.text(st.characters(categories=["L", "M", "Nd", "Zs"]), min_size=2))
def test_a_text_is_found_from_its_decomposed_form(text: str) -> None:
    model = nfc(text + "ab")
    vocabulary = of(model)
    form = vocabulary.form_of(nfd(text))
    assert nfd(form.text) == nfd(text), "what is read is canonically the same"
    vocabulary.encode(form.text)


# -- print and keyboard ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "typed", "read"),
    [
        ("'\"-", "“It’s ‘a’,” he said", "\"It's 'a',\" he said"),
        ("‘’“”—", '"It\'s," he said--"so!"', "“It’s,” he said—“so!”"),
        ("‘’“”", "('a') \"(b)\" 'tis the '90s", "(‘a’) “(b)” ’tis the ’90s"),
        ("’", "It's 'so'", "It’s ’so’"),  # one side only
        ("„“", 'Er: "Komm!"', "Er: „Komm!“"),
        ("„”", 'Mówi: "tak"', "Mówi: „tak”"),
        ("«»", 'Il dit “va” et "vient"', "Il dit «va» et «vient»"),
        ('"', "„so“ «so» ``so''", '"so" "so" "so"'),
        ("”", 'sa "ja"', "sa ”ja”"),
        ("–", "so — ten—a-b", "so – ten–a–b"),
        ("-", "so — ten—a\u2011b – c−d", "so - ten--a-b - c-d"),
        ("—", "so -- a--b - c", "so — a—b — c"),
        ("", "wait…", "wait..."),
        ("\u00a0", "a\u202fb\u2009c\td\u3000e", "a b c d e"),
        ("", "a\r\nb\rc\u2028d\ufeff\u200b\u00ad", "a\nb\nc\nd"),
        ("", "ﬁne Ｈｉ！ ŀ", "fine Hi! ŀ"),
        ("，", "Hi, you", "Hi, you"),  # known: left
    ],
)
def test_equivalents_by_hand(model: str, typed: str, read: str) -> None:
    vocabulary = of(ASCII + "()ó90" + model)
    form = vocabulary.form_of(typed)
    assert form.text == read
    assert (form.note("it") is None) == (typed == read)


def test_an_ellipsis_and_full_width_where_the_model_has_only_those() -> None:
    letters = string.ascii_letters
    assert of(letters + "…").form_of("so...").text == "so…"
    assert of(letters + "，！").form_of("hi,you!").text == "hi，you！"
    assert of(letters + "\u00a0").form_of("so so").text == "so\u00a0so"


def test_a_quote_belongs_to_the_side_of_what_stands_before() -> None:
    vocabulary = of(ASCII + "“”")
    assert vocabulary.form_of('"').text == "“"
    assert vocabulary.form_of('"', before="a").text == "”"
    assert vocabulary.form_of(' "', before="a").text == " “"
    assert vocabulary.form_of("x" * 100 + '" "' + "x" * 100).text[100:103] == "” “"


@given(st.text(st.characters(categories=["L", "P", "Z", "S"])), st.sampled_from(["'\"-.", "‘’“”—–…", "«»", ""]))
def test_only_what_is_unknown_changes_and_only_to_what_is_known(text: str, marks: str) -> None:
    vocabulary = of("ab " + marks)
    form = vocabulary.form_of(text)
    at = 0
    for start, stop, read in form.replacements:
        assert at <= start < stop
        assert any(character not in vocabulary for character in text[start:stop])
        assert text[start:stop] != read
        at = stop
    assert vocabulary.form_of(form.text).text == form.text, "what was found is not changed again"


def test_what_is_not_the_same_is_not_taken_without_being_asked_for() -> None:
    vocabulary = of("abe ")
    for typed in ("é", "A", "²", "©", "🐍", "\x07"):
        assert vocabulary.form_of(typed) == KnownForm(typed)
        with pytest.raises(VocabularyError):
            vocabulary.encode(typed)


# -- the nearest -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("character", "nearest"),
    [
        ("é", "e"), ("Ø", "O"), ("ł", "l"), ("æ", "ae"), ("ß", "ss"), ("”", '"'), ("„", '"'), ("—", "-"), ("…", "..."),
        ("²", "2"), ("ǆ", "dz"), ("ø", "o"), ("🐍", None), ("中", None),
    ],
)  # fmt: skip
def test_nearest(character: str, nearest: str | None) -> None:
    assert of('aelosdz2O-". ').nearest(character) == nearest


def test_the_message_names_the_nearest() -> None:
    with pytest.raises(VocabularyError) as caught:
        of("aelo-' ").encode("’œ🐍")
    assert (
        caught.value.what
        == "the model has never seen 'œ' (U+0153), nearest 'oe'; '’' (U+2019), nearest \"'\"; '🐍' (U+1F40D)."
    )


# -- rare characters -------------------------------------------------------------------------------------------------


def test_a_rare_character_is_not_said_to_be_one_that_was_never_seen() -> None:
    vocabulary = Vocabulary(to_code_points(" ab"), unknown=True)
    with pytest.raises(VocabularyError) as caught:
        vocabulary.encode("aq")
    assert "never seen" not in caught.value.what
    assert "'q' (U+0071)" in caught.value.what
    assert "--min-count" in caught.value.what


def test_the_symbol_is_read_and_what_was_typed_is_shown() -> None:
    vocabulary = Vocabulary(to_code_points(" ab"), unknown=True)
    form = vocabulary.form_of("aq bÁ", "replace")
    assert form.text == f"a{UNKNOWN} ba"
    assert form.shown == "aq ba"
    assert form.note("the prompt") == "the prompt is read with the symbol of rare characters for q and a for Á."


# -- what was done ---------------------------------------------------------------------------------------------------


def test_notes() -> None:
    assert KnownForm("abc").note("it") is None
    many = of(ASCII).form_of("“a” ‘b’ …–‒")
    assert (
        KnownForm("a\u00a0b", (Replacement(1, 2, " "),)).note("x.txt")
        == "x.txt is read with a space for NO-BREAK SPACE."
    )
    assert many.text == "“a” ‘b’ ...–‒"
    others = of("abcdefghij ").form_of("ａｂｃｄｅｆｇｈ").note("it")
    assert others is not None
    assert others.endswith("and 2 others.")


def test_sizes_give_what_was_read_to_the_first_of_what_was_typed() -> None:
    form = of("é.ab").form_of("ae\u0301b…")
    assert form.text == "aéb..."
    assert form.sizes().tolist() == [1, 1, 0, 1, 3]
    assert form.normalized() == "aéb…"
