"""One thread for torch: the tensors of tests are small, and tests run beside each other."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch is imported
