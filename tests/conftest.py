"""One OpenMP thread for every test and the processes it starts: tiny models gain nothing from more, and beside other
work on the same cores spinning threads lose nearly everything."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
