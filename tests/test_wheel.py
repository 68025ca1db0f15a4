"""The wheel, as a person gets it: built, installed into an empty directory and used from there, without a checkout.

The Python that uses it has everything that is installed here but this checkout, which an editable install would bring.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

import charrnn

ROOT = Path(__file__).resolve().parent.parent
Run = Callable[..., str]
TEXT = "".join(f"{n} sheep went over the stile; {n * n} came back.\n" for n in range(60))
TINY = "--iterations 6 --rnn-size 12 --embedding-size 6 --batch-size 2 --seq-length 8 --sample-length 20 --device cpu"

CLIENT = """
import charrnn
from charrnn import Character, Model, State, errors, events, load, train


def follow(path: str) -> list[float]:
    losses: list[float] = []
    for event in train(path, iterations=3):
        if isinstance(event, events.Evaluated):
            losses.append(event.held_out_loss)
    return losses


def write(model: Model) -> str:
    state: State = model.state("sheep")
    characters: list[Character] = list(model.stream(state, 20, seed=1))
    try:
        return model.generate(state, 20, temperature=0.5, top_k=3, until=["."], seed=1) + characters[0].text
    except errors.CharrnnError as error:
        return error.advice


model: charrnn.Model = load("checkpoints/sheep")
print(follow("sheep.txt"), write(model), charrnn.__version__)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT],
        check=True,
        capture_output=True,
        timeout=120,
    )
    [path] = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with nothing but what the wheel holds."""
    folder = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", folder, wheel]
    subprocess.run(pip, check=True, capture_output=True, timeout=120)
    return folder


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with the packages of this one, less the editable ones: their .pth files are not read from there."""
    folder = tmp_path_factory.mktemp("python")
    venv.create(folder, symlinks=os.name != "nt")
    scheme = {"base": str(folder), "platbase": str(folder)}
    packages = Path(sysconfig.get_path("purelib", "venv", scheme))
    (packages / "here.pth").write_text(f"{sysconfig.get_path('purelib')}\n{sysconfig.get_path('platlib')}\n", "utf-8")
    return Path(sysconfig.get_path("scripts", "venv", scheme)) / Path(sys.executable).name


@pytest.fixture(scope="module")
def run(python: Path, site: Path, desk: Path) -> Run:
    """What that Python prints on standard output, with the wheel's directory on its path and the desk to work in."""

    def run(*arguments: str) -> str:
        variables = os.environ | {"PYTHONPATH": str(site)}
        command = [str(python), *arguments]
        done = subprocess.run(
            command, cwd=desk, env=variables, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory that a person works in: a text, and nothing else."""
    folder = tmp_path_factory.mktemp("desk")
    (folder / "sheep.txt").write_text(TEXT, "utf-8")
    return folder


def test_it_holds_one_package_of_this_version(wheel: Path) -> None:
    assert wheel.name.startswith(f"charrnn-{charrnn.__version__}-")
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {"charrnn", f"charrnn-{charrnn.__version__}.dist-info"}
    assert {"charrnn/py.typed", "charrnn/_corpora/the-tidewater-bank.txt"} <= set(names)


def test_it_trains_samples_and_reports_in_an_empty_directory(run: Run, site: Path, desk: Path) -> None:
    where = run("-c", "import charrnn; print(charrnn.__file__)")
    assert Path(where.strip()).is_relative_to(site)
    assert str(ROOT) not in run("-c", "import sys; print(*sys.path, sep='\\n')").splitlines()
    run("-m", "charrnn", "train", "sheep.txt", "--name", "sheep", *TINY.split())
    assert len(run("-m", "charrnn", "sample", "sheep", "--length", "30", "--seed", "1")) == 30
    run("-m", "charrnn", "report", "sheep", "--output", "sheep.html")
    assert "sheep" in (desk / "sheep.html").read_text("utf-8")
    assert sorted(path.name for path in desk.iterdir()) == ["checkpoints", "sheep.html", "sheep.txt"]


def test_it_brings_the_novel_that_is_trained_on_by_default(run: Run, site: Path) -> None:
    code = "from charrnn.text import known_texts; print(known_texts.bundled())"
    [path] = run("-c", code).splitlines()
    assert Path(path).is_relative_to(site)
    assert Path(path).read_bytes() == (ROOT / "corpora" / "the-tidewater-bank.txt").read_bytes()


def test_a_client_of_it_passes_strict_type_checking(run: Run, tmp_path: Path) -> None:
    client = tmp_path / "client.py"
    mypy = ("-m", "mypy", "--strict", f"--cache-dir={tmp_path / 'cache'}", str(client))
    client.write_text(CLIENT, "utf-8")
    assert "no issues found" in run(*mypy)
    client.write_text(CLIENT.replace("top_k=3", "top_q=3"), "utf-8")
    with pytest.raises(AssertionError, match='Unexpected keyword argument "top_q"'):
        run(*mypy)
