"""Pages and pictures of charrnn's, known by how they begin: a page is written over an older one, and over nothing else.

Importing this module imports nothing that draws. What it looks for is in `templates/head.html`, in
`templates/picture.svg` and in the first chunk after the header of a PNG.
"""

from __future__ import annotations

import re

HEAD = 4096  # bytes that a file is known by

_KINDS = (
    re.compile(
        rb'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        rb'<meta http-equiv="Content-Security-Policy" content="[^"\n]*">\n'
        rb'<meta name="generator" content="charrnn (report|score|inspect) [^"\n]*">\n'
    ),
    re.compile(rb'<\?xml version="1\.0" encoding="UTF-8"\?>\n<!-- charrnn (report|inspect) [^\n]* -->\n<svg '),
    re.compile(rb"\x89PNG\r\n\x1a\n\0\0\0\rIHDR.{17}.{4}tEXtSoftware\0charrnn (report|inspect) ", re.DOTALL),
)


def is_own(head: bytes) -> bool:
    """Whether a file is a page or a picture that charrnn has made.

    Args:
        head: Its first HEAD bytes. A text that speaks of charrnn begins otherwise.
    """
    return any(kind.match(head) for kind in _KINDS)
