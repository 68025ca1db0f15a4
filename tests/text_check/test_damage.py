from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charrnn.text_check import damage

# What is right, and full of what looks like damage: accents at the ends of words, beside quotes, dashes and ellipses.
SOUND = {
    "English": "“It’s a naïve façade”—so said Zoë; she’d paid £5 for 2½ lbs of jalapeños… at 30 °C, ± 2 °C.",
    "French": "« Où est l’été ? » – « LÀ-BAS, PRÈS DU CAFÉ… » L’œuvre de sœur Anne, «ÉTÉ»… N° 3, 5 €. “À…” “Ça”.",
    "German": "»Über Äcker«, rief Ünal, »Ölöfen!« „Spaß“, „Größe“ – „süß…“ §§ 5 ff., 20 €/m², »über«, »ächtes«, »É«.",
    "Portuguese": "«É…» VOCÊ… C O N C L U S Ã O. “À mão, não há pão”, coração — «ÃO»… lá´´, ação®, 1ª e 2º, «Óbvio».",
    "Spanish": "¿Qué? ¡Ay! «Ñandú»… “¿Él?” —¡Él!—, 5.º, 3.ª; ANDALUCÍA®, CAFÉ®",
    "Polish": "„Żółć – gęślą jaźń!” Źdźbło… ŁÓDŹ, „ŚWIĘTO”, »Ścieżka«, „Ćma”…",
    "Czech": "„Příliš žluťoučký kůň“ úpěl ďábelské ódy… »ÚŽAS«, ‚Říp‘",
    "Hungarian": "»És Én?« – »Éljen!« »Ülj le!« »Ügyes«, „Őz”… árvíztűrő tükörfúrógép",
    "Turkish": "“İSTANBUL…” Şişli’de «ÇAĞ», Iğdır’ın ığıl ığıl çayı, “Öğretmen”…",
    "Vietnamese": "“Đường về Huế…” Ở đâu? «ĐÊM»… Tiếng Việt khó thật, nghiêng ngả — “Ừ”.",
    "Greek": "«Ἄνδρα μοι ἔννεπε» – Τι; «ΌΧΙ…» Η ¨ανατροφή¨, “Έλα”, ’κείνος",
    "Russian": "«Ёлка», – сказал он… „ВСЁ“ – «её», „РЁВ“… № 5, “ГРИБ”.",
    "Ukrainian": "«Ґанок» і “їжа”… ’Є’ – Її, „ЇЇ“",
    "Swedish": "”Åäö”, Ålesund, SELKÄ\u00a0EDELLÄ, ’Ö’… Å i ös",
    "Icelandic": "„Þórður“ – „Ætíð“… ÐÐ",
    "Chinese": "「天地玄黃,宇宙洪荒。」——《千字文》……“你好”",
    "Japanese": "「吾輩は猫である。」……“ネコ” ―― ｶﾀｶﾅ",
    "Korean": "“안녕하세요”… ‘가나다’",
    "Arabic": "«السلام عليكم»… “مرحبا”",
    "Hindi": "“नमस्ते”… क़लम",
    "IPA": "/œ̃/ [ˈbœʁ.ɡœʁ] /ɛ̃/, [ʔa͡ɪ̯ç], /ˈkæfeɪ/, [ɑ̃ːˈsɑ̃ː], /ƒãa/",
    "mathematics": "√π ≈ 1.77, 5×£35, x² ± y³, ∞ ≠ µ, 4288×…, ∆°, 2012—∞",
}


@pytest.mark.parametrize("language", SOUND)
def test_no_sound_text_is_taken_for_garbled_or_mixed(language: str) -> None:
    assert list(damage.garbled_words(SOUND[language])) == []
    assert list(damage.mixed_words(SOUND[language])) == []


GARBLED = {  # written, and how it looks read in another encoding
    "cp1252": ("été", "Ã©tÃ©"),
    "latin-1": ("DESCRIPCIÓN", "DESCRIPCIÃ\x93N"),
    "cp1252, quotes": ("“yes”—it’s", "â€œyesâ€\x9dâ€”itâ€™s"),
    "cp1252, mark": ("\ufeffÉtude", "ï»¿Ã‰tude"),
    "cp1252, twice": ("é!", "ÃƒÂ©!"),
    "cp1252, Russian": ("Привет", "ÐŸÑ€Ð¸Ð²ÐµÑ‚"),
    "cp1251, Russian": ("Привет", "РџСЂРёРІРµС‚"),
    "latin-1, Chinese": ("删除列表", "å\x88\xa0é\x99¤å\x88\x97è¡¨"),
    "macroman": ("café", "caf√©"),
    "macroman, quotes": ("it’s", "it‚Äôs"),
    "cp437": ("perché", "perch├⌐"),
}


@pytest.mark.parametrize("case", GARBLED)
def test_garbled_words_are_found_where_they_stand_with_what_they_were(case: str) -> None:
    meant, word = GARBLED[case]
    text = f"a naïve\ntext {word} “and so on”"
    assert list(damage.garbled_words(text)) == [(13, word, meant)]
    assert list(damage.garbled_words(f"{word}\n{word} {word}")) == [
        (0, word, meant),
        (len(word) + 1, word, meant),
        (2 * len(word) + 2, word, meant),
    ]


def test_what_is_garbled_beyond_recovery_or_only_has_controls_is_not_a_garbled_word() -> None:
    assert list(damage.garbled_words("caf\ufffd Ã\ufffd É…É\ufffd il parlé\x85 it\x92s")) == []


@given(st.text(st.sampled_from(string.printable)))
def test_ascii_is_never_damaged(text: str) -> None:
    assert list(damage.garbled_words(text)) == list(damage.mixed_words(text)) == []


@given(st.text())
def test_garbled_words_lie_one_behind_another_in_the_text(text: str) -> None:
    end = 0
    for begin, word, meant in damage.garbled_words(text):
        assert begin >= end
        assert text[begin:].startswith(word)
        assert word != meant
        end = begin + len(word)


@pytest.mark.parametrize(
    ("word", "odd"),
    [
        ("Mоscow", "о"),  # Cyrillic in Latin
        ("НELLO", "Н"),
        ("ΑTHENS", "Α"),  # Greek in Latin
        ("cтол", "c"),  # Latin in Cyrillic
        ("бiп", "i"),
        ("τoυ", "o"),  # Latin in Greek
        ("ὀνόματoς", "o"),
        ("xорошо", "x"),
    ],
)
def test_a_letter_of_another_alphabet_is_found_in_its_word(word: str, odd: str) -> None:
    assert list(damage.mixed_words(f"the {word}, {word}!")) == [(word, odd), (word, odd)]


@pytest.mark.parametrize(
    "text", ["SMSка", "USB-кабель", "Δx", "hν", "λx", "sinα", "μm", "ABВГ", "fPа", "Web-сайт", "5кг"]
)
def test_words_that_two_alphabets_share_on_purpose_are_let_be(text: str) -> None:
    assert list(damage.mixed_words(text)) == []
