"""Which legacy encoding a text is in: the one whose reading is a language's text, if it is the only one.

A single-byte encoding makes text of any bytes, and most of it looks a little like text. So each language is known by
what no wrong reading has: its letters beyond ASCII, all of them and few others; or the share of its commonest letters.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from dataclasses import dataclass

_ENOUGH = 0.97  # of the letters beyond ASCII that must be the language's
_SPARSE = 0.015  # of all letters: of fewer, a text is English with words from anywhere in Western Europe
_FEWEST = 4  # characters of East Asia that a text must have, to be in one of its encodings


@dataclass(frozen=True, slots=True)
class _Latin:
    """A language in Latin letters."""

    letters: str  # beyond ASCII, lower case
    needed: str = ""  # those that any text of it has


@dataclass(frozen=True, slots=True)
class _Script:
    """Languages in other letters."""

    encodings: tuple[str, ...]
    letters: re.Pattern[str]  # all of them, lower case
    frequent: str
    share: float  # that those have of all letters, at least: some five parts of a hundred less than usual
    rare: str = ""  # letters that have less than a tenth together: in a wrong reading they are as common as any


_WESTERN = (
    *map(_Latin, ("àâæçéèêëîïôœùûüÿ", "äöüßé", "áéíñóúüªº", "àèéìíîïòóùúª", "áâãàçéêíóôõúüªº", "åäöæøéèóòôüà")),
    *(_Latin("éèëïíóöüáêç"), _Latin("áéíóúýþðæö", "ðþ"), _Latin("àçéèíïóòúü·"), _Latin("äõöüšž")),
)
_ANYWHERE = _Latin("".join(sorted(set("".join(language.letters for language in _WESTERN)) - set("þð"))))
_LATIN = {  # encodings, and the languages that were written in them; those for Western Europe before the others
    "cp1252": _WESTERN,
    "cp1250": (
        *(_Latin("ąćęłńóśźż", "ąęł"), _Latin("áčďéěíňóřšťúůýžö", "íě"), _Latin("áäčďéíĺľňóôŕšťúýž", "čľ")),
        *(_Latin("áéíóöőúüű", "áéöő"), _Latin("ăâîşţ", "ăşţ"), _Latin("čćđšž", "čšž")),
    ),
    "iso8859_2": (),
    "cp1254": (_Latin("çğıiöşüâîû\u0307", "ışğü"),),
    "cp1257": (_Latin("ąčęėįšųūž", "ėž"), _Latin("āčēģīķļņšūž", "āēīš"), _Latin("äõöüšž", "äõü")),
}
_LATIN["iso8859_2"] = _LATIN["cp1250"]
_OLDER = ("iso8859_15", "mac_roman", "cp850")  # of Western Europe, believed where no other fits
_CYRILLIC = ("cp1251", "koi8_r", "koi8_u", "cp866", "iso8859_5", "mac_cyrillic")
_SCRIPTS = (
    _Script(_CYRILLIC, re.compile("[а-яёіїєґђјљњћџѓќўѕ]"), "оеаиі", 0.27, "ъщэфцюшѓќўѕђ"),
    _Script(("cp1253", "iso8859_7"), re.compile("[ά-ώ]"), "αάοόιίεέτ", 0.38, "ΰΐψζξ"),
    _Script(("cp1255", "iso8859_8"), re.compile("[א-ת]"), "יוהלא", 0.36),
    _Script(("cp1256", "iso8859_6"), re.compile("[ء-يپچژگ]"), "اليمون", 0.42),
    _Script(("cp874", "tis_620"), re.compile("[ก-ู฿-๛]"), "านรอก", 0.22),
)
_STRAY = 0.01  # of other characters beside the letters of a script
_PUNCTUATION = re.compile(
    "[\u00a0\u00a7\u00a9\u00ab\u00ad\u00b0\u00b7\u00bb\u0300-\u036f\u0591-\u05c7\u064b-\u0652،؛؟ـ–—‘’“”„…№]"
)
_MIXED_WORD = re.compile("[A-Za-z](?=[^\\W\\d_A-Za-z])|[^\\W\\d_A-Za-z](?=[A-Za-z])")
_QUOTES = "‘’‚“”„«»–—…"
_SIGNS = _QUOTES + "‹›•·¡¿§¶°ªº£€¢©®™†‡×÷±½¼¾¹²³´\u00a0\u00ad"  # that Western text has
_WORD = r"[^\W\d_]"
_UNLIKELY = re.compile(  # signs in words; capitals in them, or where a quotation mark stood; letters alone
    rf"(?<={_WORD})[^\x00-\x7f\w’‘·–—…\u00a0\u00ad\u0300-\u036f](?={_WORD})"
    rf"|[\u0080-\u009f\u00b2\u00b3\u00b5\u00b9\u00bc-\u00be](?={_WORD})"
    r"|(?<=[a-zß-ÿ])[À-ÖØ-ÞŒŠŽŸ]|(?<=[,.!?])[À-ÖØ-ÞŒŠŽŸ]|[À-ÖØ-ÞŒŠŽŸ](?=[A-Z][a-z])"
    rf"|(?<!{_WORD})[ßçñðþüùúûëïìœšžýÿÝŸŒŠŽØ](?!{_WORD})|[¡¿](?![\w¡¿«“‘\"'(—\s])"
)


def identify(data: bytes) -> str | None:
    """The encoding of bytes that are not UTF-8.

    Args:
        data: Bytes that begin and end with whole characters.

    Returns:
        Python's name of it; None where several readings are a language's text, or none is.
    """
    if east_asian := _east_asian(data):
        return east_asian
    fitting = {name: text for name, text in _readings(data, _LATIN) if _is_latin(text, _LATIN[name])}
    for script in _SCRIPTS:
        fitting |= {name: text for name, text in _readings(data, script.encodings) if _is_script(text, script)}
    if not fitting:
        fitting = {name: text for name, text in _readings(data, _OLDER) if _is_latin(text, _WESTERN)}
    different = set(fitting.values())
    return next(iter(fitting)) if len(different) == 1 else None


def _readings(data: bytes, encodings: tuple[str, ...] | dict[str, tuple[_Latin, ...]]) -> list[tuple[str, str]]:
    """What encodings make of bytes, with their names; those that do not have one of the bytes are left out."""
    texts = []
    for encoding in encodings:
        try:
            texts.append((encoding, codecs.decode(data, encoding)))
        except UnicodeDecodeError:
            continue
    return texts


def _is_latin(text: str, languages: tuple[_Latin, ...]) -> bool:
    """Whether a text is in one of these languages."""
    counts = Counter(text)
    beyond = {character: count for character, count in counts.items() if not character.isascii()}
    if 100 * sum(1 for _ in _UNLIKELY.finditer(text)) > sum(beyond.values()):
        return False
    letters: Counter[str] = Counter()
    strange = 0
    for character, count in beyond.items():
        strange += count * (not character.isalpha() and character not in _SIGNS)
        if character.isalpha():
            for lower in character.lower():
                letters[lower] += 0 if lower.isascii() else count
    plain = sum(count for character, count in counts.items() if character.isascii() and character.isalpha())
    if languages is _WESTERN and letters.total() < _SPARSE * plain:
        languages = (_ANYWHERE,)
    if strange > (1 - _ENOUGH) * sum(beyond.values()) or not (letters or beyond.keys() & set(_QUOTES)):
        return False
    return any(
        sum(count for letter, count in letters.items() if letter in language.letters) >= _ENOUGH * letters.total()
        and all(letter in letters for letter in language.needed)
        for language in languages
    )


def _is_script(text: str, script: _Script) -> bool:
    """Whether a text is in a script's language: in no other letters, the commonest of them as common as they are."""
    counts = Counter(_PUNCTUATION.sub("", text))
    letters: Counter[str] = Counter()
    others, capitals = len(_MIXED_WORD.findall(text)), 0
    for character, count in counts.items():
        if script.letters.match(character.lower()):
            letters[character.lower()] += count
            capitals += count * character.isupper()
        elif not character.isascii():
            others += count
    own = letters.total()
    misplaced = sum(1 for _ in re.finditer(r"[^\W\d_]{2,}", text) if not _proper_case(_[0]))
    return (
        own > 0
        and others <= _STRAY * own
        and 2 * capitals <= own
        and 100 * misplaced <= own
        and sum(letters[letter] for letter in script.frequent) >= script.share * own
        and 10 * sum(letters[letter] for letter in script.rare) <= own
    )


