"""One release with the dependencies of different days: when its behaviour changed, and by what."""

from __future__ import annotations

import pytest
from e2e.command import Command, changes, outcomes
from e2e.projects import plain, release
from local_index import LocalIndex

OVER = ("--package", "spam", "--over", "dependencies", "--assure", "0", "--jobs", "2")
COMMAND = ("--", "python", "check.py")
CHECK = "import spam\nassert not spam.broken(), 'spam is broken'\n"


@pytest.fixture
def eaten(bisect: Command, index: LocalIndex) -> Command:
    """Spam's last release is 1.1, of 6 January; ham and eggs, which it needs, went on.

    Ham was released on 1, 4, 11, 21 (twice) and 31 January, eggs on 1 and 16 January.
    """
    bisect.write("check.py", CHECK)
    source = "import ham, eggs\ndef broken():\n    return ham.V >= 1.3"
    for version, day in (("1.0", 0), ("1.1", 5)):
        index.add(release("spam", version, source, day=day, dependencies=["ham", "eggs"]))
    for version, day in (("1.0", 0), ("1.1", 3), ("1.2", 10), ("1.3", 20), ("1.4", 20)):
        index.add(release("ham", version, f"V = {version}", day=day))
    index.add(release("ham", "1.5", "V = 1.5", day=30))
    for version, day in (("1.0", 0), ("2.0", 15)):
        index.add(release("eggs", version, "", day=day))
    return bisect


def test_the_day_and_the_release_that_did_it(eaten: Command) -> None:
    """All of a day's uploads count on the next one; of the two of 20 January, 1.3 is to blame."""
    result = eaten("--format", "json", *OVER, "--jobs", "1", *COMMAND)
    assert result.status == 0, result.errors
    finding = result.finding
    assert finding["answer"] == (
        "spam 1.1 went bad with the dependencies of 2024-01-22; "
        "those of 2024-01-17 are the last good ones. ham 1.2 → 1.3 did it."
    )
    assert "spam 1.1: 5 days since its upload after which its dependencies differ" in result.errors
    assert changes(finding) == [("introduced", "2024.1.17", "2024.1.22")]
    assert (finding["over"], finding["affected"]) == ("spam 1.1", None)
    assert finding["transitions"][0]["cause"]["culprits"][0]["change"] == {
        "name": "ham",
        "before": "1.2",
        "after": "1.4",
    }
    made = len(eaten.stored())
    scan = eaten("--format", "json", *OVER, "--exhaustive", *COMMAND).finding
    assert outcomes(scan) == {
        "2024.1.7": "good",
        "2024.1.12": "good",
        "2024.1.17": "good",
        "2024.1.22": "bad",
        "2024.2.1": "bad",
    }
    assert (changes(scan), scan["answer"]) == (changes(finding), finding["answer"])
    measured = {m["version"] for m in finding["measurements"]}
    assert len(eaten.stored()) == made + 5 - len(measured)


def test_the_range_says_which_release_is_held(eaten: Command) -> None:
    """1.0 is of 1 January, so that ham 1.1 of 4 January is one more day to look at."""
    result = eaten("--format", "json", *OVER, "--range", "<1.1", "--no-attribution", *COMMAND)
    assert result.finding["over"] == "spam 1.0"
    assert "spam 1.0: 6 days since its upload" in result.errors
    assert result.finding["answer"] == (
        "spam 1.0 went bad with the dependencies of 2024-01-22; "
        "those of 2024-01-17 are the last good ones."
    )


def test_no_day_on_which_anything_changed(eaten: Command) -> None:
    eaten.write("check.py", "import spam\n")
    result = eaten(*OVER, *COMMAND)
    assert (result.status, result.answer) == (
        1,
        (
            "No change found: spam 1.1 is good with dependencies of 5 days "
            "from 2024-01-07 to 2024-02-01."
        ),
    )


def test_an_index_without_upload_times_has_no_days(eaten: Command, index: LocalIndex) -> None:
    index.upload_times = False
    result = eaten(*OVER, *COMMAND)
    assert (result.status, result.complaint) == (
        2,
        [
            "error: the index doesn't say when 1.1 was uploaded",
            "hint: --over dependencies needs that; --from and --to compare two sets",
        ],
    )


def test_days_have_no_witnesses_among_releases(bisect: Command, index: LocalIndex) -> None:
    index.add(plain("spam", "gb"))
    result = bisect("--package", "spam", "--over", "dependencies", "--bad", "1.1", "--", "true")
    assert (result.status, result.complaint) == (
        2,
        [
            "error: --over dependencies searches days, --good and --bad name releases",
            "hint: --range chooses the release whose dependencies are varied",
        ],
    )
