"""Which pins are known to be bad: what is a hit, what isn't, and which release to take instead."""

from __future__ import annotations

import json
from dataclasses import replace

from histories import found
from packaging.version import Version

from bisector.finding import Blame, Cause, Finding
from bisector.model import Probe
from bisector.reports import osv
from bisector.reports.known import Known, read
from bisector.reports.pins import check, render, render_json


def known(*findings: Finding) -> list[Known]:
    return read(osv.regressions(findings))


def measured(letters: str, name: str = "eggs", python: str = "3.11.7") -> Finding:
    finding = found(letters, probe=Probe(name, "spam", f"{name} must be fresh."))
    finding = replace(finding, replay=f"bisect --probe {name}")
    interpreter = replace(finding.conditions.interpreter, version=python)
    conditions = replace(finding.conditions, interpreter=interpreter)
    return replace(finding, conditions=conditions)


def test_a_hit_as_a_whole() -> None:
    checked = check("old.txt", ["ham==1", "spam==1.2"], known(measured("ggbbgg")), "3.11")
    assert render(checked) == (
        """\
spam 1.2 is bad
  eggs: eggs must be fresh.
    bad since 1.2 (2024-01-03), until 1.4 (2024-01-05) fixed it
    measured on Python 3.11: this Python too
    replay: bisect --probe eggs
  good for all that is known: 1.1 below and 1.4 above

1 of 2 pins in old.txt is known to be bad on Python 3.11; of 1 something was measured
"""
    )
    told = json.loads(render_json(checked))
    assert told["schema"] == "bisector/check/1"
    assert [(hit["package"], hit["good_below"], hit["good_above"]) for hit in told["hits"]] == [
        ("spam", "1.1", "1.4")
    ]


def test_where_the_oldest_release_is_bad_it_is_not_said_to_have_begun_there() -> None:
    text = render(check("old.txt", ["spam==1.1"], known(measured("bbggbg")), "3.11"))
    assert "    bad already in 1.0, the oldest looked at, until 1.2 (2024-01-03) fixed it\n" in text
    text = render(check("old.txt", ["spam==1.4"], known(measured("bbggbg")), "3.11"))
    assert "    bad since 1.4 (2024-01-05), until 1.5 (2024-01-06) fixed it\n" in text


def test_only_what_is_pinned_to_a_bad_release_is_a_hit() -> None:
    """Not a good one, nor another package's, nor a range; and the name may be written otherwise."""
    requirements = ["spam==1.0", "ham==1.2", "eggs>=1", "jam @ https://host.example/jam.whl"]
    checked = check("x", requirements, known(measured("ggbb")), "3.11")
    assert (checked.pins, checked.about, checked.hits) == (2, 1, ())
    assert checked.unpinned == ("eggs>=1", "jam @ https://host.example/jam.whl")


def test_arbitrary_equality_is_a_pin_where_it_names_a_version() -> None:
    checked = check("x", ["spam===1.2", "eggs===nightly"], known(measured("ggbb")), "3.11")
    assert (checked.pins, len(checked.hits)) == (1, 1)
    assert checked.unpinned == ("eggs===nightly",)


def test_the_release_to_take_is_good_by_every_probe() -> None:
    """The second probe rules out what is nearest by the first."""
    both = known(measured("ggbbgggg", "eggs"), measured("gggbbbgg", "rolls"))
    (hit,) = check("x", ["spam==1.3"], both, "3.11").hits
    assert [one.title.partition(":")[0] for one in hit.known] == ["eggs", "rolls"]
    assert (hit.below, hit.above) == (Version("1.1"), Version("1.6"))


def test_what_was_measured_on_this_python_counts_before_others() -> None:
    other, this = measured("gbbg", python="3.9.18"), measured("gggg")
    assert check("x", ["spam==1.1"], known(other, this), "3.11").hits == ()
    (hit,) = check("x", ["spam==1.1"], known(other, this), "3.12").hits
    assert hit.elsewhere
    assert "measured on Python 3.9: not measured on 3.12" in render(
        check("x", ["spam==1.1"], known(other, this), "3.12")
    )


def test_how_a_package_always_worked_and_what_a_dependency_did_are_no_regressions() -> None:
    assert known(measured("bbbb")) == []
    finding = measured("ggbb")
    (transition,) = finding.transitions
    blamed = [
        replace(finding, transitions=(replace(transition, cause=Cause(blame)),)) for blame in Blame
    ]
    assert [f.transitions[0].cause for f in blamed if osv.regressions([f])] == [
        Cause(Blame.PACKAGE)
    ]
