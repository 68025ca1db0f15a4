"""One OpenMP thread for every test and the processes it starts: tiny models gain nothing from more, and beside other
work on the same cores spinning threads lose nearly everything. And Ctrl-C as usual: a shell starts what it puts in the
background with SIGINT ignored, and the processes that tests start would inherit that.
"""

import os
import signal
import sys

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Commands that run in this process set torch's threads as they were told to, and flush denormals: none leaves that
    to the next test."""
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(1)
        torch.set_flush_denormal(False)
