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


def pinned(name: str) -> dict[str, str]:
    """The versions that a file of exact pins names."""
    lines = re.findall(r"^[^#\s].*?(?= \\\n|\n)", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
    pins = {}
    for requirement in map(Requirement, lines):
        assert requirement.url is None
        [specifier] = requirement.specifier  # no range
        assert specifier.operator == "=="
        pins[canonicalize_name(requirement.name)] = specifier.version
    assert len(pins) == len(lines)  # one version on every system
    return pins


def declared() -> list[Requirement]:
    project = PYPROJECT["project"]
    extras = [named for extra in project["optional-dependencies"].values() for named in extra]
    groups = [named for group in PYPROJECT["dependency-groups"].values() for named in group]
    return [Requirement(named) for named in (*project["dependencies"], *extras, *groups)]


def test_every_direct_dependency_is_pinned_within_its_range() -> None:
    pins = pinned("constraints.txt")
    for requirement in declared():
        pin = pins.get(canonicalize_name(requirement.name))
        assert pin is not None, f"{requirement.name} is not pinned"
        assert requirement.specifier.contains(pin), f"{requirement} excludes the pinned {pin}"


def test_every_pin_but_that_of_torch_has_its_hashes() -> None:
    without = pinned("constraints.txt")
    del without["torch"]  # each build of it has files of its own, and which is wanted a machine decides
    del without["atheris"]  # which no environment has but that of `make fuzz`
    assert pinned("hashes.txt") == without, "`make lock` writes both"
    text = (ROOT / "hashes.txt").read_text(encoding="utf-8")
    files = [entry.count("--hash=sha256:") for entry in re.split(r"(?m)^(?=[^#\s])", text)[1:]]
    assert len(files) == len(without)
    assert min(files) >= 1
    assert len(re.findall(r"--hash=sha256:[0-9a-f]{64}\b", text)) == sum(files)


def test_every_dependency_has_a_lowest_version() -> None:  # which `make test-oldest` installs
    for requirement in declared():
        assert [specifier.operator for specifier in requirement.specifier] == [">="], requirement


@pytest.fixture(scope="module")
def workflow() -> dict[str, Any]:
    yaml = pytest.importorskip("yaml")
    jobs: dict[str, Any] = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text(encoding="utf-8"))["jobs"]
    return jobs


def runs(job: dict[str, Any]) -> list[str]:
    return [step["run"] for step in job["steps"] if "run" in step]


def test_the_workflow_runs_the_whole_check_on_every_python_that_is_promised(workflow: dict[str, Any]) -> None:
    versions = workflow["test"]["strategy"]["matrix"]["python"]
    promised = re.findall(r"Python :: (3\.\d+)", "\n".join(PYPROJECT["project"]["classifiers"]))
    assert versions == promised
    assert PYPROJECT["project"]["requires-python"] == f">={versions[0]}"
    assert runs(workflow["test"])[-1] == "make test"


def test_the_workflow_runs_the_oldest_versions_an_audit_and_windows(workflow: dict[str, Any]) -> None:
    assert runs(workflow["oldest"]) == ["make test-oldest"]
    assert runs(workflow["audit"]) == ["make audit"]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    *installs, tests = (command.removeprefix("python -m ") for command in runs(workflow["windows"]))
    assert installs == [
        command.replace(" --quiet", "") for command in re.findall(r"-m (pip install (?:--quiet|--no-deps).*)", makefile)
    ]
    assert tests.startswith("pytest")


def test_actions_of_others_are_named_by_commit(workflow: dict[str, Any]) -> None:
    for job in workflow.values():
        for used in (step["uses"] for step in job["steps"] if "uses" in step):
            assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", used), used


def test_what_is_told_of_reliability_has_the_tests_that_are_named() -> None:
    told = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    named = re.findall(r"\b(tests/[\w/]+\.py)(?:::(\w+))?", told)
    assert len(named) > 20
    for path, test in named:
        assert f"def {test}" in (ROOT / path).read_text(encoding="utf-8"), (path, test)
    assert {path.name for path in (ROOT / "tests" / "torture").glob("test_*.py")} <= {
        Path(path).name for path, _ in named
    }
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(re.findall(r"`make ([a-z-]+)`", told)) <= set(targets)


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
