"""Every release in the range is a candidate, a pre-release or excluded, and never two of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from bisector.errors import UsageError
from bisector.model import File, Interpreter, Reason, Release
from bisector.search.releases import plan
from bisector.wheels import admits, compatible, wheel_tags

LINUX = Interpreter(
    executable="python",
    version="3.11.7",
    implementation="cpython",
    platform="linux-x86_64",
    tags=("cp311-cp311-manylinux_2_17_x86_64", "cp311-abi3-manylinux_2_17_x86_64", "py3-none-any"),
)
ANY = SpecifierSet()
SUFFIXES = (
    "py3-none-any.whl",
    "cp311-cp311-manylinux_2_17_x86_64.whl",
    "cp310-cp310-manylinux_2_17_x86_64.whl",
    "cp311-cp311-win_amd64.whl",
    "py2.py3-none-any.whl",
    "tar.gz",
)


def file(name: str, requires_python: str | None = None) -> File:
    return File(name, f"files/{name}", requires_python=requires_python)


def released(
    version: str, *suffixes: str, yanked: bool = False, requires_python: str | None = None
) -> Release:
    files = (
        file(f"spam-{version}{'.' if s == 'tar.gz' else '-'}{s}", requires_python) for s in suffixes
    )
    return Release(Version(version), tuple(files), yanked)


versions = st.builds(
    "{}.{}{}".format,
    st.integers(0, 3),
    st.integers(0, 9),
    st.sampled_from(["", "", "", "a1", "b2", "rc1", ".dev3", ".post1"]),
)
releases = st.lists(
    st.builds(
        released,
        versions,
        *[st.sampled_from(SUFFIXES)] * 2,
        yanked=st.booleans(),
        requires_python=st.sampled_from([None, ">=3.9", "<3.11", "nonsense"]),
    ),
    unique_by=lambda release: release.version,
    max_size=25,
)


@given(
    releases,
    st.sampled_from(["", ">=1", "<2", ">=1,<3", "==1.*", "!=2.0"]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_every_release_in_the_range_is_exactly_one_of_three(
    known: list[Release], within: str, pre: bool, yanked: bool, allow_build: bool
) -> None:
    inside = {
        r.version
        for r in known
        if SpecifierSet(within).contains(r.version, prereleases=True) and (yanked or not r.yanked)
    }
    try:
        made = plan(
            known,
            LINUX,
            within=SpecifierSet(within),
            pre=pre,
            yanked=yanked,
            allow_build=allow_build,
        )
    except UsageError:
        assert not inside
        return
    listed = [
        [release.version for release in made.candidates],
        [release.version for release in made.prereleases],
        [excluded.version for excluded in made.excluded],
    ]
    assert sorted(version for part in listed for version in part) == sorted(inside)
    assert all(part == sorted(part) for part in listed)
    assert pre or not any(version.is_prerelease for version in listed[0])
    assert all(version.is_prerelease for version in listed[1])
    assert not (pre and listed[1])
    assert all(excluded.detail for excluded in made.excluded)


@pytest.mark.parametrize(
    ("suffixes", "requires_python", "allow_build", "reason", "detail"),
    [
        (("cp310-cp310-win32.whl",), None, False, Reason.NO_WHEEL, f"no wheel for {LINUX.tags[0]}"),
        (
            ("tar.gz",),
            None,
            False,
            Reason.NO_WHEEL,
            "only a source distribution; --allow-build would build it",
        ),
        ((), None, True, Reason.NO_WHEEL, "no files"),
        (
            ("py3-none-any.whl", "tar.gz"),
            "<3.9",
            False,
            Reason.REQUIRES_PYTHON,
            "requires Python <3.9",
        ),
        (("tar.gz",), ">=3.12", True, Reason.REQUIRES_PYTHON, "requires Python >=3.12"),
        (
            ("cp310-cp310-win32.whl", "tar.gz"),
            ">=3.12",
            True,
            Reason.REQUIRES_PYTHON,
            "requires Python >=3.12",
        ),
    ],
)
def test_what_is_excluded_says_why(
    suffixes: tuple[str, ...],
    requires_python: str | None,
    allow_build: bool,
    reason: Reason,
    detail: str,
) -> None:
    release = released("1.0", *suffixes, requires_python=requires_python)
    (excluded,) = plan([release], LINUX, within=ANY, allow_build=allow_build).excluded
    assert (excluded.reason, excluded.detail) == (reason, detail)


def test_a_source_distribution_is_a_candidate_where_building_is_allowed() -> None:
    release = released("1.0", "tar.gz")
    assert plan([release], LINUX, within=ANY, allow_build=True).candidates == (release,)


def test_a_requires_python_that_cannot_be_parsed_admits_every_python() -> None:
    assert admits(file("spam-1.0-py3-none-any.whl", ">=3.*, wat"), LINUX)


def test_wheels_are_told_best_first_and_only_those_that_fit() -> None:
    files = [file(f"spam-1.0-{suffix}") for suffix in SUFFIXES[:-1]]
    names = [found.filename for found in compatible(files, LINUX)]
    assert names == [
        "spam-1.0-cp311-cp311-manylinux_2_17_x86_64.whl",
        "spam-1.0-py3-none-any.whl",
        "spam-1.0-py2.py3-none-any.whl",
    ]


def test_a_name_that_is_no_wheels_has_no_tags() -> None:
    assert wheel_tags("spam-1.0.tar.gz") == frozenset()
    assert wheel_tags("spam.whl") == frozenset()


@pytest.mark.parametrize(
    ("known", "within", "yanked", "message", "hint"),
    [
        (
            [],
            "",
            True,
            "no release lies within the range",
            "the index has none; `bisect releases PROJECT` lists them",
        ),
        (
            ["1.0", "2.0"],
            ">2",
            True,
            "no release lies within >2",
            "the index has 1.0 to 2.0; `bisect releases PROJECT` lists them",
        ),
        (
            ["1.0"],
            ">=1",
            False,
            "every release within >=1 is yanked",
            "leave --no-yanked out to search them all the same",
        ),
    ],
)
def test_a_range_without_a_release_is_said_to_be_one(
    known: list[str], within: str, yanked: bool, message: str, hint: str
) -> None:
    uploaded = datetime(2024, 1, 1, tzinfo=timezone.utc)
    listed = [Release(Version(v), (), yanked=True, upload_time=uploaded) for v in known]
    with pytest.raises(UsageError) as caught:
        plan(listed, LINUX, within=SpecifierSet(within), yanked=yanked)
    assert (caught.value.message, caught.value.hint) == (message, hint)
    assert caught.value.exit_code == 2


def test_in_the_order_of_upload_equals_go_by_version() -> None:
    """And only candidates do: what is zoomed into, or left out, lies where its version does."""
    days = {"1.4.0": 1, "1.4.1": 5, "1.5.0": 3, "1.5.1": 5, "1.5.2a1": 2, "1.6.0a1": 1}
    listed = [
        replace(
            released(version, "py3-none-any.whl"),
            upload_time=datetime(2024, 1, day, tzinfo=timezone.utc),
        )
        for version, day in days.items()
    ]
    made = plan(listed, LINUX, within=ANY, by_upload=True)
    assert [str(r.version) for r in made.candidates] == ["1.4.0", "1.5.0", "1.4.1", "1.5.1"]
    assert [str(r.version) for r in made.prereleases] == ["1.5.2a1", "1.6.0a1"]
    assert made.by_upload is True
    by_version = plan(listed, LINUX, within=ANY)
    assert [str(r.version) for r in by_version.candidates] == ["1.4.0", "1.4.1", "1.5.0", "1.5.1"]


def test_the_order_of_upload_needs_the_time_of_each_candidate() -> None:
    """Of those that can't be tested it doesn't matter."""
    known = replace(
        released("1.0", "py3-none-any.whl"), upload_time=datetime(2024, 1, 1, tzinfo=timezone.utc)
    )
    untestable = released("1.1", "tar.gz")
    made = plan([known, untestable], LINUX, within=ANY, by_upload=True)
    assert [str(r.version) for r in made.candidates] == ["1.0"]
    undated = released("1.2", "py3-none-any.whl")
    with pytest.raises(UsageError) as caught:
        plan([known, undated], LINUX, within=ANY, by_upload=True)
    assert (caught.value.message, caught.value.hint) == (
        "the index doesn't say when 1.2 was uploaded",
        "--order upload needs that; leave it out to search in version order",
    )
