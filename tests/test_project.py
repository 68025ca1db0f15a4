"""The promises of the files around the package: versions agree, links lead somewhere, the text is good."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import charrnn

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def bench_corpus() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bench_corpus", ROOT / "bench" / "corpus.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_version_is_written_once() -> None:
    assert "version" not in PYPROJECT["project"]
    assert PYPROJECT["project"]["dynamic"] == ["version"]
    source = (ROOT / PYPROJECT["tool"]["hatch"]["version"]["path"]).read_text(encoding="utf-8")
    assert f'__version__ = "{charrnn.__version__}"' in source


def test_changelog_opens_with_this_version() -> None:
    versions = re.findall(r"^## \[(\d[^\]]*)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert versions[0] == charrnn.__version__


def test_every_direct_dependency_is_pinned_within_its_range() -> None:
    pins = {}
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, version = line.split("==")  # exact pins and nothing else: no URL, path or range
            pins[canonicalize_name(name)] = version
    for declared in (*PYPROJECT["project"]["dependencies"], *PYPROJECT["dependency-groups"]["dev"]):
        requirement = Requirement(declared)
        pinned = pins.get(canonicalize_name(requirement.name))
        assert pinned is not None, f"{requirement.name} is not pinned"
        assert requirement.specifier.contains(pinned), f"{requirement} excludes the pinned {pinned}"


def test_the_workflow_runs_the_whole_check_on_every_python_that_is_promised() -> None:
    yaml = pytest.importorskip("yaml")
    [job] = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text(encoding="utf-8"))["jobs"].values()
    versions = job["strategy"]["matrix"]["python"]
    promised = re.findall(r"Python :: (3\.\d+)", "\n".join(PYPROJECT["project"]["classifiers"]))
    assert versions == promised
    assert PYPROJECT["project"]["requires-python"] == f">={versions[0]}"
    assert [step["run"] for step in job["steps"] if "run" in step][-1] == "make test"


def test_bundled_text_keeps_its_promises(bench_corpus: ModuleType) -> None:
    assert bench_corpus.BUNDLED.stat().st_size >= 250_000
    figures = bench_corpus.measure(bench_corpus.read(bench_corpus.BUNDLED))
    assert figures.distinct_words >= 5_000
    assert figures.xz_bpc >= 2.4
    assert figures.repeats < 0.002


def test_repeats_are_counted_after_their_first_occurrence(bench_corpus: ModuleType) -> None:
    assert bench_corpus.words("Don’t stop, don't -- 3 STOP!") == ["don’t", "stop", "don't", "stop"]
    assert bench_corpus.repeated_share(["a", "b", "a", "b", "a"], length=2) == 0.5  # ab ba ab ba
    assert bench_corpus.repeated_share(["a"], length=2) == 0.0


def test_excerpt_cuts_between_characters(bench_corpus: ModuleType) -> None:
    assert bench_corpus.excerpt("aé", size=2) == "a"
    assert bench_corpus.excerpt("aé", size=3) == "aé"
