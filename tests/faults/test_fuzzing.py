"""A few thousand inputs that are almost right; by hand it was a million (see ``fuzzing``)."""

from __future__ import annotations

import pytest
from faults.fuzzing import KINDS, fuzz


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_almost_right_is_taken_or_refused(kind: str) -> None:
    taken, _, _ = fuzz(KINDS[kind], 2_000, seed=7)
    print(f"{kind}: {taken} of 2,000 taken")
    assert 50 < taken < 1_950, "a fuzzer that makes only the one or the other tries little"
