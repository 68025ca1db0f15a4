"""The texts that can be fetched by name: free of copyright where most people live, and large enough to learn from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KnownText:
    """A text that can be fetched, and how to tell that it is the one."""

    name: str
    title: str
    author: str
    language: str
    url: str
    licence: str  # or why it needs none
    sha256: str | None = None  # of the file as downloaded; None where reissues change it
    size: tuple[int, int] = (1, 1 << 62)  # bytes of the text as stored, at least and at most
    phrases: tuple[str, ...] = ()  # that occur in it, whatever their case, quotes and line ends


def _book(
    number: int, name: str, title: str, author: str, died: str, language: str, size: int, *phrases: str
) -> KnownText:
    """A book of Project Gutenberg of about `size` bytes; its reissues differ a little."""
    url = f"https://www.gutenberg.org/cache/epub/{number}/pg{number}.txt"
    licence = f"public domain: the author died in {died}"
    return KnownText(name, title, author, language, url, licence, None, (size * 7 // 10, size * 13 // 10), phrases)


# fmt: off
_ENTRIES = (
    KnownText(
        "tinyshakespeare", "40,000 lines of plays", "William Shakespeare", "English",
        "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
        "public domain: the author died in 1616",
        "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed", (1_115_394, 1_115_394),
    ),
    _book(2600, "war-and-peace", "War and Peace", "Leo Tolstoy", "1910, his translators in 1938 and 1939", "English",
          3_290_000, "Anna Pavlovna", "Natasha"),
    _book(11, "alice-in-wonderland", "Alice in Wonderland", "Lewis Carroll", "1898", "English",
          150_000, "White Rabbit", "Mock Turtle"),
    _book(1342, "pride-and-prejudice", "Pride and Prejudice", "Jane Austen", "1817", "English",
          710_000, "universally acknowledged", "Pemberley"),
    _book(2701, "moby-dick", "Moby-Dick", "Herman Melville", "1891", "English",
          1_240_000, "Call me Ishmael", "Queequeg"),
    _book(17489, "les-miserables", "Les Misérables, tome I", "Victor Hugo", "1885", "French",
          680_000, "Jean Valjean", "Fantine"),
    _book(2229, "faust", "Faust, erster Teil", "J. W. von Goethe", "1832", "German",
          200_000, "Habe nun, ach! Philosophie", "Mephistopheles"),
    _book(1000, "divina-commedia", "La Divina Commedia", "Dante Alighieri", "1321", "Italian",
          570_000, "Nel mezzo del cammin di nostra vita", "Virgilio"),
    _book(2000, "don-quijote", "Don Quijote", "Miguel de Cervantes", "1616", "Spanish",
          2_180_000, "En un lugar de la Mancha", "Sancho Panza"),
    _book(3333, "os-lusiadas", "Os Lusíadas", "Luís de Camões", "1580", "Portuguese",
          350_000, "Taprobana", "praia Lusitana"),
    _book(11940, "seitseman-veljesta", "Seitsemän veljestä", "Aleksis Kivi", "1872", "Finnish",
          670_000, "Jukola", "Juhani"),
    _book(23962, "journey-to-the-west", "西遊記", "Wu Cheng'en", "1582", "Chinese",
          2_200_000, "花果山", "孫悟空"),
)
# fmt: on
ENTRIES = {entry.name: entry for entry in _ENTRIES}
