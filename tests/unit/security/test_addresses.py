"""Which addresses are private, and which belong to the organisation."""

import socket
from typing import Any

import pytest

from precedent.errors import UsageError
from precedent.security.addresses import check_address, is_internal, is_private


@pytest.mark.parametrize(
    ("host", "private", "internal"),
    [
        ("93.184.216.34", False, False),
        ("2606:4700::1111", False, False),
        ("10.0.0.1", True, True),
        ("127.0.0.1", True, True),
        ("100.64.0.7", True, True),
        ("fd00::1", True, True),
        ("fec0::1", True, True),
        ("::ffff:10.0.0.1", True, True),
        ("::ffff:93.184.216.34", False, False),
        ("64:ff9b::a00:1", True, True),
        ("64:ff9b::5db8:d822", False, False),
        ("2002:a00:1::1", True, True),
        ("224.0.0.1", True, False),
        ("ff0e::1", True, False),
    ],
)
def test_an_address_says_where_it_leads(host: str, private: bool, internal: bool) -> None:
    assert (is_private(host), is_internal(host)) == (private, internal)


@pytest.mark.parametrize(
    ("found", "private", "internal"),
    [(["10.0.0.1", "10.0.0.2"], True, True), (["10.0.0.1", "93.184.216.34"], True, False), ([], False, False)],
)
def test_a_name_is_internal_only_if_all_its_addresses_are(
    monkeypatch: pytest.MonkeyPatch, found: list[str], private: bool, internal: bool
) -> None:
    def resolved(host: str, *_: Any, **__: Any) -> list[Any]:
        if not found:
            raise socket.gaierror
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    assert (is_private("models.example"), is_internal("models.example")) == (private, internal)


def test_one_private_address_is_enough_to_be_refused() -> None:
    with pytest.raises(UsageError, match="is a private one"):
        check_address("http://[64:ff9b::a00:1]/v1", allow_private=False)
