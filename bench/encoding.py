"""How fast a text is read and encoded, beside plain `bytes.decode`, and how much memory a huge one takes.

    python bench/encoding.py                   # speeds, then a file of 2 GB
    python bench/encoding.py --gigabytes 0.2   # a smaller one

Speeds are of one core and in one run: `decode` is `bytes.decode` of the whole text in memory, `encode` both passes over
a file, from its bytes to ids. Memory is the largest anonymous part of a process of its own (RssAnon: what no file
stands behind), while the file is read for the first time, read from the cache, and trained on.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

from charrnn.config import ModelConfig, ReadConfig, TrainConfig
from charrnn.text import charsets, corpus, encoder, known_texts, sources

SIZE = 64 << 20  # bytes of each text whose speed is measured
REPEATS = 5


def read(path: Path, *, and_train: bool) -> None:
    """Read a text, say what it has, and perhaps train on it for a while."""
    text = corpus.read(path)
    print(f"{len(text):,} characters, {len(text.vocabulary)} distinct", end="")
    if and_train:
        from charrnn.training.trainer import Trainer

        for _ in Trainer(text, ModelConfig(), TrainConfig(iterations=50)).events():
            pass


def least(work: Callable[[], object]) -> float:
    """Seconds, the least of several tries."""
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def encode(path: Path, config: ReadConfig) -> None:
    """Both passes."""
    source = sources.gather([path])[0]
    decode = (lambda _: source.chunks()) if config.bytes else partial(charsets.decode, source, config)
    reader = encoder.DocumentReader(source.name, path, decode, source.display_name)
    for _ in encoder.encode([reader], config, in_memory=0).iter_ids():
        pass


def speeds(folder: Path) -> None:
    """Print the speed of encoding beside that of decoding."""
    novel = known_texts.bundled().read_text("utf-8")
    plain = novel.encode("ascii", "ignore")
    curly = novel.replace("'", "’").replace('"', "“").encode()
    chinese = "天地玄黃宇宙洪荒日月盈昃辰宿列張寒來暑往秋收冬藏。\n".encode()
    texts = {
        "ASCII": (plain, ReadConfig()),
        "ASCII with CRLF": (plain.replace(b"\n", b"\r\n"), ReadConfig()),
        "curly quotes": (curly, ReadConfig()),
        "Chinese": (chinese, ReadConfig()),
        "curly quotes, --lowercase --normalize nfc": (curly, ReadConfig(normalize="nfc", lowercase=True)),
        "ASCII, --bytes": (plain, ReadConfig(bytes=True)),
    }
    print(f"{'text':44}{'decode':>12}{'encode':>12}{'ratio':>8}")
    for name, (text, config) in texts.items():
        path = folder / "text.txt"
        data = text * (SIZE // len(text))
        path.write_bytes(data)
        decoded, encoded = least(partial(data.decode, "utf-8")), least(partial(encode, path, config))
        rates = [f"{len(data) / seconds / 1e6:7,.0f} MB/s" for seconds in (decoded, encoded)]
        print(f"{name:44}{rates[0]}{rates[1]}{decoded / encoded:8.2f}")


def peak(arguments: list[str]) -> tuple[int, float, str]:
    """Largest RssAnon of a process in bytes, its seconds, and what it printed."""
    started, most = time.perf_counter(), 0
    process = subprocess.Popen([sys.executable, __file__, *arguments], stdout=subprocess.PIPE, text=True)
    while process.poll() is None:
        for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                most = max(most, int(line.split()[1]) * 1024)
        time.sleep(0.01)
    out, _ = process.communicate()
    if process.returncode:
        raise SystemExit("the process that was measured failed")
    return most, time.perf_counter() - started, out


def memory(folder: Path, gigabytes: float) -> None:
    """Print how much a huge file takes."""
    path, line = folder / "huge.txt", b"No one can step twice into the same river, nor touch it. \xe2\x80\x94 %09d\n"
    with open(path, "wb") as file:
        for block in range(int(gigabytes * 1e9) // (1000 * len(line % 0)) + 1):
            file.write(b"".join(line % number for number in range(block * 1000, (block + 1) * 1000)))
    os.environ["CHARRNN_CACHE_DIR"] = str(folder / "cache")
    print(f"\n{path.stat().st_size / 1e9:.2f} GB{'':36}{'memory':>12}{'seconds':>12}")
    for name, arguments in (
        ("read for the first time", ["--read", str(path)]),
        ("read from the cache", ["--read", str(path)]),
        ("the same, and trained on for 50 iterations", ["--read", str(path), "--train"]),
    ):
        most, seconds, said = peak(arguments)
        print(f"{name:44}{most / 1e6:9,.0f} MB{seconds:12.1f}   {said}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=2.0, help="of the huge file; 0: only the speeds")
    parser.add_argument("--read", type=Path, metavar="FILE", help="be the process whose memory is measured")
    parser.add_argument("--train", action="store_true", help="with --read: train on it, too")
    arguments = parser.parse_args()
    if arguments.read:
        read(arguments.read, and_train=arguments.train)
        return
    with tempfile.TemporaryDirectory(prefix="charrnn-bench-") as folder:
        speeds(Path(folder))
        if arguments.gigabytes:
            memory(Path(folder), arguments.gigabytes)


if __name__ == "__main__":
    main()
