"""What other programs call a setting: char-rnn, torch-rnn, textgenrnn, makemore, nanoGPT, Keras and transformers.

A name that means the same as a setting works. One that means something near is told what to write instead.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping

# A setting, and its other names. Of a name in several rows it is the first setting that a verb has.
_NAMES: Mapping[str, str] = {
    "learning-rate": "lr learn-rate base-lr max-lr peak-lr",
    "iterations": "steps num-steps n-steps max-steps train-steps total-steps num-train-steps iters num-iters max-iters "
    "max-iter n-iters niter niters iteration num-iterations max-iterations updates",
    "max-epochs": "epochs epoch num-epochs n-epochs nepochs max-epoch num-train-epochs",
    "num-layers": "layers n-layers n-layer nlayers nlayer num-layer rnn-layers lstm-layers depth",
    "rnn-size": "hidden hidden-size hidden-dim hidden-units n-hidden nhid num-hidden units num-units n-units rnn-units "
    "state-size lstm-size cell-size layer-size neurons",
    "embedding-size": "embedding embed emb emsize emb-size embed-size embed-dim emb-dim embedding-dim embedding-dims "
    "dim-embeddings n-embd wordvec-size char-embedding-size",
    "model": "model-type cell cell-type rnn-type rnn-cell arch architecture unit-type",
    "batch-size": "batch bs batchsize train-batch-size per-device-train-batch-size minibatch minibatch-size",
    "length": "max-tokens max-new-tokens num-tokens n-tokens tokens n-predict max-length max-gen-length gen-length "
    "gen-len num-chars n-chars chars num-characters characters predict-len len output-length sample-len",
    "seq-length": "seq-len seqlen sequence-length max-length block-size context-length context-size context "
    "window-size window bptt tbptt n-ctx unroll num-unroll bptt-len",
    "shift": "stride window-shift",
    "dropout": "drop drop-rate dropout-rate drop-prob",
    "grad-clip": "clip clip-norm clipnorm clip-grad max-grad-norm max-norm gradient-clip gradient-clipping "
    "gradient-clip-val clip-gradients",
    "optimizer": "optim opt optimiser",
    "weight-decay": "wd",
    "warmup": "warmup-iters warmup-steps lr-warmup warmup-iterations",
    "decay": "lr-schedule lr-scheduler lr-scheduler-type scheduler schedule lr-decay-style",
    "decay-every": "lr-decay-every",
    "decay-factor": "lr-decay-factor learning-rate-decay",
    "decay-after": "learning-rate-decay-after lr-decay-after",
    "average": "ema ema-decay",
    "beta1": "beta-1 adam-beta1",
    "beta2": "beta-2 adam-beta2",
    "tied": "tie tie-weights weight-tying tied-weights tie-embeddings",
    "layer-norm": "layernorm",
    "val-frac": "val-split validation-split val-fraction valid-frac valid-split validation-frac val-size test-size "
    "test-split test-frac test-fraction val-ratio test-ratio holdout held-out",
    "eval-every": "eval-interval eval-val-every eval-steps evaluate-every val-every validate-every eval-freq",
    "snapshot-every": "save-every checkpoint-every save-steps save-interval sample-every gen-epochs save-freq "
    "checkpoint-interval",
    "checkpoint-dir": "output-dir out-dir outdir save-dir work-dir workdir models-dir ckpt-dir checkpoint-path "
    "runs-dir",
    "output": "out out-file outfile output-file html",
    "name": "run-name exp-name experiment experiment-name savefile checkpoint-name model-name wandb-run-name",
    "resume": "resume-from resume-from-checkpoint resume-training continue restore",
    "init-from": "pretrained from-pretrained finetune fine-tune finetune-from warm-start start-from",
    "seed": "random-seed random-state manual-seed rng-seed",
    "threads": "num-threads n-threads nthreads cores jobs n-jobs",
    "time": "max-time time-limit time-budget duration",
    "encoding": "charset",
    "lowercase": "lower lower-case",
    "snapshot-at": "save-at checkpoint-at",
    "temperature": "temp sampling-temperature",
    "temperatures": "temps",
    "prompt": "prefix primer prime-text priming-text seed-text start-string start-with starting-text init-text "
    "prompt-text starter",
    "count": "num-samples n-samples samples num-return-sequences num-texts n-texts number how-many repeat num-generate",
    "top-k": "topk",
    "top-p": "topp nucleus nucleus-p",
    "min-p": "minp",
    "greedy": "argmax deterministic",
    "until": "stop-string stop-sequence stop-sequences stop-at stop-token end-string terminator",
    "json": "jsonl json-lines",
    "cold": "stateless-eval",
    "yes": "force assume-yes no-confirm",
}

# What there is no setting for, or only one that takes another value: what to write instead.
_ADVICE: Mapping[str, str] = {
    "min-lr learning-rate-min": "write --final-rate, a share of the peak",
    "lr-decay lr-decay-iters gamma": (
        "write --decay cosine, linear or constant, and --final-rate; or step or plateau, and --decay-factor or "
        "--plateau-factor"
    ),
    "decay-rate alpha": "RMSprop's is --beta2",
    "warmup-ratio": "write --warmup, in iterations",
    "train-frac train-size train-split train-fraction split split-ratio train-ratio": (
        "write --val-frac, the share that is held out"
    ),
    "early-stopping early-stop": "write --patience N",
    "eval-iters eval-batches": "the whole held-out text is measured; --val-max bounds it",
    "print-every log-interval log-every logging-steps log-freq verbose": (
        "the figures are in the run's metrics.jsonl; `charrnn report` draws them"
    ),
    "quiet silent": "write 2>/dev/null",
    "gpu gpuid gpu-id gpus cuda use-cuda use-gpu opencl gpu-backend": "write --device cuda",
    "no-cuda no-gpu cpu": "write --device cpu",
    "num-workers workers": "write --threads N",
    "data data-dir data-path data-file input input-file input-h5 input-json input-txt input-text train-file train-data "
    "training-data file filename dataset corpus txt text source": "a text has no option: it stands behind the verb",
    "model checkpoint ckpt weights load load-model model-path model-file model-dir run runs run-dir restore-from": (
        "a run or a checkpoint has no option: it stands behind the verb; to train on, --init-from or --resume"
    ),
    "fp16 bf16 amp half dtype mixed-precision autocast": "write --precision float16 or --precision bfloat16",
    "wandb wandb-log logdir log-dir": "write --tensorboard",
    "dry-run": "write charrnn plan instead of charrnn train",
    "compile": "there is nothing to compile",
    "batch-norm batchnorm": "write --layer-norm",
    "bidirectional rnn-bidirectional": "what writes from left to right cannot read from right to left",
    "word-level words by-word tokenizer vocab vocab-size": "charrnn models characters; --bytes models bytes",
    "minutes": "write --time 10m",
    "hours": "write --time 1h",
    "overwrite force": "a run is never overwritten: choose another --name, or `charrnn runs delete RUN` first",
    "keep-prob": "write --dropout, the share that is dropped",
    "init-range init-std": "the initialization is fixed",
    "accumulate gradient-accumulation-steps": "write a larger --batch-size",
    "sample do-sample": "without sampling is --greedy",
    "repetition-penalty repeat-penalty frequency-penalty presence-penalty no-repeat-ngram-size": (
        "there is none; raise --temperature, or --top-p"
    ),
    "beam beams num-beams beam-size beam-width": "there is no beam search; --greedy, or a low --temperature",
    "save save-to to-file output-file outfile out-file out output": (
        "a text goes into a file with > FILE at the end, runs are kept in --checkpoint-dir"
    ),
    "eos eos-token": "write --until '\\n'",
    "version": "write charrnn --version",
    "interactive stream": "text is shown as it is written",
}

_SETTINGS: dict[str, list[str]] = {}
for _setting, _others in _NAMES.items():
    for _other in _others.split():
        _SETTINGS.setdefault(_other, []).append(_setting)
_SENTENCES = {name: sentence for names, sentence in _ADVICE.items() for name in names.split()}
_COUNTING = {"num", "n", "max", "number", "of", "size", "dim", "count", "total", "the", "per", "train", "rate", "use"}
KNOWN = frozenset(_SETTINGS) | frozenset(_SENTENCES)
"""Every name that is another program's."""