def _proper_case(word: str) -> bool:
    """Whether capitals are where they are in a word, and Greek's final sigma is."""
    return "ς" not in word[:-1] and (word.islower() or word.istitle() or word.isupper() or word.lower() == word.upper())


_KANA = re.compile("[\u3041-\u3096\u30a1-\u30fa]")
_WIDE = re.compile("[\u3041-\u30fe\u3400-\u9fff\uac00-\ud7a3]")
_WIDE_PUNCTUATION = re.compile("[\u00b7×\u2010-\u2026\u3000-\u303f\uff01-\uff60]")
_LEADING = (  # encodings, and the lead bytes of their commonest characters; Japanese is known by its kana
    ("euc_jp", 0, 0),
    ("cp932", 0, 0),
    ("cp949", 0xB0, 0xC8),
    ("big5", 0xA4, 0xC6),
    ("gb18030", 0xB0, 0xD7),
)
EAST_ASIAN = tuple(name for name, _, _ in _LEADING)  # of which a part of the bytes may happen to be UTF-8


def _east_asian(data: bytes) -> str | None:
    """The encoding of Japanese, Korean or Chinese text, by the characters that are commonest in each."""
    for encoding, text in _readings(data, EAST_ASIAN):
        wide = _WIDE.findall(text)
        beyond = sum(not character.isascii() for character in text)
        if len(wide) < _FEWEST or len(wide) + len(_WIDE_PUNCTUATION.findall(text)) < _ENOUGH * beyond:
            continue
        first, last = next((first, last) for name, first, last in _LEADING if name == encoding)
        if not first:
            if len(_KANA.findall(text)) >= 0.2 * len(wide):
                return encoding
            continue
        codes = [character.encode(encoding) for character in wide]
        tail = 0x40 if encoding == "big5" else 0xA1
        if sum(first <= code[0] <= last and code[1] >= tail for code in codes if len(code) == 2) >= 0.85 * len(wide):
            return encoding
    return None
