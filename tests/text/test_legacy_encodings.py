"""An encoding is named only where its reading is the only one that is a language's text."""

from __future__ import annotations

import pytest

from charrnn.text.legacy_encodings import identify

TEXTS = {  # the first sentences of the Universal Declaration of Human Rights, and what their letters are missing
    "polish": "Wszyscy ludzie rodzą się wolni i równi pod względem swej godności. Zażółć gęślą jaźń.\n",
    "czech": "Všichni lidé rodí se svobodní a sobě rovní co do důstojnosti a práv. Jsou nadáni rozumem a svědomím.\n",
    "hungarian": "Minden emberi lény szabadon születik és egyenlő méltósága és joga van. Árvíztűrő tükörfúrógép.\n",
    "croatian": "Sva ljudska bića rađaju se slobodna i jednaka u pravima. Žena, čaša, šuma, sviješću.\n",
    "german": "Alle Menschen sind frei und gleich an Würde geboren, im Geiste der Brüderlichkeit, größer als Ärger.\n",
    "french": "Tous les êtres humains naissent libres et égaux. À l'œuvre où ça va, doués de raison.\n",
    "spanish": "Todos los seres humanos, dotados como están de razón y conciencia, ¿dónde? ¡señor!\n",
    "portuguese": "Não há razão: você já não está à espera. Só então pôde ir à praça, nº 5ª.\n",
    "danish": "Blåbærgrød på øen: »Å, kære, så er vi ræde,« sagde hun. Ægte møl på Århus’ gader.\n",
    "slovak": "Všetci ľudia sú si rovní; kým deň nezačne: čaj, ťažký, môj, vŕba, ďaleko, dĺžka.\n",
    "euro": "»Größe ist übel«, sagte er, und das kostet 5 €; für die Straße, Äpfel und Öl.\n",
    "icelandic": "Hver maður er borinn frjáls og jafn öðrum að virðingu og réttindum, og ber þeim að breyta.\n",
    "turkish": "Bütün insanlar hür, haysiyet ve haklar bakımından eşit doğarlar. Akıl ve vicdana sahiptirler.\n",
    "english": "“It’s the age of wisdom,” said he — “or of foolishness …”\n",
    "mostly english": "It was the best of times, it was the worst. " * 20 + "Hélène, naïve, Ångström, señor; it’s.\n",
    "greek": "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα.\n",
    "russian": "Все люди рождаются свободными и равными в своем достоинстве и правах. Они наделены разумом.\n",
    "ukrainian": "Всі люди народжуються вільними і рівними у своїй гідності та правах. Вони наділені розумом.\n",
    "hebrew": "כל בני האדם נולדו בני חורין ושווים בערכם ובזכויותיהם. כולם חוננו בתבונה ובמצפון.\n",
    "arabic": "يولد جميع الناس أحرارا متساوين في الكرامة والحقوق. وقد وهبوا عقلا وضميرا.\n",
    "thai": "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ\n",
    "chinese": "人人生而自由，在尊严和权利上一律平等。他们赋有理性和良心，并应以兄弟关系的精神相对待。\n",
    "traditional": "人人生而自由，在尊嚴和權利上一律平等。他們賦有理性和良心，並應以兄弟關係的精神相對待。\n",
    "japanese": "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。\n",
    "korean": "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.\n",
}
KNOWN = [  # text, and encodings that its bytes are read right in
    *(("polish", "cp1250"), ("polish", "iso8859-2"), ("czech", "cp1250"), ("czech", "iso8859-2")),
    *(("hungarian", "cp1250"), ("hungarian", "iso8859-2"), ("croatian", "cp1250"), ("croatian", "iso8859-2")),
    *(("german", "cp1252"), ("german", "cp850"), ("german", "mac-roman"), ("french", "cp1252"), ("spanish", "latin-1")),
    *(("portuguese", "cp1252"), ("danish", "cp1252"), ("slovak", "cp1250"), ("euro", "iso8859-15")),
    *(("icelandic", "cp1252"), ("turkish", "cp1254"), ("english", "cp1252"), ("english", "mac-roman")),
    *(("mostly english", "cp1252"), ("mostly english", "mac-roman"), ("greek", "cp1253"), ("greek", "iso8859-7")),
    *(("russian", name) for name in ("cp1251", "koi8-r", "cp866", "iso8859-5", "mac-cyrillic")),
    *(("ukrainian", "cp1251"), ("ukrainian", "koi8-u"), ("hebrew", "cp1255"), ("arabic", "cp1256"), ("thai", "cp874")),
    *(("arabic", "iso8859-6"), ("chinese", "gb18030"), ("traditional", "big5"), ("japanese", "shift-jis")),
    *(("japanese", "euc-jp"), ("korean", "euc-kr")),
]


@pytest.mark.parametrize(("name", "encoding"), KNOWN)
@pytest.mark.parametrize("times", [1, 20])
def test_what_is_named_reads_right(name: str, encoding: str, times: int) -> None:
    data = (TEXTS[name] * times).encode(encoding)
    found = identify(data)
    assert found is not None
    assert data.decode(found) == TEXTS[name] * times


SINGLE = (
    "cp1250 cp1251 cp1252 cp1253 cp1254 cp1255 cp1256 cp1257 cp1258 cp850 cp852 cp437 cp866 koi8-r iso8859-2 "
    "iso8859-5 iso8859-7 iso8859-9 iso8859-15 mac-roman mac-cyrillic mac-turkish mac-latin2"
)
EAST_ASIAN = ("gb18030", "big5", "shift-jis", "euc-jp", "euc-kr")


@pytest.mark.parametrize("name", TEXTS)
def test_nothing_is_named_that_garbles(name: str) -> None:
    """In whatever encoding a text is, that has all its characters: what is named reads it right, or nothing is."""
    own = [encoding for known, encoding in KNOWN if known == name]
    others = EAST_ASIAN if name == "english" else ()
    for encoding in {*SINGLE.split(), *own, *others}:
        try:
            data = (TEXTS[name] * 5).encode(encoding)
        except UnicodeEncodeError:
            continue
        found = identify(data)
        assert found is None or data.decode(found) == TEXTS[name] * 5, (encoding, found)


@pytest.mark.parametrize("data", [b"x \xff y " * 50, b"a \x9d byte", bytes(range(128, 256)) * 20])
def test_stray_bytes_are_in_no_encoding(data: bytes) -> None:
    assert identify(data) is None