def setting_called(name: str, settings: Collection[str]) -> str | None:
    """The setting that another program calls so.

    Args:
        name: As typed, with dashes: `hidden-size`.
        settings: Those that there are, with dashes.

    Returns:
        The first of them that means the same, be it this name itself; None if none does.
    """
    return next((setting for setting in (name, *_SETTINGS.get(name, ())) if setting in settings), None)


def other_names(setting: str) -> list[str]:
    """What other programs call a setting, and works for it."""
    return _NAMES.get(setting, "").split()


def python_advice(name: str, settings: Collection[str]) -> str:
    """What to write in Python instead of a name that is no setting's.

    Args:
        name: As written: `hidden_size`.
        settings: Those that there are, with underscores.

    Returns:
        A sentence; "" if nothing is like it.
    """
    options, option = {setting.replace("_", "-") for setting in settings}, name.replace("_", "-")
    meant = setting_called(option, options)
    sentence = f"Did you mean --{meant}?" if meant else advice(option, options)
    return re.sub(r"--([a-z][a-z0-9-]*)", lambda match: match[1].replace("-", "_"), sentence)


def advice(name: str, settings: Collection[str]) -> str:
    """What to write instead of a name that is no setting's.

    Args:
        name: As typed, with dashes.
        settings: Those that there are, with dashes.

    Returns:
        A sentence; "" if nothing is like it.
    """
    if name in _SENTENCES:
        sentence = _SENTENCES[name]
        return f"{sentence[0].upper()}{sentence[1:]}."
    begun = sorted(setting for setting in settings if len(name) > 2 and setting.startswith(name))
    if 0 < len(begun) <= 3:
        return f"Did you mean {' or '.join(f'--{setting}' for setting in begun)}?"
    if spelled := difflib.get_close_matches(name, sorted(settings), n=1, cutoff=0.75):
        return f"Did you mean --{spelled[0]}?"
    near = difflib.get_close_matches(name, [other for other in _SETTINGS if setting_called(other, settings)], 1, 0.8)
    meant = setting_called(near[0], settings) if near else None
    for word in name.split("-"):
        if meant is None and word not in _COUNTING:
            meant = setting_called(word, settings) or next(
                (setting for setting in sorted(settings) if len(word) > 2 and word in setting.split("-")), None
            )
    return f"Did you mean --{meant}?" if meant else ""
