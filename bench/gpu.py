"""What a GPU makes of a training: whether it is right there, and how fast. One command, in some minutes: `make gpu`.

    python bench/gpu.py
    python bench/gpu.py --output gpu.md

First the checks, against the CPU of the same machine where there is something to compare: losses of the same
iterations; what layers multiply in; nothing that waits for the device within a block of iterations
(torch.cuda.set_sync_debug_mode); a loss that is not finite; resuming on the device, bit for bit; moving to the CPU and
back; writing many texts. Then speed: characters a second of the loop that `charrnn train` runs, of the same with every
loss read at once, and of a bare nn.LSTM with a window that is on the device already, in every precision, beside the
peak of a product of two large matrices. What is shared of that are six operations for each weight in a matrix and
character. The bare one is as a notebook has it: on CUDA autocast makes its bfloat16 float16.

Exits with 1 if a check fails. `--device cpu --tiny` runs the same code in seconds where there is no GPU.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from charrnn.config import Precision

LOSSES, CLOSE = 40, 0.002  # iterations in float32 whose losses are compared, and how far apart they may be, relatively
HALF_CLOSE = 0.02  # the same in the precision that is chosen for the device
NETWORKS = ((2, 512), (2, 1024), (3, 2048))
TINY = ((2, 16),)
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16", "float16")
BLOCK = 10  # iterations that are read together
TITLES = ["network", "batch x sequence", "precision"]
TITLES += ["bare, char/s", "loop, char/s", "read at once", "loop / bare time", "of peak"]


class Failed(Exception):
    """A check came to something else than it should."""


def require(condition: bool, what: str) -> None:
    if not condition:
        raise Failed(what)


class Bench:
    """The checks and the measurements on one device."""

    def __init__(self, device: str, *, tiny: bool) -> None:
        import torch

        from charrnn.text import corpus

        self.torch, self.device, self.tiny = torch, device, tiny
        letters = np.random.default_rng(0).choice(
            list("abcdefghijklmnopqrstuvwxyz ,.\n"), 40_000 if tiny else 2_000_000
        )
        words = np.random.default_rng(1).integers(0, 200, 20_000)
        known = ["".join(letters[8 * at : 8 * at + 3 + at % 5]) for at in range(200)]
        self.text = corpus.from_text(" ".join(known[word] for word in words))  # there is something to learn
        self.long_text = corpus.from_text("".join(letters))

    def trainer(self, device: str | None = None, **settings: Any) -> Any:
        """A small training on the device, or on another."""
        from charrnn.config import ModelConfig, TrainConfig
        from charrnn.training.trainer import Trainer

        width = 16 if self.tiny else 256
        model = ModelConfig(rnn_size=width, embedding_size=16 if self.tiny else 128, dropout=0.1, recurrent_dropout=0.1)
        size = {"batch_size": 8, "seq_length": 32} if self.tiny else {"batch_size": 64, "seq_length": 64}
        learning: dict[str, Any] = size | {"iterations": 1000}
        learning |= {"precision": "float32", "optimizer": "adamw", "average": 0.9, "learning_rate": 0.004}
        learning |= {"eval_every": 0, "snapshot_at": (), "sample_length": 0}
        return Trainer(self.text, model, TrainConfig(**learning | settings), device=device or self.device)

    def losses(self, trainer: Any, count: int) -> Any:
        """Of so many iterations, read as the training reads them."""
        found: list[float] = []
        while len(found) < count:
            found += [made.loss for made in trainer.steps(min(trainer.read_every, count - len(found)))]
        return np.array(found)

    def moved(self, trainer: Any, device: str) -> Any:
        """The training as its resume file has it, on a device."""
        from charrnn.runs import checkpoint
        from charrnn.training.resume import resume_point, resumed

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "resume.safetensors"
            checkpoint.save(path, *resume_point(trainer))
            return resumed(checkpoint.load(path), self.text, device=device)

    def checks(self) -> Iterator[tuple[str, Callable[[], str]]]:
        """Each check's name and what runs it: it returns what it found, or raises Failed."""
        yield "losses are those of the CPU", self.same_losses
        yield "losses in the chosen precision", self.same_losses_in_half
        yield "layers in the precision that is asked for", self.layers_in_half
        yield "nothing waits for the device", self.no_synchronisation
        yield "what is not finite is not stepped on", self.never_stepped_on
        yield "resumed on the device, bit for bit", self.resumed_exactly
        yield "moved to the CPU and back", self.moved_and_back
        yield "many texts at once", self.many_texts

    def same_losses(self) -> str:
        ours, theirs = (self.losses(self.trainer(device), LOSSES) for device in (self.device, "cpu"))
        apart = float(np.abs(ours / theirs - 1).max())
        require(apart < CLOSE, f"{apart:.2g} apart")
        require(ours[-1] < ours[0], "nothing was learnt")
        return f"{LOSSES} iterations, {apart:.1g} apart at most"

    def same_losses_in_half(self) -> str:
        trainer = self.trainer(precision="auto")
        ours, theirs = self.losses(trainer, LOSSES), self.losses(self.trainer("cpu"), LOSSES)
        apart = float(np.abs(ours[-10:].mean() / theirs[-10:].mean() - 1))
        require(apart < HALF_CLOSE, f"{trainer.config.precision}: {apart:.2g} apart")
        return f"{trainer.config.precision}, {apart:.1g} apart after {LOSSES}"

    def layers_in_half(self) -> str:
        from charrnn.training.precision import multiplies

        network, found = self.trainer().model, list[str]()
        ids = self.torch.zeros(2, 3, dtype=self.torch.int64, device=self.device)
        for precision in PRECISIONS[1:]:
            if multiplies(precision, self.torch.device(self.device), "lstm"):
                with self.torch.autocast(self.device, getattr(self.torch, precision)):
                    _, ((hidden, _), *_) = network(ids, network.zero_state(2))
                require(str(hidden.dtype) == f"torch.{precision}", f"{precision} is {hidden.dtype}")
                found.append(precision)
        return ", ".join(found) or "there is none but float32"

    def no_synchronisation(self) -> str:
        from charrnn.training import step_block
        from charrnn.training.gate import Gate

        trainer = self.trainer(precision="auto")
        self.losses(trainer, 3)  # what is set up once may wait
        on_gpu = self.device == "cuda"
        if on_gpu:
            self.torch.cuda.set_sync_debug_mode("error")
        try:
            for iteration in range(4, 10):
                step_block._make(trainer, iteration, Gate(trainer.device))
        except RuntimeError as error:
            raise Failed(str(error).splitlines()[0]) from None
        finally:
            if on_gpu:
                self.torch.cuda.set_sync_debug_mode("default")
        return "6 iterations" if on_gpu else "cannot be told of this device"

    def never_stepped_on(self) -> str:
        from charrnn.errors import DivergedError

        trainer = self.trainer()
        self.losses(trainer, 2)
        backward, calls = trainer.data_parallel.backward, iter(range(100))

        def spoilt(*arguments: Any) -> Any:
            made = backward(*arguments)
            if next(calls) == 3:
                made.loss.mul_(np.nan)
            return made

        trainer.data_parallel.backward = spoilt
        try:
            list(trainer.steps(7))
        except DivergedError as error:
            require(error.iteration == 6, f"found at iteration {error.iteration}, not 6")
        else:
            raise Failed("it was not found")
        require(trainer.iteration == 5, f"the training is at iteration {trainer.iteration}, not 5")
        spoilt_weights = [name for name, value in trainer.model.weights().items() if not np.isfinite(value).all()]
        require(not spoilt_weights, f"no numbers any more: {spoilt_weights}")
        return "found in the middle of a block"

    def resumed_exactly(self) -> str:
        from charrnn.training.resume import resume_point

        whole = self.trainer(precision="auto")
        self.losses(whole, 20)
        again = self.moved(whole, self.device)
        require(bool((self.losses(whole, 20) == self.losses(again, 20)).all()), "other losses")
        tensors, others = resume_point(whole)[1], resume_point(again)[1]
        differing = [name for name in tensors if tensors[name].tobytes() != others[name].tobytes()]
        require(not differing, f"{len(differing)} of {len(tensors)} tensors differ: {', '.join(differing[:3])}")
        return f"20 iterations, {len(tensors)} tensors"

    def moved_and_back(self) -> str:
        whole = self.trainer()
        self.losses(whole, 20)
        on_cpu = self.moved(whole, "cpu")
        expected, ours = self.losses(whole, 10), self.losses(on_cpu, 10)
        back = self.moved(on_cpu, self.device)
        expected, ours = (
            np.concatenate(each) for each in ((expected, self.losses(whole, 10)), (ours, self.losses(back, 10)))
        )
        apart = float(np.abs(ours / expected - 1).max())
        require(apart < CLOSE, f"{apart:.2g} apart")
        half = self.moved(self.trainer(precision="auto"), "cpu")  # which the CPU may not have
        self.losses(half, 2)
        return f"20 iterations, {apart:.1g} apart at most"

    def many_texts(self) -> str:
        from charrnn.network.device_engine import DeviceEngine
        from charrnn.sampling.chain import make_chain
        from charrnn.sampling.generate import generate_many

        trainer, count, length = self.trainer(), *((4, 20) if self.tiny else (1000, 200))
        self.losses(trainer, 20)
        engine = DeviceEngine(trainer.model.config, trainer.model.weights(), trainer.device)
        texts: list[list[list[int]]] = []
        for _ in range(2):
            began = time.perf_counter()
            rngs = [np.random.default_rng([1, number]) for number in range(count)]
            made = generate_many(engine, trainer.vocabulary, "", length, [make_chain(0.8)] * count, rngs)
            texts.append([[character.id for character in text] for text in made])
            seconds = time.perf_counter() - began
        require(texts[0] == texts[1], "the same seeds wrote other texts")
        return f"{count:,} x {length}: {count * length / seconds:,.0f} characters a second"

    def peak(self, precision: str) -> float:
        """Operations a second of a large matrix product."""
        side, dtype = (256 if self.tiny else 8192), getattr(self.torch, precision)
        a = self.torch.ones(side, side, dtype=dtype, device=self.device)
        return 2 * side**3 / self.seconds(lambda: a @ a)

    def seconds(self, run: Callable[[], object]) -> float:
        """Of one run, by as many as a moment has."""
        run()
        self.wait()
        began, count = time.perf_counter(), 0
        while time.perf_counter() - began < (0.02 if self.tiny else 2.0):
            run()
            count += 1
            if count % 10 == 0:
                self.wait()
        self.wait()
        return (time.perf_counter() - began) / count

    def wait(self) -> None:
        if self.device != "cpu":
            getattr(self.torch, self.device).synchronize()

    def speeds(self) -> Iterator[list[str]]:
        """The rows of the table."""
        from charrnn.training.precision import multiplies

        for precision in PRECISIONS:
            if multiplies(precision, self.torch.device(self.device), "lstm"):
                peak = self.peak(precision)
                for layers, width in TINY if self.tiny else NETWORKS:
                    yield self.speed(layers, width, precision, peak)

    def speed(self, layers: int, width: int, precision: str, peak: float) -> list[str]:
        """A row of it."""
        from charrnn.config import ModelConfig, TrainConfig
        from charrnn.training.trainer import Trainer

        batch, length = (8, 8) if self.tiny else (128, 64)
        network: dict[str, Any] = {"num_layers": layers, "rnn_size": width}
        network |= {"embedding_size": 128, "residual": False, "layer_norm": False}
        learning: dict[str, Any] = {"batch_size": batch, "seq_length": length, "precision": precision}
        learning |= {"optimizer": "adamw", "learning_rate": 1e-4, "eval_every": 0, "snapshot_at": ()}
        learning |= {"iterations": 10**6, "sample_length": 0}
        configs = ModelConfig(**network).completed(), TrainConfig(**learning).completed()
        trainer = Trainer(self.long_text, *configs, device=self.device)
        loop = self.seconds(lambda: list(trainer.steps(BLOCK))) / BLOCK
        at_once = self.seconds(trainer.step)
        bare = self.seconds(self.bare(layers, width, batch, length, precision))
        weights = sum(weight.numel() for weight in trainer.model.parameters() if weight.dim() > 1)
        characters = batch * length
        sizes = [f"lstm {layers} x {width}", f"{batch} x {length}", precision]
        speeds = [f"{characters / seconds:,.0f}" for seconds in (bare, loop, at_once)]
        return [*sizes, *speeds, f"{loop / bare:.3f}", f"{6 * weights * characters / loop / peak:.1%}"]

    def bare(self, layers: int, width: int, batch: int, length: int, precision: str) -> Callable[[], object]:
        """An iteration of nn.Embedding, nn.LSTM, nn.Linear and fused AdamW, as a notebook would have it."""
        torch, size = self.torch, len(self.long_text.vocabulary)
        parts = torch.nn.Embedding(size, 128), torch.nn.LSTM(128, width, layers), torch.nn.Linear(width, size)
        embedding, stack, head = (part.to(self.device) for part in parts)
        weights = [weight for part in parts for weight in part.parameters()]
        optimizer = torch.optim.AdamW(weights, lr=1e-4, fused=self.device in ("cpu", "cuda"))
        ids = torch.randint(size, (length + 1, batch), device=self.device)
        zeros = torch.zeros(layers, batch, width, device=self.device)
        state = [(zeros, zeros)]

        def iteration() -> None:
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast(self.device, getattr(torch, precision), enabled=precision != "float32"):
                outputs, after = stack(embedding(ids[:-1]), state[0])
                logits = head(outputs).float()
            torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[1:].flatten()).backward()
            optimizer.step()
            state[0] = tuple(part.detach() for part in after)

        return iteration

    def name(self) -> str:
        """The device, and what computes there."""
        torch = self.torch
        if self.device == "cuda":
            properties = torch.cuda.get_device_properties(0)
            name = f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB, CUDA {torch.version.cuda}"
            return f"{name}, cuDNN {torch.backends.cudnn.version()}, torch {torch.__version__}"
        return f"{self.device}, {torch.get_num_threads()} threads, torch {torch.__version__}"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--device", choices=("cuda", "cpu", "mps"), default="cuda")
    parser.add_argument("--tiny", action="store_true", help="the smallest networks, for a moment each")
    parser.add_argument("--output", type=Path, help="a file for the lines, too")
    arguments = parser.parse_args(argv)
    from charrnn.errors import CharrnnError
    from charrnn.training import threads

    threads.prepare()  # before torch is imported: it sets what cuBLAS needs to be exact
    from charrnn.training.devices import choose_device

    try:
        choose_device(arguments.device)
    except CharrnnError as error:
        print(f"{error.what} Without one: --device cpu --tiny", file=sys.stderr)
        return 1
    bench, lines, failed = Bench(arguments.device, tiny=arguments.tiny), list[str](), False

    def say(line: str) -> None:
        lines.append(line)
        print(line, flush=True)

    began = time.perf_counter()
    say(bench.name())
    say("")
    for name, check in bench.checks():
        try:
            found = f"ok: {check()}"
        except Exception as error:  # what else is raised is as much of a failure
            found, failed = f"FAILED: {type(error).__name__}: {error}", True
        say(f"- {name}: {found}")
    say("")
    say(f"| {' | '.join(TITLES)} |")
    say("|---" * len(TITLES) + "|")
    try:
        for row in bench.speeds():
            say(f"| {' | '.join(row)} |")
    except Exception as error:
        say(f"FAILED: {type(error).__name__}: {error}")
        failed = True
    say("")
    say(f"{time.perf_counter() - began:.0f} seconds; {'a check FAILED' if failed else 'all checks hold'}")
    if arguments.output:
        arguments.output.write_text("\n".join(lines) + "\n", "utf-8")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
