"""What a person sees of a training: a plan, a moving bar or plain lines, the snapshots, and what to do next.

Snapshots go to standard output, everything else to standard error.
"""

from __future__ import annotations

import sys
import textwrap
import time
from collections import deque
from typing import Any

from tqdm import tqdm

from charrnn.evaluation import verdict
from charrnn.files import discard_stdout
from charrnn.formatting import BYTE, bits, duration, known_share, plural, visible, visible_line
from charrnn.runs.checkpoint import read_header
from charrnn.runs.resume_command import resume_command
from charrnn.runs.run import Run
from charrnn.shell import folded_command, typed_path
from charrnn.terminal import output
from charrnn.terminal.output import BOLD
from charrnn.terminal.training_lines import network_line, text_line, window_line
from charrnn.terminal.wrapping import wrapped
from charrnn.training import presets, tensorboard
from charrnn.training.events import Evaluated, Event, Progress, RolledBack, Snapshot
from charrnn.training.trainer import Trainer

_MEASURED = 1.0  # seconds of training that the estimate rests on, at least
_REMEMBERED = 30.0  # seconds of training that the speed is of: it changes with what else the machine does
_CORRECTED = 0.03  # share of a time budget's iterations, from which on a correction is announced
_BAR = "{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt}{postfix}, {remaining} left"
_NARROW_BAR = "{percentage:3.0f}% {n_fmt}/{total_fmt}{postfix}, {remaining}"
_NARROW = 72  # columns, below which there is no room for all figures and a bar
_LABEL = 8  # columns of what stands before a line of the plan
_PLAIN_EVERY = 10.0  # seconds between two plain lines


