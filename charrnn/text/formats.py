"""Files that are no plain text, named by their first bytes, with what to do about each.

What no training should read is refused; markup, which is text of a kind, is remarked on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

HEAD = 4096  # bytes that a format is known by, at the beginning
TAIL = 65536  # and at the end, of a zip file: its table of contents


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file that is no plain text."""

    name: str  # with its article
    advice: str  # how text is made of it; {} stands for the file
    is_markup: bool = False


_UNPACK = "Unpack it, and name the text files in it."
_PICTURE = "A program for OCR makes text of a picture."
_NO_TEXT = "Leave it out: there is no text in it."
_OFFICE = "Save it as plain text (UTF-8) in the program it was written with, or: pandoc -t plain {} -o TEXT.txt"
_TABLE = "Save its sheets as text (CSV, UTF-8) in the program they were made with."
_SLIDES = "Export its outline as text (UTF-8) in the program it was made with."
_BOOK = "Convert it: pandoc -t plain {} -o TEXT.txt (or ebook-convert, which comes with Calibre)"
_MARKUP = "pandoc -t plain {} -o TEXT.txt makes text of it"
_WEIGHTS = "Name the text that it was trained on."

# Of zip files, by a name or a first entry that only they have; the last is any other's.
_ZIPS = (
    (b"word/document", Format("a Word document (.docx)", _OFFICE)),
    (b"xl/workbook", Format("an Excel workbook (.xlsx)", _TABLE)),
    (b"ppt/presentation", Format("a PowerPoint presentation (.pptx)", _SLIDES)),
    (b"application/epub+zip", Format("an EPUB book", _BOOK)),
    (b"meta-inf/container.xml", Format("an EPUB book", _BOOK)),
    (b"opendocument.text", Format("an OpenDocument text (.odt)", _OFFICE)),
    (b"opendocument.spreadsheet", Format("an OpenDocument spreadsheet (.ods)", _TABLE)),
    (b"opendocument.presentation", Format("an OpenDocument presentation (.odp)", _SLIDES)),
    (b"index/document.iwa", Format("a Pages document", "Export it as plain text.")),
    (b"data.pkl", Format("a model that PyTorch saved (.pt)", _WEIGHTS)),
    (b".npy", Format("a NumPy archive (.npz)", _NO_TEXT)),
    (b"androidmanifest.xml", Format("an Android program (.apk)", _NO_TEXT)),
    (b"meta-inf/manifest.mf", Format("a Java archive (.jar)", _NO_TEXT)),
    (b"", Format("a zip file", _UNPACK)),
)
# Of Microsoft's compound files, by a stream's name, which is UTF-16.
_COMPOUND = (
    (
        "WordDocument",
        Format("an old Word document (.doc)", "Save it as plain text (UTF-8), or: antiword {} > TEXT.txt"),
    ),
    ("Workbook", Format("an old Excel workbook (.xls)", _TABLE)),
    ("PowerPoint Document", Format("an old PowerPoint presentation (.ppt)", _SLIDES)),
    ("Catalog", Format("Windows' cache of pictures (Thumbs.db)", _NO_TEXT)),
    ("__substg1.0", Format("an Outlook message (.msg)", "Save it as text.")),
    ("", Format("an old Office file", "Save it as plain text (UTF-8) in the program it was made with.")),
)
_ZIP, _OLE = re.compile(rb"PK(\x03\x04|\x05\x06|\x07\x08)"), re.compile(rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
_GZIP = "Name it *.gz, and it is read as it is; or unpack it: gzip -d"
_MAGICS = tuple(
    (re.compile(pattern, re.DOTALL), Format(name, advice))
    for pattern, name, advice in (
        (rb"\s{0,64}%PDF-\d", "a PDF", "Make text of it: pdftotext {} TEXT.txt (of scanned pages: a program for OCR)."),
        (
            rb"(?=.{0,256}\x00).{257}ustar[\x00 ]",
            "a tar file",
            "Unpack it (tar -xf {}), and name the text files in it.",
        ),
        (rb"\x1f\x8b\x08", "gzip data", _GZIP),
        (rb"BZh[1-9](1AY&SY|\x17rE8P\x90)", "bzip2 data", "Name it *.bz2, and it is read as it is."),
        (rb"\xfd7zXZ\x00", "xz data", "Name it *.xz, and it is read as it is."),
        (rb"\x28\xb5\x2f\xfd", "zstd data", "Decompress it: zstd -d {}"),
        (rb"\x04\x22\x4d\x18", "lz4 data", "Decompress it: lz4 -d {}"),
        (rb"\x1f\x9d", "compress data (.Z)", "Decompress it: uncompress {}"),
        (rb"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", _UNPACK),
        (rb"Rar!\x1a\x07", "a RAR archive", _UNPACK),
        (rb"MSCF\x00", "a cabinet file", _UNPACK),
        (rb"!<arch>\n(debian|/|__)", "an archive of object files", _NO_TEXT),
        (rb"\x89PNG\r\n\x1a\n", "a PNG picture", _PICTURE),
        (rb"\xff\xd8\xff", "a JPEG picture", _PICTURE),
        (rb"GIF8[79]a.{0,8}\x00", "a GIF picture", _PICTURE),
        (rb"(II\*\x00|MM\x00\*)", "a TIFF picture", _PICTURE),
        (rb"RIFF.{4}WEBP", "a WebP picture", _PICTURE),
        (rb"BM.{4}\x00\x00\x00\x00", "a BMP picture", _PICTURE),
        (rb"\x00\x00[\x01\x02]\x00.\x00", "an icon", _NO_TEXT),
        (rb"AT&TFORM.{4}DJV[UM]", "a DjVu book", "Make text of it: djvutxt {} TEXT.txt"),
        (rb".{60}(BOOKMOBI|TEXtREAd)", "a Mobipocket or Kindle book", "Convert it: ebook-convert {} TEXT.txt"),
        (rb"ITSF\x03\x00", "a compiled help file (.chm)", "Convert it: ebook-convert {} TEXT.txt"),
        (rb"ID3[\x02-\x04]\x00|\xff[\xfb\xf3\xf2][\x10-\xf0](?=.{0,4000}\x00)", "an MP3 recording", _NO_TEXT),
        (rb"RIFF.{4}WAVE|fLaC\x00|OggS\x00", "a recording", _NO_TEXT),
        (rb"\x00\x00.{2}ftyp|\x1aE\xdf\xa3|RIFF.{4}AVI ", "a film or recording", _NO_TEXT),
        (rb"SQLite format 3\x00", "an SQLite database", "Write its text to a file: sqlite3 {} 'SELECT ...' > TEXT.txt"),
        (rb"\x7fELF[\x01\x02]|MZ.{58}..\x00\x00|[\xce\xcf]\xfa\xed\xfe", "a program", _NO_TEXT),
        (rb"(\xca\xfe\xba\xbe|\x00asm\x01\x00)", "a program", _NO_TEXT),
        (rb"\x00\x00\x00\x01Bud1", "the Finder's .DS_Store", _NO_TEXT),
        (rb"bplist0\d", "a binary property list", _NO_TEXT),
        (rb".{5}\x00\x00\x00\{\s*\"", "a model's weights (safetensors)", _WEIGHTS),
        (rb"GGUF.\x00\x00\x00", "a model's weights (GGUF)", _WEIGHTS),
        (rb"\x80[\x02-\x05]", "a Python pickle", _WEIGHTS),
        (rb"\x93NUMPY[\x01-\x03]", "a NumPy array", _NO_TEXT),
        (rb"\x89HDF\r\n\x1a\n", "HDF5 data", _NO_TEXT),
        (rb"PAR1.{0,64}\x00|ARROW1\x00\x00", "a table of data", "Write its text column to a file."),
        (rb"(\x00\x01\x00\x00\x00[\x01-\x40]|OTTO\x00|wOF[F2])", "a font", _NO_TEXT),
    )
)
_MARKUPS = (
    (re.compile(rb"\{\\rtf\d?"), Format("RTF", f"its commands will be learnt too; {_MARKUP}", is_markup=True)),
    (
        re.compile(
            rb"\s*(<\?xml[^>]*>)?(\s|<!--.*?-->)*"
            rb"<(!doctype\s+html|(html|head|body|title|meta|link|script|style|div|table|h[1-6]|p|center|font)[\s/>])",
            re.I | re.S,
        ),
        Format("HTML", f"its tags will be learnt too; {_MARKUP}", is_markup=True),
    ),
    (
        re.compile(rb"\s*<\?xml\s[^>]*\?>", re.I),
        Format("XML", "its tags will be learnt too, unless you make text of it first", is_markup=True),
    ),
    (re.compile(rb"%!PS-Adobe"), Format("PostScript", "ps2ascii {} TEXT.txt makes text of it", is_markup=True)),
    (
        re.compile(rb"\s*\{\s*\"cells\":\s*\["),
        Format("a notebook (JSON)", "jupyter nbconvert --to markdown {} makes text of it", is_markup=True),
    ),
)


def recognise(head: bytes, tail: bytes = b"") -> Format | None:
    """What kind of file this is.

    Args:
        head: Its first HEAD bytes.
        tail: Its last TAIL bytes, which tell zip files apart.

    Returns:
        Its format; None for plain text, and for what is not known.
    """
    if _ZIP.match(head):
        contents = (head + tail).lower()
        return next(kind for name, kind in _ZIPS if name in contents)
    if _OLE.match(head):
        contents = head + tail
        return next(kind for name, kind in _COMPOUND if name.encode("utf-16-le") in contents)
    head = head.removeprefix(b"\xef\xbb\xbf")
    return next((kind for pattern, kind in (*_MAGICS, *_MARKUPS) if pattern.match(head)), None)
