"""What `import charrnn` offers: a small face, shown by help(), and paid for when it is used."""

from __future__ import annotations

import inspect
import json
import pydoc
import subprocess
import sys
from typing import Any

import pytest

import charrnn

FACE = [
    "Character",
    "CharrnnError",
    "Filling",
    "Fillings",
    "Inspection",
    "LayerActivations",
    "Model",
    "State",
    "Suspect",
    "__version__",
    "errors",
    "events",
    "fill",
    "history",
    "load",
    "suspects",
    "train",
]
SAMPLING = ["temperature", "top_k", "top_p", "min_p", "until", "finish", "seed", "no_copy", "text", "set_units"]


def in_a_new_process(code: str) -> Any:
    """What the code prints, as JSON."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return json.loads(done.stdout)


def test_dir_and_star_are_the_face() -> None:
    assert dir(charrnn) == FACE
    code = "import json; from charrnn import *; print(json.dumps(sorted(globals())))"
    plain = in_a_new_process("import json; print(json.dumps(sorted(globals())))")
    assert in_a_new_process(code) == sorted({*FACE, *plain})


def test_help_shows_the_face_with_its_signatures() -> None:
    shown = pydoc.plain(pydoc.render_doc(charrnn))
    for name in ("errors", "events", charrnn.__version__):
        assert f"    {name}\n" in shown
    for name in ("fill", "history", "load", "suspects", "train"):
        assert f"    {name}{inspect.signature(getattr(charrnn, name))}\n" in shown
    for name in ("generate", "stream", "generate_many", "state", "bits", "next_characters", "bits_per_character"):
        assert f"  {name}{inspect.signature(getattr(charrnn.Model, name))}\n" in shown
    for name in ("Model", "Character", "State", "Inspection", "LayerActivations"):
        assert f"class {name}(" in shown
    assert "internal" in shown


@pytest.mark.parametrize("name", ["generate", "stream", "generate_many"])
def test_help_explains_every_parameter_of_sampling(name: str) -> None:
    method = getattr(charrnn.Model, name)
    parameters = inspect.signature(method).parameters
    assert [parameter for parameter in parameters if parameter in SAMPLING] == SAMPLING
    assert {parameter.kind for parameter in parameters.values()} <= {
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.KEYWORD_ONLY,
    }
    for parameter in [*parameters][1:]:
        assert f"\n    {parameter}: " in inspect.getdoc(method)  # type: ignore[operator]


def test_the_face_is_imported_on_first_use() -> None:
    code = "import json, sys, charrnn; dir(charrnn); {use}; print(json.dumps([m in sys.modules for m in {modules}]))"
    code = code.replace("{modules}", "('torch', 'numpy')")
    assert in_a_new_process(code.format(use="charrnn.__version__")) == [False, False]
    assert in_a_new_process(code.format(use="charrnn.errors")) == [False, False]
    for name in ("events", "Model", "history", "load", "train", "Character", "CharrnnError", "State"):
        assert in_a_new_process(code.format(use=f"charrnn.{name}"))[0] is False


def test_what_is_not_there_is_said() -> None:
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        charrnn.lode  # type: ignore[attr-defined]  # noqa: B018
