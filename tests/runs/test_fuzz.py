"""A short part of what ``tests/verify/cases_fuzz.py`` tries by the thousand."""

import fuzz
import pytest

PARTS = {fuzz.mutated_file: 120, fuzz.hand_made_state: 60, fuzz.data_file: 60, fuzz.configuration: 120}


@pytest.mark.parametrize("trial", PARTS, ids=lambda trial: trial.__name__)
def test_damage_is_refused_or_does_no_harm(trial):
    found = fuzz.outcomes(trial, range(PARTS[trial]), share=PARTS[trial])
    assert set(found) <= fuzz.GOOD, fuzz.summary_of(found)
    assert set(found) == fuzz.GOOD  # some of each, or nothing was tried


def test_kills_within_saves_lose_nothing(tmp_path):
    line = ["run", "random-walk", "--n-steps=8", "--n-measure=4", "--checkpoint=0"]
    seconds, expected = fuzz.whole(tmp_path / "whole.h5", line, "forkserver")
    for number in range(12):
        path = tmp_path / f"{number}.h5"
        assert fuzz.killed(number, path, line, min(seconds, 0.2), expected, "forkserver") == "fine"
