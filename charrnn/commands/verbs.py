"""Verbs that there are not, and words that a verb has no place for: what was meant."""

from __future__ import annotations

import os
from collections.abc import Mapping

from charrnn.config import CHECKPOINT_DIR
from charrnn.shell import quoted

_MEANT: Mapping[str, str] = {
    "charrnn sample": "steer generate gen write predict infer inference text complete completion prompt run chat talk",
    "charrnn train": "learn fit finetune fine-tune resume start new begin continue",
    "charrnn plan": "estimate dry-run dryrun budget autotune tune",
    "charrnn fill": "infill inpaint gap blank cloze",
    "charrnn compare": "diff versus vs",
    "charrnn report": "plot graph html visualize visualise chart page",
    "charrnn score": "eval evaluate test perplexity ppl loss measure bpc",
    "charrnn restore": "repair mend denoise unmask correct ocr",
    "charrnn runs": "list ls models checkpoints snapshots history status",
    "charrnn inspect": "explain interpret look activations states",
    "charrnn inspect gates": "gates gate saturation memory",
    "charrnn inspect predictions": "predictions prediction",
    "charrnn inspect neurons": "neurons neuron units",
    "charrnn inspect gradients": "gradients gradient vanishing exploding",
    "charrnn runs show": "show info describe",
    "charrnn runs delete": "delete remove rm del clean",
    "charrnn corpora": "texts datasets data corpus books text",
    "charrnn corpora check": "check analyze analyse stats lint",
    "charrnn corpora fetch": "download fetch get pull",
    "charrnn --version": "version",
}

_ELSEWHERE = "A checkpoint is a safetensors file; docs/format.md has how it is read elsewhere."
_ABSENT: Mapping[str, str] = {
    "export": _ELSEWHERE,
    "convert": _ELSEWHERE,
    "serve": "There is no server; from Python: charrnn.load(RUN).generate(PROMPT)",
}


def meant(typed: str, path: str, spelled: str | None) -> str:
    """What was meant by a verb that there is not.

    Args:
        typed: The verb.
        path: The verbs before it: `charrnn corpora`.
        spelled: A verb there that is spelled much like it, if there is one.

    Returns:
        A sentence; "" if nothing is like it.
    """
    if typed.lower() in _ABSENT:
        return _ABSENT[typed.lower()]
    if spelled is not None:
        return f"Did you mean {path} {spelled}?"
    if os.path.exists(typed) or os.path.exists(CHECKPOINT_DIR / typed):
        verb = _verb_for(typed, path)
        return f"A verb comes first: {verb} {quoted(typed)}"
    wanted = [verb for verb, names in _MEANT.items() if typed.lower() in names.split()]
    wanted = [verb for verb in wanted if verb.startswith(path)] or wanted
    return f"Did you mean {wanted[0]}?" if wanted else ""


def _verb_for(name: str, path: str) -> str:
    """What is likely to be done with something that is there: a run or a checkpoint, or a text."""
    is_model = (
        os.path.exists(CHECKPOINT_DIR / name) or name.endswith(".safetensors") or name.startswith(str(CHECKPOINT_DIR))
    )
    if is_model:
        return "charrnn runs show" if path == "charrnn runs" else "charrnn sample"
    return "charrnn corpora check" if path == "charrnn corpora" else "charrnn train"


def surplus(path: str, typed: str) -> str:
    """What to do with words that a verb has no place for.

    Args:
        path: The verb: `charrnn sample`.
        typed: The words.

    Returns:
        A sentence.
    """
    if os.path.exists(typed) or os.path.exists(CHECKPOINT_DIR / typed):
        return "Name one at a time."
    if path == "charrnn sample" and typed.isdigit():
        return f"For so many characters write --length {typed}; for a prompt --prompt {typed}"
    if path == "charrnn sample":
        return f"For a prompt write --prompt {quoted(typed)}"
    return f"Help: {path} --help"
