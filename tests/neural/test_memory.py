"""What the allocator is asked for."""

import resource
import sys

import numpy as np
import pytest

from neural.memory import keep_freed_memory


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc only")
def test_memory_that_was_freed_is_not_touched_anew():
    """32 MB that are freed and asked for again: at first they would take thousands of page faults."""
    keep_freed_memory()

    def faults() -> int:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        arrays = [np.ones(2**18) for _ in range(16)]
        assert len(arrays) == 16
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    faults()
    assert max(faults() for _ in range(3)) < 100
