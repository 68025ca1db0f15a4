"""The files of a folder that a pattern chooses, and their order."""

from __future__ import annotations

import gzip
import re
import shlex
import sys
import tempfile
from pathlib import Path

import pytest
from helpers.texts import COMPRESS, content, names, refused, tree, write
from hypothesis import given, settings
from hypothesis import strategies as st

from charrnn.text.sources import gather

needs_links = pytest.mark.skipif(sys.platform == "win32", reason="links need privileges there")


def test_a_folder_is_sorted_by_the_parts_of_its_paths(tmp_path: Path) -> None:
    tree(tmp_path, "a.txt", "a-b/y.txt", "a/z.txt", "a/B.txt", "a/é.txt", "Z.txt", "10.txt", "9.txt", "note.md")
    found = gather([tmp_path])
    assert names(found) == ["10.txt", "9.txt", "Z.txt", "a/B.txt", "a/z.txt", "a/é.txt", "a-b/y.txt", "a.txt"]
    assert [content(source).decode() for source in found] == names(found)


parts_of_a_path = st.lists(st.text("aB-1é ", min_size=1, max_size=2), min_size=1, max_size=3)


@settings(max_examples=30)
@given(st.lists(parts_of_a_path.map(lambda parts: "/".join(parts) + ".txt"), min_size=1, max_size=12, unique=True))
def test_the_order_is_the_names_alone(made: list[str]) -> None:
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        tree(Path(one), *made)
        tree(Path(other), *reversed(made))  # some file systems list names as they were made
        expected = sorted(made, key=lambda name: name.split("/"))
        assert names(gather([one])) == names(gather([other])) == expected


def test_windows_spelling_of_the_suffix_counts_where_no_pattern_is_given(tmp_path: Path) -> None:
    for name in ("A.TXT", "b.Txt", "c.txt.GZ", "d.md"):
        (tmp_path / name).write_bytes(gzip.compress(b"text"))
    assert names(gather([tmp_path])) == ["A.TXT", "b.Txt", "c.txt.GZ"]
    assert names(gather([tmp_path], glob="*.TXT")) == ["A.TXT"]


def test_hidden_files_only_for_a_pattern_with_a_dot(tmp_path: Path) -> None:
    tree(tmp_path, "a.txt", ".b.txt", ".git/c.txt", "sub/.d.txt")
    assert names(gather([tmp_path])) == ["a.txt"]
    assert names(gather([tmp_path], glob="*")) == ["a.txt"]
    assert names(gather([tmp_path], glob="./*.txt")) == ["a.txt"]
    assert names(gather([tmp_path], glob=".*.txt")) == [".b.txt", "sub/.d.txt"]
    assert names(gather([tmp_path], glob=".git/*")) == [".git/c.txt"]
    assert names(gather([tmp_path / ".git"])) == ["c.txt"]  # named by hand, it is wanted


def test_packed_files_match_without_their_suffix_too(tmp_path: Path) -> None:
    for name, suffix in (("a.txt.gz", ".gz"), ("b.txt.BZ2", ".bz2"), ("c.txt.xz", ".xz"), ("d.md.xz", ".xz")):
        write(tmp_path / name, COMPRESS[suffix](name.encode()))
    found = gather([tmp_path])
    assert names(found) == ["a.txt.gz", "b.txt.BZ2", "c.txt.xz"]
    assert [content(source).decode() for source in found] == names(found)
    assert names(gather([tmp_path], glob="*.xz")) == ["c.txt.xz", "d.md.xz"]


@pytest.mark.parametrize(
    "pattern",
    ["sub/*.txt", "*/*.txt", "**/*.txt", "**/sub/*", "sub/**/*.txt", "**/**/b*", "*/[ab].*", "./*.txt", "*/*/*", "/x"],
)
def test_a_pattern_with_folders_means_what_it_means_to_pathlib(tmp_path: Path, pattern: str) -> None:
    tree(tmp_path, "a.txt", "sub/a.txt", "sub/b.md", "sub/sub/b.txt", "other/a.txt", "other/sub/deep/b.txt", "SUB2/B")
    if pattern.startswith("/"):
        assert "no file in it matches" in refused(tmp_path, glob=pattern)
        return
    expected = sorted(path.relative_to(tmp_path).parts for path in set(tmp_path.glob(pattern)) if path.is_file())
    assert [tuple(name.split("/")) for name in names(gather([tmp_path], glob=pattern))] == expected


@pytest.mark.parametrize(
    ("files", "holds"),
    [
        (["a.md", "b.md", "c.rst", ".hidden.py"], "2 .md files"),
        (["a.md.gz"], "1 .md file"),
        (["a", "b"], "files without a suffix"),
        (["sub/it's.[x]"], "1 .[x] file"),
    ],
)
def test_where_nothing_matches_a_pattern_that_would_is_named(tmp_path: Path, files: list[str], holds: str) -> None:
    for file in files:
        write(tmp_path / file, gzip.compress(b"") if file.endswith(".gz") else b"")
    message = refused(tmp_path)
    assert message.startswith(f"{tmp_path}: no file in it matches '*.txt' (it holds {holds}: --glob ")
    found = re.search(r"--glob (.*)\)\.", message)
    assert found
    (pattern,) = shlex.split(found[1])
    assert gather([tmp_path], glob=pattern)


def test_empty_folder(tmp_path: Path) -> None:
    assert "holds no files" in refused(tmp_path)


@needs_links
def test_linked_folders_are_entered_and_loops_end(tmp_path: Path) -> None:
    tree(tmp_path, "books/a.txt", "elsewhere/b.txt", "books/sub/c.txt")
    (tmp_path / "books/linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "books/sub/up").symlink_to(tmp_path / "books")
    (tmp_path / "elsewhere/self").symlink_to(".")
    (tmp_path / "elsewhere/sub").symlink_to(tmp_path / "books/sub")  # its loop leads through books again
    found = gather([tmp_path / "books"])
    assert names(found) == ["a.txt", "linked/b.txt", "sub/c.txt"]  # each once, under its own name where it has one
    assert found[1].path == (tmp_path / "elsewhere/b.txt").resolve()


@needs_links
def test_folders_that_are_all_linked_to_one_another_are_read_once(tmp_path: Path) -> None:
    folders = [f"f{n:02}" for n in range(16)]
    tree(tmp_path, *(f"{folder}/text.txt" for folder in folders))
    for folder in folders:
        for other in folders:  # 16! paths that enter none from within itself
            (tmp_path / folder / f"to-{other}").symlink_to(tmp_path / other)
    assert names(gather([tmp_path])) == [f"{folder}/text.txt" for folder in folders]
    linked = [f"to-{folder}/text.txt" for folder in folders if folder != "f03"]
    assert names(gather([tmp_path / "f03"])) == ["text.txt", *linked]


@pytest.mark.parametrize("pattern", ["**/" * 2000 + "y.txt", "**/d/" * 12 + "y.txt", "**/*/" * 12 + "y.txt"])
def test_a_pattern_of_many_folders_soon_knows_that_nothing_matches(tmp_path: Path, pattern: str) -> None:
    tree(tmp_path, "d/" * 30 + "x.txt")  # tried in every way, that is hours
    assert "no file in it matches" in refused(tmp_path, glob=pattern)
    assert names(gather([tmp_path], glob=pattern.replace("y.txt", "x.txt"))) == ["d/" * 30 + "x.txt"]
