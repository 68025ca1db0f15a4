"""Which width learns most in a given time: the experiment behind what `charrnn corpora check` suggests.

    python bench/sizes.py tinyshakespeare.txt --seconds 60 180

Each width's speed is measured first, and the number of its iterations in the time given follows from that; then each
is trained for as many. The last tenth is held out. Stacks are of two layers, with the defaults.
"""

from __future__ import annotations

import argparse

from charrnn import threads


def main() -> None:
    threads.prepare()
    import torch

    from charrnn import corpus, library, survey
    from charrnn.config import ModelConfig, TrainConfig
    from charrnn.evaluation import held_out_loss
    from charrnn.training import Training

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", nargs="?", help="default: the bundled novel")
    parser.add_argument("--seconds", type=float, nargs="+", default=[60.0])
    parser.add_argument("--widths", type=int, nargs="+", default=list(survey.WIDTHS))
    parser.add_argument("--dropout", type=float, default=0.0)
    arguments = parser.parse_args()
    torch.set_flush_denormal(True)
    text = corpus.read(arguments.text or library.bundled())
    speeds = {trial.width: trial.speed for trial in survey.trials(text, widths=arguments.widths)}
    print("| seconds | width | iterations | epochs | characters read per parameter | held out, nats |")
    print("|---|---|---|---|---|---|")
    for seconds in arguments.seconds:
        for width in arguments.widths:
            model, shape = ModelConfig(rnn_size=width, dropout=arguments.dropout), TrainConfig()
            iterations = max(1, round(speeds[width] * seconds / (shape.batch_size * shape.seq_length)))
            training = Training(text, model, TrainConfig(iterations=iterations, eval_every=0, snapshot_at=()))
            while training.iteration < iterations:
                training.step()
            loss = held_out_loss(training.model, training.ids, training.tails)
            read, epochs = training.characters / training.parameters, iterations / training.streams.per_epoch
            print(f"| {seconds:g} | {width} | {iterations:,} | {epochs:.1f} | {read:.1f} | {loss:.4f} |", flush=True)


if __name__ == "__main__":
    main()
