"""How many typing errors are found: by what is before a character alone, and by what is before and what is after it.

    python bench/suspects.py war-and-peace.txt
    python bench/suspects.py war-and-peace.txt --time 4m --characters 100000 --errors 1000
    python bench/suspects.py war-and-peace.txt --models checkpoints/forward checkpoints/backward

A forward and a backward model are trained on the first nine tenths of the text, by `charrnn train` in processes of
their own; or named, if they have learnt that part already. Of what was held out the first 100,000 characters are left
alone: on them the constants of `charrnn.evaluation.suspects` were chosen. Into those that follow errors are put, at
places that a seed chooses, a fourth of each kind: another character in the place of one, one left out, one too many,
and two that are exchanged; what is put in is drawn from the text, as frequent as it is there.

Every character gets a score, and an alarm where it is above a threshold; an alarm within one character of an error
finds it, any other is false. The rows:

    forward, backward   bits of the character by one model alone
    forward, edits      the gain of the best edit by the forward model's likelihood alone, in the places of the last row
    both, bits          bits of the character from both sides, as `charrnn score --both` shades it
    both, gains         the largest gain of an edit by what both sides expect, the first pass of --suspects
    both, suspects      the gain of the best edit by the whole likelihood, for the `--judged` share of the places with
                        the largest of those; the others come after them

and the recall where 1 % and 0.1 % of the clean characters have a false alarm, and where 1 % of all alarms are false (a
false alarm for 99 errors found). Behind each stands how many times that is what the forward model finds.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from charrnn.evaluation.both_sides import Candidate
    from charrnn.sampling.side import Side

KINDS = ("substitution", "deletion", "insertion", "transposition")
TRAINED, LEFT_ALONE = 0.9, 100_000  # share of the text; characters of the rest that constants were chosen on
Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Damaged:
    """A text with errors, and where they are."""

    text: str
    places: NDArray[np.intp]  # (errors,) of the wrong character, or that behind which one is missing
    kinds: tuple[str, ...]


def damaged(text: str, errors: int, seed: int) -> Damaged:
    """The text with so many errors, none within four characters of another."""
    rng = np.random.default_rng(seed)
    slots = np.sort(rng.choice(len(text) // 12 - 1, errors, replace=False)) * 12 + 4
    kinds = rng.permutation([KINDS[number % len(KINDS)] for number in range(errors)])
    parts, places, read, written = [], [], 0, 0
    for slot, kind in zip(slots.tolist(), kinds.tolist(), strict=True):
        at = slot + int(rng.integers(4))
        while kind == "transposition" and text[at] == text[at + 1]:
            at += 1
        other = text[int(rng.integers(len(text)))]
        while other == text[at]:
            other = text[int(rng.integers(len(text)))]
        new, skipped = {
            "substitution": (other, 1),
            "deletion": ("", 1),
            "insertion": (other, 0),
            "transposition": (text[at + 1] + text[at], 2),
        }[kind]
        parts += [text[read:at], new]
        places.append(written + at - read)
        written += at - read + len(new)
        read = at + skipped
    return Damaged("".join([*parts, text[read:]]), np.array(places), tuple(kinds.tolist()))


def recalls(scores: Scores, found: Damaged) -> tuple[list[float], dict[str, float]]:
    """Recall at 1 % and 0.1 % of clean characters, and at 1 % of alarms; and the first for each kind of error."""
    near = np.zeros(len(scores), dtype=bool)
    best = np.full(len(found.places), -np.inf)
    for offset in (-1, 0, 1):
        at = np.clip(found.places + offset, 0, len(scores) - 1)
        near[at] = True
        best = np.maximum(best, scores[at])
    clean = np.sort(scores[~near])[::-1]
    thresholds = [clean[int(share * len(clean))] for share in (0.01, 0.001)]
    hits = [best > threshold for threshold in thresholds]
    levels = np.sort(best)[::-1]  # with a threshold just below the nth best n errors are found
    false = np.searchsorted(-clean, -levels, side="right")
    right = np.arange(1, len(levels) + 1)
    few = np.flatnonzero(false <= 0.01 * (false + right))
    by_kind = {kind: float(hits[0][np.array(found.kinds) == kind].mean()) for kind in KINDS}
    return [*(float(hit.mean()) for hit in hits), (int(few[-1]) + 1 if len(few) else 0) / len(levels)], by_kind


def train(text: str, folder: Path, time: str) -> list[Path]:
    """A forward and a backward model of the text."""
    path = folder / "trained.txt"
    path.write_text(text, "utf-8", newline="")
    for name, options in (("forward", []), ("backward", ["--backward"])):
        command = ["train", str(path), "--checkpoint-dir", str(folder), "--name", name, "--time", time, *options]
        subprocess.run([sys.executable, "-m", "charrnn", *command], check=True, stdout=subprocess.DEVNULL)
    return [folder / "forward", folder / "backward"]


def forward_gains(side: Side, ids: NDArray[np.intp], candidates: Sequence[Candidate], ways: int) -> Iterator[float]:
    """The gain of the best edit by the forward model alone, whose likelihood has in it what follows, too."""
    for first in range(0, len(candidates), 64):
        contexts, texts, sizes = [], [], []
        for candidate in candidates[first : first + 64]:
            edits = candidate.edits
            start, stop = min(edit.start for edit in edits), max(edit.stop for edit in edits)
            after = ids[stop : stop + 12].tolist()
            contexts.append(ids[np.arange(start - 64, start).clip(0)])
            texts.append([*ids[start:stop].tolist(), *after])
            texts += [
                [*ids[start : edit.start].tolist(), *edit.ids, *ids[edit.stop : stop].tolist(), *after]
                for edit in edits
            ]
            sizes.append(1 + len(edits))
        states = np.repeat(np.array(side.read_each(np.array(contexts).T), dtype=object), sizes).tolist()
        likelihoods = np.split(side.judge(states, texts), np.cumsum(sizes)[:-1])
        for candidate, (written, *mended) in zip(candidates[first : first + 64], likelihoods, strict=True):
            chance = [np.log(ways) * (edit.slip in ("substitution", "insertion")) for edit in candidate.edits]
            yield float(np.max(np.array(mended) - written - chance))


def scores_of(models: Sequence[Path], text: str, judged: float) -> dict[str, Scores]:
    """The scores of every character, by rows of the table."""
    from charrnn.evaluation import both_sides, suspects
    from charrnn.network.engine import Engine
    from charrnn.runs.find import load_found
    from charrnn.runs.pair import Pair, in_order
    from charrnn.sampling.side import Side

    pair = Pair(*in_order(*map(load_found, models)))
    for model in pair:
        print(f"{model.path}: {model.header.summary}", file=sys.stderr)
    vocabulary = pair.forward.header.vocabulary
    sides = [Side(Engine(model.header.model, model.weights), model.chosen_mixture(None)) for model in pair]
    both = both_sides.judge(sides[0], sides[1], vocabulary, text, candidates=int(judged * len(text)))
    if len(both.gains) != len(text):
        sys.exit("the text has characters that are read as several: use another")
    exact, one_sided = np.tile(both.gains - both.gains.max() - 1e6, (2, 1))
    by_forward = forward_gains(sides[0], both.ids, both.candidates, len(vocabulary))
    by_both = suspects.mended(sides[0], sides[1], vocabulary, both, both.candidates)
    for number, (candidate, (edit, gain), alone) in enumerate(
        zip(both.candidates, by_both, by_forward, strict=True), 1
    ):
        exact[edit.start] = max(exact[edit.start], gain)
        one_sided[candidate.place] = alone
        print(f"\r{number:,} of {len(both.candidates):,} places judged", end="", file=sys.stderr)
    print(file=sys.stderr)
    forward, backward = (np.nan_to_num(side) for side in both.one_side)
    return {
        "forward": forward,
        "backward": backward,
        "forward, edits": one_sided,
        "both, bits": both.score.bits,
        "both, gains": both.gains,
        "both, suspects": exact,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", type=Path)
    parser.add_argument("--time", default="3m", help="of each training")
    parser.add_argument("--models", type=Path, nargs=2, help="trained on the first nine tenths already")
    parser.add_argument("--characters", type=int, default=100_000)
    parser.add_argument("--errors", type=int, default=1000)
    parser.add_argument("--judged", type=float, default=0.06, help="share of the places")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    text = arguments.text.read_text("utf-8")
    trained = int(TRAINED * len(text))
    first = trained + LEFT_ALONE
    found = damaged(text[first : first + arguments.characters], arguments.errors, arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        models = arguments.models or train(text[:trained], Path(folder), arguments.time)
        scored = scores_of(models, found.text, arguments.judged)
    print(f"{len(found.places):,} errors in {len(found.text):,} characters of {arguments.text.name}\n")
    print("| score | at 1 % of clean characters | at 0.1 % | at 1 % of alarms | " + " | ".join(KINDS) + " |")
    print(f"|{'---|' * (4 + len(KINDS))}")
    alone, _ = recalls(scored["forward"], found)
    for name, scores in scored.items():
        reached, by_kind = recalls(scores, found)
        cells = [f"{recall:.1%} ({recall / max(one, 1e-9):.2f})" for recall, one in zip(reached, alone, strict=True)]
        print(f"| {name} | {' | '.join([*cells, *(f'{share:.0%}' for share in by_kind.values())])} |")


if __name__ == "__main__":
    main()
