"""The random walk as an experiment, and processes that run it and can be killed."""

import multiprocessing
import sys
from pathlib import Path

import pytest

HERE = str(Path(__file__).parent)
if HERE not in sys.path:
    sys.path.insert(0, HERE)


@pytest.fixture(scope="session")
def processes():
    """A context whose processes start in milliseconds: they fork from a server that has imported everything."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["walk", "runs.cli", "runs.runner", "runs.configuration", "runs.report"])
    return context


@pytest.fixture
def born(capfd, monkeypatch, tmp_path):
    """Run a command line in an empty directory; gives exit status, output and errors."""
    import walk  # noqa: F401  (registers the experiment)

    from runs.cli import main

    monkeypatch.chdir(tmp_path)

    def run(line: str) -> tuple[int, str, str]:
        try:
            status = main(line.split())
        except SystemExit as end:
            status = int(end.code or 0)
        return status, *capfd.readouterr()

    return run
