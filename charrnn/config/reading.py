"""How files become one text, and the text characters."""

import codecs
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from charrnn.config.option import LAST_SEED, Config, Option, require, settings_of
from charrnn.errors import UsageError

DecodingErrors = Literal["strict", "replace"]
Normalize = Literal["none", "nfc", "nfkc"]
Shuffle = Literal["none", "lines", "documents"]

MAX_EXPANSION = 200  # times its size that a compressed file may expand to: text rarely reaches 20, bombs pass 1000
FILES = "Files and characters"


@dataclass(frozen=True, kw_only=True)
class SourceConfig(Config):
    """Which files are read."""

    glob: Annotated[str | None, Option("Which files of a folder to read.", panel=FILES, default="*.txt")] = None
    max_expansion: Annotated[
        int, Option("How many times its size a compressed file may expand to.", panel=FILES, low=1)
    ] = MAX_EXPANSION


@dataclass(frozen=True, kw_only=True)
class ReadConfig(Config):
    """How files become one text, and the text characters. Kept in every checkpoint: resuming reads the same way."""

    documents: Annotated[
        bool,
        Option(
            "Keep documents apart: their beginnings and ends are learnt, and whole documents are held out. Each file "
            "is one; with --documents line, each line.",
            panel=FILES,
            switch=True,
            stands_for=(("line", ("--document-separator", r"\n")), ("lines", ("--document-separator", r"\n"))),
        ),
    ] = False
    document_separator: Annotated[
        str | None,
        Option(
            r"What separates the documents within a file, as '\n\n' or '\n---\n'; implies --documents.",
            panel=FILES,
            metavar="STRING",
            default="none",
            escapes=True,
        ),
    ] = None
    boundary: Annotated[
        bool,
        Option(
            "Whether the boundary of documents kept apart is a symbol that is learnt; not in runs of older versions.",
            panel=FILES,
            hidden=True,
        ),
    ] = True
    separator: Annotated[
        str,
        Option(
            r"What joins documents that are not kept apart; \n and \t are understood, \\ is a backslash.",
            panel=FILES,
            default=r"\n\n",
            escapes=True,
        ),
    ] = "\n\n"
    shuffle: Annotated[
        Shuffle,
        Option(
            "Shuffle the lines or the documents before anything is held out: for lists in an order of their own.",
            panel=FILES,
        ),
    ] = "none"
    split_seed: Annotated[
        int,
        Option(
            "Random seed of --shuffle and of what is held out; apart from --seed, so that runs with several seeds hold "
            "out the same.",
            panel=FILES,
            low=0,
            high=LAST_SEED,
        ),
    ] = 1
    encoding: Annotated[
        str,
        Option(
            "Character encoding: any that Python knows; auto is UTF-8, or a guess where it is not and only one fits. "
            "Byte order marks win.",
            panel=FILES,
        ),
    ] = "auto"
    errors: Annotated[
        DecodingErrors, Option("Decoding errors: strict refuses them, replace reads U+FFFD instead.", panel=FILES)
    ] = "strict"
    keep_newlines: Annotated[
        bool, Option("Leave CRLF and CR line ends as they are, instead of reading LF.", panel=FILES, switch=True)
    ] = False
    normalize: Annotated[
        Normalize,
        Option("Unicode normalization: nfc composes accents, nfkc also replaces look-alikes.", panel=FILES),
    ] = "none"
    lowercase: Annotated[bool, Option("Lower-case everything.", panel=FILES, switch=True)] = False
    strip_gutenberg: Annotated[
        bool, Option("Leave out the licence that Project Gutenberg puts around a book.", panel=FILES, switch=True)
    ] = False
    min_count: Annotated[
        int, Option("Characters rarer than this share one unknown symbol, which is never sampled.", panel=FILES, low=1)
    ] = 1
    bytes: Annotated[bool, Option("Model the bytes of any file instead of characters.", panel=FILES, switch=True)] = (
        False
    )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build from a JSON object; before there was a boundary, the documents of a run had none.

        Raises:
            CheckpointError: There are settings that this version does not know.
        """
        return super().from_dict({"boundary": not values.get("documents")} | dict(values))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.document_separator is not None:
            require(self.document_separator != "", "--document-separator: an empty string is everywhere.")
            object.__setattr__(self, "documents", True)
        by_line = self.document_separator == "\n"
        require(
            self.shuffle != "lines" or not self.documents or by_line,
            "--shuffle lines: documents are kept apart here; use --shuffle documents.",
        )
        if self.encoding != "auto":
            try:
                codecs.getincrementaldecoder(self.encoding)
                b" ".decode(self.encoding, "replace")  # an empty one would be let through unlooked
            except (LookupError, TypeError, ValueError):  # not known; no decoder; an encoding of bytes as bytes
                raise UsageError(
                    f"--encoding {self.encoding}: not a text encoding.", "Examples: utf-8, cp1252, shift-jis, auto."
                ) from None
        if self.bytes:
            of_any_kind = {"bytes", "documents", "document_separator", "boundary", "separator", "shuffle", "split_seed"}
            if self.encoding == "utf-8":  # the default that older checkpoints have
                of_any_kind.add("encoding")
            contrary = [
                setting.flag
                for setting in settings_of(ReadConfig)
                if setting.name not in of_any_kind and getattr(self, setting.name) != setting.default
            ]
            require(not contrary, f"{', '.join(contrary)}: about characters; --bytes reads none. Leave one out.")
