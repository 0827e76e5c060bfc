"""The report as a maintainer gets it: all that is needed, within what an issue takes."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from histories import HOSTILE, found
from markdown_reader import cells, harm, links
from sample_findings import hostile, sample, uploads

from bisector.finding import Finding
from bisector.model import (
    Claim,
    Distribution,
    Documented,
    Json,
    Outcome,
    Probe,
    ProcessPeak,
)
from bisector.reports.report_markdown import LIMIT, render
from bisector.reports.words import MIB
from bisector.search.dependencies import AXIS as DAYS


def measured() -> Finding:
    """A finding with everything that a report shows."""
    probe = Probe(
        "eggs",
        "spam",
        "Eggs must be fresh.",
        documented=Documented("https://a.example/1", "https://a.example/2", bad=("1.1",)),
        claims=(Claim("a page", "They | rot", Outcome.BAD, "all"),),
    )
    finding = found("gbb", probe=probe, yanked=["1.1"])
    runs = []
    for run in finding.measurements:
        bad = run.outcome is Outcome.BAD
        peak = ProcessPeak("p", (90 if bad else 45) * MIB, main=True, sampled=bad)
        ham = (Distribution("ham", "2"),) if bad else ()
        runs.append(
            replace(
                run,
                processes=(peak,),
                installed=(Distribution("spam", str(run.version)), *ham),
                output_tail=f"boiling {run.version}\n\tdone",
            )
        )
    conditions = replace(finding.conditions, constraints=("ham==2",))
    return replace(finding, measurements=tuple(runs), conditions=conditions)


def test_a_report_as_a_whole() -> None:
    assert render(measured()) == (
        """\
# spam `>=1.1,<=1.2` fails: Eggs must be fresh.

### Describe the bug

**Pin spam&lt;1.1: 1.1 is bad: the eggs are bad.**

spam went bad in 1.1; 1.0 is the last good release before it. 1.1 is yanked; the first bad release that isn't is 1.2.

- last good: 1.0, first bad: 1.1
- still bad in 1.2, the newest release looked at; to look further: `bisect --probe eggs --range '>=1.2' --python 3.11`

### To Reproduce

```sh
python -m pip install spam==1.2
python reproducer.py
```

### Expected behavior

Eggs must be fresh.

As with 1.0: the eggs are good

### Logs/tracebacks

```text
the eggs are bad
boiling 1.2
        done
```

### Versions

```text
Python 3.11.7
spam 1.2
ham 2
```

### OS

linux-x86\\_64

### Additional context

Affected: `>=1.1,<=1.2`

| release | uploaded | outcome | peak | said | seconds | runs |
| --- | --- | --- | ---: | --- | ---: | ---: |
| 1.0 | 2024-01-01 | good | 45.0 MiB | the eggs are good | 0.50 | 2 |
| 1.1 (yanked) | 2024-01-02 | **bad** | ≥90.0 MiB | the eggs are bad | 0.50 | 2 |
| 1.2 | 2024-01-03 | **bad** | ≥90.0 MiB | the eggs are bad | 0.50 | 2 |

<details><summary>Peak memory</summary>

```text
1.0           good   45.0 MiB  ████████████████████
1.1 (yanked)  bad   ≥90.0 MiB  ████████████████████████████████████████
1.2           bad   ≥90.0 MiB  ████████████████████████████████████████
```

</details>

<details><summary>What the documents say</summary>

| documented | measured |  |
| --- | --- | --- |
| 1.1 is bad | bad | agrees |
| They \\| rot | bad on 2 of 3 releases measured (1.1 to 1.2), not on 1.0 | **CONTRADICTED** |