class Display:
    """Shows a training's events as they come."""

    def __init__(self, training: Trainer, run: Run, preset: str | None = None) -> None:
        """`preset` is that by which a new training's settings were chosen."""
        self.training, self.run, self.preset = training, run, preset
        self.unit = training.vocabulary.unit
        self.began_at = training.iteration
        self.moving = output.is_moving(sys.stderr)
        self.bar: tqdm[Any] | None = None
        self._announced = self.total
        self._marks: deque[Progress] = deque()  # a second apart; speed is measured from the first
        self._estimated = False
        self._spoke = time.monotonic()
        self._stdout_open = True

    def plan(self) -> None:
        """Before the first iteration: what was read, what will be trained, and where it is kept."""
        training, config, model = self.training, self.training.config, self.training.model.config
        streams = training.streams
        device = training.device.type
        if device == "cpu":
            import torch

            device = plural(torch.get_num_threads(), "CPU thread")
        self._say(f"text    {text_line(training.corpus, training.split)}")
        self._say(f"model   {network_line(model)}: {training.parameters:,} parameters, {device}")
        reading = window_line(config, self.unit)
        if model.bidirectional:
            reading += f", {config.mask_share:.0%} of them hidden; losses are of those alone (masked loss)"
        if self.total is None:
            self._say(f"train   {duration(config.time or 0)}, of {reading}")
        else:
            epochs = self.total / streams.per_epoch
            self._say(f"train   {plural(self.total, 'iteration')} ({epochs:.1f} epochs) of {reading}")
        self._say(f"run     {typed_path(self.run.path)}", copied=True)
        if self.preset:
            self._say(f"preset  {self.preset}: {presets.options(model, config)}")
        if self.began_at:
            self._say(f"        going on after iteration {self.began_at:,}")
        if self.moving:
            self.bar = tqdm(
                total=self.total,
                initial=self.began_at,
                file=sys.stderr,
                dynamic_ncols=True,
                bar_format=_NARROW_BAR if self._narrow else _BAR,
            )

    @property
    def total(self) -> int | None:
        """The iterations of this run; None until a time budget has been made a number of them."""
        return self.training.horizon.iterations

    def show(self, event: Event) -> None:
        """One event."""
        if self.total is not None:
            if self.bar is not None:
                self.bar.total = self.total
            if self._announced is None or abs(self.total / self._announced - 1) > _CORRECTED:
                self._announced = self.total
                epochs = self.total / self.training.streams.per_epoch
                self._say(f"plan    {self.total:,} iterations ({epochs:.1f} epochs) fill the time")
        match event:
            case Progress():
                self._progress(event)
            case Evaluated():
                if not self.training.config.snapshot_due(event.iteration):  # the snapshot that follows says the same
                    counts = "" if event.mixed_loss is None else f", + counts {bits(event.mixed_loss):.3f}"
                    self._say(
                        f"iteration {event.iteration:,}: train {bits(event.train_loss):.3f}, "
                        f"held out {bits(event.held_out_loss):.3f}{counts} {self.unit.bits_per}"
                    )
            case Snapshot():
                self._snapshot(event)
            case RolledBack():
                self._marks.clear()
                if self.bar is not None:
                    self.bar.n = event.iteration
                self._say(event.summary)

    def _progress(self, event: Progress) -> None:
        speed = self._speed(event)
        if self.bar is not None:
            rate = self._rate(speed) if speed else "measuring"
            self.bar.bar_format = _NARROW_BAR if self._narrow else _BAR
            self.bar.set_postfix_str(self._loss(event) + f", {rate}" * (not self._narrow), refresh=False)
            self.bar.update()
        elif speed and self.total is not None and time.monotonic() - self._spoke >= _PLAIN_EVERY:
            seconds_left = self._seconds_left(event)
            self._say(
                f"iteration {event.iteration:,}/{self.total:,}: {self._loss(event)}, {self._rate(speed)}, "
                f"{duration(seconds_left)} left"
            )

    @property
    def _narrow(self) -> bool:
        """Whether figures would be cut, were all of them shown."""
        return (output.width(sys.stderr) or _NARROW) < _NARROW

    def _loss(self, event: Progress) -> str:
        """The training loss, as everywhere that people look."""
        return f"train {bits(event.train_loss):.3f} {self.unit.short}"

    def _rate(self, speed: float) -> str:
        """How many characters or bytes a second."""
        return f"{speed:,.0f} {'byte' if self.unit == BYTE else 'char'}/s"

    def _speed(self, event: Progress) -> float | None:
        """Characters trained on per second of training, lately; None until it has been measured for long enough."""
        marks = self._marks
        if not marks:
            if event.iteration >= self.began_at + 5:  # the first iterations set memory and threads up
                marks.append(event)
            return None
        seconds = event.seconds - marks[0].seconds
        if seconds < _MEASURED:
            return None
        speed = (event.characters - marks[0].characters) / seconds
        if event.seconds - marks[-1].seconds >= 1:
            marks.append(event)
        if len(marks) > 1 and event.seconds - marks[1].seconds > _REMEMBERED:
            marks.popleft()
        if not self._estimated and self.total is not None:
            self._estimated = True
            time_left = duration(self._seconds_left(event))
            self._say(f"speed   {speed:,.0f} {self.unit.many} a second: about {time_left} of training to go")
        return speed

    def _seconds_left(self, event: Progress) -> float:
        """Seconds of training to go, at the speed since the first mark."""
        assert self.total is not None
        mark = self._marks[0]
        done = event.iteration - mark.iteration
        return (self.total - event.iteration) * (event.seconds - mark.seconds) / done

    def _snapshot(self, event: Snapshot) -> None:
        header, sample = event.header, event.header.sample
        facts = [f"iteration {header.iteration:,}"] + [header.beginning] * (not header.iteration)
        measured = [f"{name} {bits(loss):.3f}" for name, loss in header.named_losses if loss is not None]
        if measured:
            facts.append(f"{', '.join(measured)} {self.unit.short}")
        if sample is not None and (known := known_share(sample.known_words, sample.known_trigrams)):
            facts.append(known)
        body = "" if sample is None else sample.shown + "\n"
        shown = wrapped([(f"--- {', '.join(facts)} ---", BOLD), (f"\n{body}", "")], output.width(sys.stdout))
        plain = output.is_plain(sys.stdout)
        self._print("\n" + ("".join(text for text, _ in shown) if plain else output.styled(shown)))

    def _print(self, text: str) -> None:
        """To standard output; one that has gone (`| head`) or is full does not end a training."""
        if not self._stdout_open:
            return
        try:
            with tqdm.external_write_mode(file=sys.stdout):
                print(text, flush=True)
        except OSError as error:
            self._stdout_open = False
            discard_stdout()
            gone = isinstance(error, BrokenPipeError)
            what = "was closed" if gone else f"cannot be written ({error.strerror})"
            self._say(f"standard output {what}; training goes on. The samples are kept in samples.md.")

    def warn(self, message: str) -> None:
        """What goes wrong on the way, and ends nothing."""
        self._say(f"charrnn: {visible_line(message)}")

    def _say(self, text: str, *, copied: bool = False) -> None:
        """A line to standard error, in pieces on a terminal; what is to be copied stays in one."""
        self._spoke = time.monotonic()
        text = visible(text)
        if not copied:
            labelled = text[:_LABEL].endswith("  ") or text.startswith("verdict ")
            pieces = wrapped([(text, "")], output.width(sys.stderr), _LABEL * labelled)
            text = "".join(piece for piece, _ in pieces)
        with tqdm.external_write_mode(file=sys.stderr):
            print(text, file=sys.stderr, flush=True)

    def interrupted(self, *, at_once_by: str | None = None) -> None:
        """After a signal: what is safe, and how to go on. `at_once_by`: the one that left no time to save."""
        self.close()
        of = f" of {self.total:,}" if self.total is not None else ""
        at = self.training.iteration
        saved = read_header(self.run.resume_path).iteration if at_once_by else at
        if saved == at:
            self._say(f"\nstopped after iteration {at:,}{of}; everything is kept.")
        else:
            self._say(f"\nstopped at once by {at_once_by} after iteration {at:,}{of}; iteration {saved:,} is kept.")
        option = " --tensorboard" if tensorboard.directory(self.run).exists() else ""
        self._say(f"go on with: {resume_command(self.run)}{option}", copied=True)
        if (count := self.training.ranks.size) > 1:
            self._say(f"started by torchrun with {count} ranks again, it goes on as if it had never stopped")

    def finished(self) -> None:
        """After the last iteration: where things are and what to type next."""
        self.close()
        training, path = self.training, typed_path(self.run.path)
        self._say(f"\ntrained {plural(training.iteration, 'iteration')} in {duration(training.budget.elapsed)}.")
        if training.early_stopping.stopped:
            count = training.early_stopping.evaluations_since_best
            self._say(f"ended   early: {count} evaluations in a row were no better than the best")
        if training.optimizer.clipped:
            self._say(f"clipped the gradient of {training.optimizer.clipped / training.iteration:.1%} of them")
        self._verdict()
        self._say(f"kept    {path} (samples.md has every sample)", copied=True)
        verb = 'restore {} "He w#nt ##me."' if training.model.config.bidirectional else "sample {} --temperature 0.7"
        self._say(f"next    charrnn {verb.format(path)}", copied=True)
        self._say(f"        charrnn compare {path}", copied=True)

    def diverged(self) -> None:
        """After a loss that was no number: what to try next. The error says what happened."""
        self.close()
        self._verdict()

    def _verdict(self) -> None:
        """The verdict on what was measured, and the command that follows."""
        if judged := verdict.of_run(Run(self.run.path)):
            label = "verdict "
            for sentence in judged.sentences:
                self._say(label + sentence)
                label = " " * _LABEL
            if judged.command:
                width = output.width(sys.stderr)
                command = folded_command(judged.command, width - _LABEL) if width else judged.command
                self._say(textwrap.indent(command, " " * _LABEL), copied=True)

    def close(self) -> None:
        """Take the bar away, leaving its last state."""
        if self.bar is not None:
            self.bar.close()
            self.bar = None
