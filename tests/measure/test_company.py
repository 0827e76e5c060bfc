"""Runs side by side, and one alone: it has no company, and how much the others had is counted."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from random import Random

import pytest

from bisector.measure.company import Company


def never() -> bool:
    return False


def test_time_beside_others_is_counted() -> None:
    """Of each, only while another went on as well; a quarter of its time matters."""
    now = [0.0]
    company = Company(lambda: now[0])
    with company.together(never) as first:
        now[0] = 8.0
        with company.together(never) as second:
            now[0] = 9.0
        now[0] = 10.0
    assert (first.beside_s, second.beside_s) == (1.0, 1.0)
    assert not first.was_crowded
    assert second.was_crowded


def test_who_goes_alone_has_no_company() -> None:
    """Whatever comes and goes at once, for 300 runs of eight threads."""
    company, lock, going = Company(), threading.Lock(), [0]
    crowds: list[int] = []

    def go(seed: int) -> None:
        random = Random(seed)
        alone = seed % 5 == 0
        with (company.alone if alone else company.together)(never):
            with lock:
                going[0] += 1
            time.sleep(random.random() / 500)
            with lock:
                if alone:
                    crowds.append(going[0])
                going[0] -= 1

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(go, range(300)))
    assert crowds == [1] * 60


@pytest.mark.parametrize("alone", [True, False])
def test_who_waits_gives_up_when_it_is_stopped(*, alone: bool) -> None:
    company, stopped = Company(), threading.Event()
    with ThreadPoolExecutor(1) as threads, ExitStack() as others:
        others.enter_context(company.together(never) if alone else company.alone(never))

        def wait() -> bool:
            with (company.alone if alone else company.together)(stopped.is_set):
                return stopped.is_set()

        waiting = threads.submit(wait)
        time.sleep(0.1)
        assert not waiting.done()
        stopped.set()
        assert waiting.result(30)
