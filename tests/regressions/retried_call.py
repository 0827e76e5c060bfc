"""A call must be made again until it succeeds."""

from tenacity import retry, stop_after_attempt


@retry(stop=stop_after_attempt(3))
def flaky():
    return 1


print(flaky())
