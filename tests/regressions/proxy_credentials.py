"""The address of a proxy must keep its user and password."""

from requests.utils import prepend_scheme_if_needed


def test_credentials_are_kept():
    address = "http://user:password@proxy.example:3128"
    assert prepend_scheme_if_needed(address, "http") == address
