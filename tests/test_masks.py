"""What is its writer's own must not be in what is written, wherever it stands."""

from __future__ import annotations

import json
import platform
import re
from pathlib import Path

import pytest
from e2e.command import Command
from hypothesis import given
from hypothesis import strategies as st
from local_index import LocalIndex
from wheels import history

from bisector import masks
from bisector.masks import Masks, addresses, of_this_machine

TELLING = """\
# /// script
# dependencies = ["spam"]
#
# [tool.bisector]
# package = "spam"
# ///
\"\"\"Spam must be worth a report.\"\"\"
import json, os, socket, sys
import spam
host = socket.gethostname()
secrets = {"where": sys.prefix, "folder": FOLDER, "home": HOME, "index": INDEX, host: [host]}
with open(os.environ["BISECTOR_RESULT"], "w") as file:
    json.dump({"bisector": 1, "outcome": "bad" if spam.BAD else "good", "reason": str(secrets),
               "metrics": secrets, "pool": {"hosts": {host: {INDEX: HOME}}}}, file)
print(secrets)
"""


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("https://me:secret@host/simple", "https://***@host/simple"),
        ("https://token@host/simple", "https://***@host/simple"),
        ("git+ssh://git@host/repo", "git+ssh://git@host/repo"),
        ("see http://a:b@c and ftp://d:e@f.", "see http://***@c and ftp://***@f."),
        ("https://host/x?token=abc&y=1", "https://host/x?token=***&y=1"),
        ("https://host/x?y=1&X-Amz-Signature=abc", "https://host/x?y=1&X-Amz-Signature=***"),
        ("me@example.org", "me@example.org"),
        ("https://host/a@b", "https://host/a@b"),
    ],
)
def test_addresses_say_no_secrets(text: str, masked: str) -> None:
    assert addresses(text) == masked
    assert addresses(masked) == masked


def test_values_are_masked_wherever_they_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somewhere/alice.smith")
    monkeypatch.setenv("LOGNAME", "asmith")
    monkeypatch.setattr(platform, "node", lambda: "box-7.example.org")
    monkeypatch.setenv("SOME_INDEX", "https://asmith:hunter2@host/simple")
    found = of_this_machine({"/data/here": "{cwd}"}, "https://t0ken@other/")
    told = found.json(
        {
            "/somewhere/alice.smith/x": ["/data/here/y", "alice.smith", "t0ken", 1, None, True],
            "asmith": {"said": "asmith's hunter2; asmithy", "host": platform.node()},
        }
    )
    assert told == {
        "~/x": ["{cwd}/y", "{user}", "***", 1, None, True],
        "{user}": {"said": "{user}'s ***; asmithy", "host": masks.host()},
    }


def test_a_host_is_the_same_each_time_and_not_its_name() -> None:
    assert masks.host("host.example.org") == masks.host("host.example.org") != masks.host("other")
    assert "example" not in masks.host("host.example.org")


def test_words_of_everybody_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/root")
    monkeypatch.setenv("LOGNAME", "root")
    assert of_this_machine().text("the root of it, /" + "root/x") == "the root of it, ~/x"


@given(st.text(), st.text())
def test_a_word_is_masked_between_whatever_stands_around_it(before: str, after: str) -> None:
    masked = Masks({"/home/alice": "~"}, {"alice": "{user}"}).text(f"{before} alice {after}")
    assert not re.search(r"(?<![A-Za-z0-9])alice(?![A-Za-z0-9])", masked)


def test_nothing_that_is_written_names_its_writer(index: LocalIndex, tmp_path: Path) -> None:
    """Neither in the runs nor in what is printed: home, folders, host, user, and the password."""
    index.add(history("spam", {"1.0": "BAD = False", "1.1": "BAD = True"}))
    index.credentials = "alice:hunter22"
    home = tmp_path / "home" / "alice"
    home.mkdir(parents=True)
    bisect = Command(tmp_path, index.url_with_credentials, {"HOME": str(home), "LOGNAME": "alice"})
    text = TELLING.replace("HOME", repr(str(home))).replace("FOLDER", repr(str(tmp_path)))
    text = text.replace("INDEX", repr(index.url_with_credentials))
    script = home / "telling.py"
    # Its own text is kept as it is: what it says is put together as it runs.
    script.write_text(text.replace("alice", "al' 'ice").replace("hunter22", "hunt' 'er22"))
    result = bisect("--probe", str(script), "--format", "json")
    assert result.status == 0, result.errors
    runs = json.dumps(bisect.stored())
    for written in (runs, result.output):
        for own in (str(home), "alice", "hunter22", str(tmp_path)):
            assert own not in written, own
        if len(platform.node()) > 3:  # a shorter one stands in longer words
            assert platform.node() not in written
    assert bisect.stored()[0]["host"] == masks.host()
    assert json.loads(result.output)["replay"].startswith("bisect --probe ~/telling.py ")