- issue: [https:&#47;&#47;a.example/1](https://a.example/1)
- fix: [https:&#47;&#47;a.example/2](https://a.example/2)

</details>

<details><summary>How it was measured</summary>

- CPython 3.11.7, linux-x86\\_64, dependencies newest
- looked at: 3 of 3 candidates; longest untested stretch 0; 6 runs, 6 of them now
- how sure: introduced 1.0 → 1.1: 80% sure
- to be surer: `--confidence 0.95` runs both sides of each change again
- again: `bisect --probe eggs --range '>=1.0,<2' --python 3.11`

</details>

<details><summary>Dependencies held</summary>

```text
ham==2
```

</details>

<details><summary>Installed with 1.0 and with 1.1</summary>

| installed | 1.0 | 1.1 |
| --- | --- | --- |
| ham | not installed | 2 |
| spam | 1.0 | 1.1 |

</details>

<details><summary>1.0 is good, exit status 0</summary>

```text
the eggs are good

boiling 1.0
        done
```

</details>

<details><summary>1.1 is bad, exit status 1</summary>

```text
the eggs are bad

boiling 1.1
        done
```

</details>
"""  # noqa: E501  # as printed
    )


def test_a_short_script_is_shown_and_a_long_one_folded_away() -> None:
    for lines, opening in ((20, "where `reproducer.py` is:"), (60, "<summary>reproducer.py, 6")):
        text = render(replace(measured(), probe=replace(measured().probe, text="boil()\n" * lines)))
        section = text.partition("### To Reproduce\n")[2].partition("### Expected")[0]
        assert opening in section
        assert section.count("boil()") == lines


def test_what_is_not_folded_away_is_short_however_much_was_measured() -> None:
    text = render(found("g" * 60 + "b" * 60 + "g" * 60))
    shown = re.sub(r"<details>.*?</details>", "", text, flags=re.DOTALL)
    assert len(shown.splitlines()) <= 80


def test_a_command_is_reproduced_as_it_was_typed() -> None:
    probe = Probe("check", "spam", "", command=("python", "check.py"), text="import spam\n")
    text = render(found("gb", probe=probe))
    assert "python -m pip install spam==1.1\npython check.py\n" in text
    assert "where `check.py` is:\n\n```python\nimport spam\n```" in text


@pytest.mark.parametrize(
    ("finding", "title"),
    [
        (found("gbgbg"), "# spam `>=1.1,<1.2` or `>=1.3,<1.4` fails: Eggs must be fresh."),
        (
            found("gb" * 8),
            (
                "# spam `>=1.1,<1.2` or `>=1.3,<1.4` or `>=1.5,<1.6` and 5 more ranges fails: "
                "Eggs must be fresh."
            ),
        ),
        (found("ggg"), "# spam: no change found: Eggs must be fresh."),
        (found("uuu"), "# spam: undecided: Eggs must be fresh."),
        (found("bbb"), "# spam `>=1.0,<=1.2` fails: Eggs must be fresh."),
    ],
)
def test_the_title_is_the_answer_in_a_line(finding: Finding, title: str) -> None:
    assert render(finding).splitlines()[0] == title


def test_only_what_lies_near_a_transition_is_shown() -> None:
    context, _, folded = render(found("g" * 20 + "b" * 20)).partition("<details>")
    for text, numbers, left in ((context, range(18, 22), 36), (folded, range(16, 24), 32)):
        shown = [line.split(" | ")[0] for line in text.splitlines() if line.startswith("| 1.")]
        assert shown == [f"| 1.{number}" for number in numbers]
        assert f"\n\n{left} more measured releases are not shown.\n" in text


def test_where_nothing_changes_both_ends_are_shown() -> None:
    text = render(found("g" * 100))
    assert text.count("\n| 1.") == 60
    assert "\n\n40 more measured releases are not shown.\n" in text


def test_without_memory_there_is_no_chart_of_it() -> None:
    text = render(found("gb"))
    assert "memory" not in text
    assert "| peak |" not in text


def test_one_release_that_is_not_shown_is_one() -> None:
    assert "\n\n1 more measured release is not shown.\n" in render(found("g" * 61))


def with_memory(good: int, bad: int, metrics: dict[str, Json] | None = None) -> Finding:
    finding = found("ggbb")
    runs = (
        replace(
            run,
            processes=(
                ProcessPeak("p", (good if run.outcome is Outcome.GOOD else bad) * MIB, main=True),
            ),
            metrics=metrics or {},
        )
        for run in finding.measurements
    )
    return replace(finding, measurements=tuple(runs))


def test_memory_is_told_only_where_it_says_something() -> None:
    assert "<summary>Peak memory</summary>" not in render(with_memory(40, 50))
    assert "<summary>Peak memory</summary>" in render(with_memory(40, 51))
    assert "<summary>Peak memory</summary>" in render(with_memory(51, 40))
    assert "<summary>Peak memory</summary>" in render(with_memory(40, 40, {"growth_bytes": 0}))


def test_a_release_whose_runs_disagree_is_shown_with_both_sides() -> None:
    finding = found("g" * 50 + "!" + "g" * 50)
    runs = tuple(
        replace(run, output_tail=f"boiled {run.outcome.value}") for run in finding.measurements
    )
    text = render(replace(finding, measurements=runs))
    line = next(line for line in text.splitlines() if line.startswith("| 1.50 "))
    assert "| runs disagree: good 1, bad 1 |" in line
    assert "| good: the eggs are good; bad: the eggs are bad |" in line
    assert "<summary>1.50 is good in 1 of 2 runs, exit status 0</summary>" in text
    assert "<summary>1.50 is bad in 1 of 2 runs, exit status 1</summary>" in text
    assert "\nboiled good\n```" in text
    assert "\nboiled bad\n```" in text


def test_the_end_of_the_output_is_what_is_kept_of_it() -> None:
    runs = tuple(
        replace(run, output_tail="start\n" + "x" * 50_000 + "\nend")
        for run in measured().measurements
    )
    text = render(replace(measured(), measurements=runs))
    assert len(text) < LIMIT
    assert "xxx\nend\n```" in text
    assert "start" not in text
    assert "the eggs are bad" in text


@pytest.mark.parametrize("letters", ["gb" * 150, "g" * 500, "u" * 300])
@pytest.mark.parametrize("detail", ["", HOSTILE * 4, "\U000e0001" * 700, "@#1" * 1_000])
def test_it_always_fits_into_an_issue(letters: str, detail: str) -> None:
    """However many releases, however much they say, and nothing is cut amidst markup."""
    probe = Probe(
        f"eggs{detail}",
        f"spam{detail}",
        detail,
        documented=Documented(detail, detail, bad=tuple(f"1.{n}{detail[:500]}" for n in range(60))),
        claims=tuple(Claim(detail, detail, Outcome.BAD, "some") for _ in range(60)),
    )
    finding = found(letters, probe=probe, detail=detail, runs=1, replay=f"bisect {detail}")
    installed = tuple(Distribution(f"{n}{detail[:500]}", detail[:500]) for n in range(70))
    runs = tuple(
        replace(run, output_tail=detail * 3, installed=installed if n % 2 else ())
        for n, run in enumerate(finding.measurements)
    )
    text = render(replace(finding, measurements=runs))
    assert len(text) < LIMIT
    assert text.count("<details>") == text.count("</details>")
    assert harm(text) == []


def test_sections_too_long_are_left_out_and_say_so() -> None:
    claims = tuple(Claim("", "They rot " * 30, Outcome.BAD, "some") for _ in range(400))
    finding = found("gb", probe=Probe("eggs", "spam", claims=claims))
    text = render(finding)
    assert "<summary>What the documents say</summary>\n\nLeft out: too long.\n" in text
    assert "<summary>How it was measured</summary>" in text


@pytest.mark.parametrize("finding", [hostile(), *sample(), uploads()])
def test_hostile_text_becomes_no_markup(finding: Finding) -> None:
    """Neither nodes nor links nor mentions nor cells come out of what others wrote."""
    text = render(finding)
    assert harm(text) == []
    assert set(cells(text)) <= {3, 7, 8, 9}
    assert links(text) == []
    text.encode()


def test_hostile_claims_and_addresses_become_no_markup() -> None:
    probe = Probe(
        HOSTILE,
        HOSTILE,
        HOSTILE,
        documented=Documented(HOSTILE, "javascript:alert", bad=(HOSTILE,)),
        claims=(Claim(HOSTILE, HOSTILE, Outcome.BAD, "some"),),
    )
    text = render(found("gb!ux", probe=probe, detail=HOSTILE, replay=HOSTILE))
    assert harm(text) == []
    assert links(text) == []
    assert set(cells(text)) <= {3, 6, 7}


def test_the_title_over_days_names_the_release_and_whether_anything_changed() -> None:
    """No release is affected by what its dependencies do; that is no reason to deny a change."""
    for letters, said in (
        ("ggbb", "changed with its dependencies"),
        ("gggg", "no change found"),
        ("uuuu", "undecided"),
    ):
        history = {f"2024.1.{day}": letter for day, letter in enumerate(letters, 7)}
        finding = replace(found(history), over="spam 1.5", axis=DAYS, affected=())
        assert render(finding).splitlines()[0] == f"# spam 1.5: {said}: Eggs must be fresh."
