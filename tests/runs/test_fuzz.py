"""A short part of what ``tests/verify/cases_fuzz.py`` tries by the thousand."""

import fuzz
import pytest

PARTS = {fuzz.mutated_file: 120, fuzz.hand_made_state: 60, fuzz.data_file: 60, fuzz.configuration: 120}


@pytest.mark.parametrize("trial", PARTS, ids=lambda trial: trial.__name__)
def test_damage_is_refused_or_does_no_harm(trial):
    found = fuzz.outcomes(trial, range(PARTS[trial]), share=PARTS[trial])
    assert set(found) <= fuzz.GOOD, fuzz.summary_of(found)
    assert set(found) == fuzz.GOOD  # some of each, or nothing was tried
