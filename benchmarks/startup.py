"""Whole-process times: ``import nqs``, and ``born run`` to the end of a first step, without caches and with them."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from timing import seconds

RUN = ["run", "quantum-dot", "--n-steps", "1", "--n-measure", "256", "--overwrite"]


def main() -> None:
    born = Path(sys.executable).with_name("born")
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"BORN_CACHE_DIR": f"{folder}/cache"}
        command = [str(born), *RUN, "--out", f"{folder}/dot.h5"]

        def run(*words: str) -> None:
            subprocess.run(words, check=True, capture_output=True, env=environment)

        started = time.perf_counter()
        run(*command)
        cold = time.perf_counter() - started
        warm = seconds(lambda: run(*command), repeats=5)
        load = seconds(lambda: run(sys.executable, "-c", "import nqs"), repeats=5)
    print(
        json.dumps({"benchmark": "startup", "import_nqs_s": load, "first_run_cold_s": cold, "first_run_warm_s": warm})
    )


if __name__ == "__main__":
    main()
