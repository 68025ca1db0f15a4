"""What is said of a text's characters: what was lost or garbled, what nobody sees, what is written in several ways."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable

from charrnn.formatting import plural
from charrnn.text.finding import Finding
from charrnn.text.known_forms import UNKNOWN
from charrnn.text.normal_form import normal_form
from charrnn.text.vocabulary import describe
from charrnn.text_check import damage
from charrnn.text_check.documents import SHORT
from charrnn.text_check.findings import CheckedText, Findings, character_finding, label_of, percentage

_ENOUGH = 5000  # different damaged words; then it is known how things stand
_FEW = 10  # of one kind of quotation marks or dashes beside another


def mojibake(text: CheckedText) -> Findings:
    """Mojibake; where there is none, C1 controls, of which it may be made."""
    words: Counter[tuple[str, str]] = Counter()
    encodings: Counter[str] = Counter()
    first_place, end = "", 0
    if not all(character.isascii() for character in text.counts):
        for start, piece in text.slices():
            for place, word, meant in damage.garbled_words(piece):
                first_place = first_place or (", first" + text.in_document(start + place)) * (len(text.documents) > 1)
                words[word, meant] += 1
                encodings[text.document_at(start + place).encoding] += 1
            end = start + len(piece)
            if len(words) > _ENOUGH:
                break
    if words:
        ((encoding, _),) = encodings.most_common(1)
        advice = f"It is UTF-8, but was read as {encoding}: try --encoding utf-8, or auto."
        if encoding.startswith("utf"):
            repair = "repair it with ftfy (pip install ftfy; ftfy OLD -o NEW), which straightens quotes too"
            advice = f"UTF-8 was read as something else when this file was made. Find a better copy, or {repair}."
        examples = tuple(f"{word!r} for {meant!r}" for (word, meant), _ in words.most_common(3))
        message = f"{plural(words.total(), 'garbled word')}{text.within(end)}{first_place}: {', '.join(examples)}"
        yield Finding(kind="mojibake", message=message, advice=advice, count=words.total(), examples=examples)
        return
    yield from character_finding(text, "c1-controls", "control character", _C1.match, _advice_on_c1(text))


_C1 = re.compile("[\x80-\x9f]")
_UTF8_TAIL = re.compile("[\x80-\x83][\x80-\xbf]")  # of E2 80 99 and the like, whose first byte is lost or was changed
_WINDOWS = re.compile("(?<![\x80-\xbf])[\x82\x84\x85\x8a\x8c\x8e\x91-\x97\x9a\x9c\x9e\x9f](?![\x80-\xbf])")


def _advice_on_c1(text: CheckedText) -> str:
    """What C1 controls are, by what stands beside them: Windows' punctuation, the rest of UTF-8's, or neither."""
    controls = windows = tails = 0
    for _, piece in text.slices() if any(map(_C1.match, text.counts)) else ():
        controls += len(_C1.findall(piece))
        windows += len(_WINDOWS.findall(piece))
        tails += sum(len(_C1.findall(tail)) for tail in _UTF8_TAIL.findall(piece))
    if 2 * tails > controls:
        return "They are what is left of UTF-8 whose first bytes were lost (’ is E2 80 99): find a better copy."
    if 2 * windows <= controls:
        return "Delete them: no text needs them. Or look whether the --encoding is right."
    if any(document.encoding.startswith("iso8859") for document in text.documents):
        return "They are likely Windows' punctuation: try --encoding cp1252."
    return "Windows' punctuation was read as Latin-1 when this file was made. Find a better copy."


def lost_characters(text: CheckedText) -> Findings:
    """U+FFFD, which stands for what could not be decoded."""
    advice = "The text was damaged before it came here: find a better copy."
    if text.config.errors == "replace":
        advice = "--errors replace puts it where it cannot decode: mend the text there, or name the right --encoding."
    yield from character_finding(text, "replacement", "lost character", UNKNOWN.__eq__, advice)


_NON_TEXT = (  # kind, noun, pattern, advice
    ("escapes", "escape character", "\x1b", "A terminal's colours: log without them (many programs heed NO_COLOR=1)."),
    ("controls", "control character", r"[\0-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]", "Delete them: no text needs them."),
    ("surrogates", "lone surrogate", "[\ud800-\udfff]", "Half a character each, decoded wrongly: find a better copy."),
    ("private-use", "private-use character", "[\ue000-\uf8ff\U000f0000-\U0010ffff]", "Replace what only a font knows."),
    ("byte-order-marks", "byte order mark", "\ufeff", "They are left from joining files: delete them."),
)


def non_text_characters(text: CheckedText) -> Findings:
    """Characters that no text needs: controls, halves of surrogate pairs, what only a font knows."""
    for kind, noun, pattern, advice in _NON_TEXT:
        yield from character_finding(text, kind, noun, re.compile(pattern).match, advice)


def unassigned_code_points(text: CheckedText) -> Findings:
    """Code points that Unicode has given to no character."""

    def is_unassigned(c: str) -> bool:
        return unicodedata.category(c) == "Cn"

    advice = f"They are no characters of Unicode {unicodedata.unidata_version}: look whether they are meant."
    yield from character_finding(text, "unassigned", "unknown code point", is_unassigned, advice)


def form_feeds(text: CheckedText) -> Findings:
    """Ends of pages."""
    advice = "They end pages: delete them if unwanted."
    yield from character_finding(text, "form-feeds", "form feed", "\f".__eq__, advice)


_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Joiners, which Persian, Indic scripts and emoji need, and Mongolian's; the byte order mark, told of by itself; signs
# that are seen.
_PROPER = re.compile("[\u180e\u200c\u200d\ufeff\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd]")
_UNSPACED = re.compile("[\u0e00-\u109f\u1780-\u17ff\ua980-\ua9df]")  # Thai, Lao, Tibetan, Burmese, Khmer, Javanese


def invisible_characters(text: CheckedText) -> Findings:
    """Format characters, but those that a script of this text needs."""
    proper: set[str] = set()
    if text.mostly(lambda c: unicodedata.bidirectional(c) in ("R", "AL")):
        proper |= _BIDI
    if text.mostly(lambda c: _UNSPACED.match(c) is not None):
        proper.add("\N{ZERO WIDTH SPACE}")  # tells where a line may break
    if "\N{WAVING BLACK FLAG}" in text.counts:
        proper.update(map(chr, range(0xE0020, 0xE0080)))  # make it Scotland's

    def hidden(c: str) -> bool:
        return unicodedata.category(c) in ("Cf", "Zl", "Zp") and c not in proper and not _PROPER.match(c)

    advice = "Nobody sees them in a sample: delete them from the files, unless they are meant."
    yield from character_finding(text, "invisible", "invisible character", hidden, advice)


def _nfc(text: str) -> str:
    """Unicode normal form C: accents composed with their letters."""
    return normal_form("NFC", text)


def unnormalized_characters(text: CheckedText) -> Findings:
    """Characters that are not in the normal form NFC, beside others that are."""
    counts, advice = text.counts, "--normalize nfc writes every letter one way."

    def is_twin(c: str) -> bool:
        return _nfc(c) != c and _nfc(c) in counts  # ANGSTROM SIGN, where there is Å too

    yield from character_finding(text, "twins", "redundant character", is_twin, advice)
    if not any(unicodedata.category(c).startswith("M") or "\u1161" <= c <= "\u11c2" for c in counts):
        return  # nothing that could be joined to the character before it
    growing = {c: len(_nfc(c)) - 1 for c in counts if len(_nfc(c)) > 1}
    parts, example = 0, ""
    for _, piece in text.slices():
        if _nfc(piece) != piece:
            parts += len(piece) - len(_nfc(piece)) + sum(piece.count(c) * growth for c, growth in growing.items())
            example = example or (_decomposed(piece) if parts else "")
    if parts:
        whole = sum(n for c, n in counts.items() if unicodedata.normalize("NFD", c) != c)
        apart = f"{plural(parts, 'accent')}{text.within(text.scanned)} apart from their letters{example}"
        message = f"{apart}, beside {plural(whole, 'letter')} written whole"
        yield Finding(kind="not-nfc", message=message, advice=advice, count=parts)


def _decomposed(text: str) -> str:
    """` (first 'é' (U+00E9) as U+0065 U+0301)`; "" in the odd case that no line begins to differ with such a one."""
    for line in text.split("\n"):
        whole = next((whole for whole, part in zip(_nfc(line), line, strict=False) if whole != part), "")
        apart = unicodedata.normalize("NFD", whole)
        if len(apart) > 1:
            return f" (first {describe(whole)} as {' '.join(f'U+{ord(c):04X}' for c in apart)})"
    return ""


def mixed_alphabets(text: CheckedText) -> Findings:
    """Words with letters of another alphabet that look like their own."""
    words: Counter[tuple[str, str]] = Counter()
    end = 0
    if any("Ͱ" <= c <= "ԯ" for c in text.counts):  # Greek and Cyrillic
        for start, piece in text.slices():
            words.update(damage.mixed_words(piece))
            end = start + len(piece)
            if len(words) > _ENOUGH:
                break
    if words:
        examples = tuple(
            f"{word!r} has {', '.join(map(unicodedata.name, odd))}" for (word, odd), _ in words.most_common(3)
        )
        message = f"{plural(words.total(), 'word')} of mixed alphabets{text.within(end)}: {'; '.join(examples)}"
        advice = "Correct the letters: what only looks the same is another word to the model."
        yield Finding(kind="lookalikes", message=message, advice=advice, count=words.total(), examples=examples)


def inconsistent_typography(text: CheckedText) -> Findings:
    """Quotes, dashes, spaces and letters that mean the same and are different characters."""
    counts = text.counts
    for kind, straight, curly in (("quotation marks", '"', "“”„"), ("apostrophes", "'", "‘’")):
        plain, bent = counts.get(straight, 0), sum(counts.get(c, 0) for c in curly)
        if min(plain, bent) >= max(_FEW, (plain + bent) / 100):
            occurring = " ".join(c for c in curly if c in counts)
            message = f"{kind} both straight, {straight} {plain:,}, and curly, {occurring} {bent:,}"
            advice = "The model will mix them as the text does: make them one kind if it should not."
            yield Finding(kind=kind.replace(" ", "-"), message=message, advice=advice, count=min(plain, bent))
    dashes = {c: counts[c] for c in "-‐‑‒–—―−" if counts.get(c, 0) >= _FEW}
    if len(dashes) > 3 or (len(dashes) > 1 and not dashes.keys().isdisjoint("‐‑")):
        message = f"{len(dashes)} kinds of dash: {', '.join(f'{label_of(c)} {n:,}' for c, n in dashes.items())}"
        yield Finding(kind="dashes", message=message, advice="Use fewer if they mean the same.", count=len(dashes))
    proper = " " + "\N{IDEOGRAPHIC SPACE}" * text.mostly(lambda c: unicodedata.east_asian_width(c) == "W")

    def is_odd_space(c: str) -> bool:
        return unicodedata.category(c) == "Zs" and c not in proper

    yield from _compatibility_characters(text, "spaces", "unusual space", is_odd_space)
    if any(c.isascii() and c.isalnum() for c in counts):
        wide = re.compile("[０-９Ａ-Ｚａ-ｚ]")
        yield from _compatibility_characters(text, "fullwidth", "full-width character", wide.match)
    yield from _compatibility_characters(text, "ligatures", "ligature", re.compile("[ﬀ-ﬆ]").match)


def _compatibility_characters(text: CheckedText, kind: str, noun: str, belongs: Callable[[str], object]) -> Findings:
    """Characters that NFKC makes plain, with the advice to use it where it does little else."""
    changed = {c: n for c, n in text.counts.items() if unicodedata.normalize("NFKC", c) != c}
    meant = sum(n for c, n in changed.items() if belongs(c))
    others = Counter({c: n for c, n in changed.items() if not belongs(c) and _nfc(c) == c})
    advice = "--normalize nfkc makes them plain."
    if others:
        examples = ", ".join(f"{label_of(c)} {n:,}" for c, n in others.most_common(3))
        advice = (
            f"--normalize nfkc makes them plain, and changes {plural(others.total(), 'character')} more ({examples})."
        )
    if others.total() > meant:
        advice = "Replace them by plain ones if you can"
        advice += f": --normalize nfkc would, but it changes {plural(others.total(), 'character')} more ({examples})."
    yield from character_finding(text, kind, noun, belongs, advice)


def many_rare_characters(text: CheckedText) -> Findings:
    """Very many different characters, most of them seen too seldom for a model to learn anything about them."""
    size, total = len(text.counts), sum(text.counts.values())
    tails = {limit: [n for n in text.counts.values() if n < limit] for limit in (10, 5)}
    if text.config.min_count > 1 or total < SHORT or size < 200 or len(tails[10]) < size / 4:
        return
    limit = 10 if 100 * sum(tails[10]) <= total else 5
    parts = [f"{len(tail):,} fewer than {most} times ({percentage(sum(tail), total)})" for most, tail in tails.items()]
    message = f"of {size:,} different characters {' and '.join(parts)}"
    advice = f"--min-count {limit} makes the rarest one unknown symbol, and leaves {size - len(tails[limit]):,}."
    yield Finding(kind="rare", message=message, advice=advice, count=len(tails[10]))
