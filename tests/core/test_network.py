"""The network address that counts: the one the trusted proxy saw, however it writes it."""

from typing import Any

import pytest
from granian.utils.proxies import wrap_wsgi_with_proxy_headers

from extranet.core.web.network import neighbourhood, plain, with_plain_addresses

PROXY = "10.0.0.2"


def seen(forwarded: str | None, peer: str = PROXY, **more: str) -> dict[str, Any]:
    """What the portal sees of a request that `peer` brings."""
    found: dict[str, Any] = {}

    def portal(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        found.update(environ)
        return []

    application = with_plain_addresses(wrap_wsgi_with_proxy_headers(portal, trusted_hosts=[PROXY, "2001:db8:9::/48"]))
    application(
        {"REMOTE_ADDR": peer, **({"HTTP_X_FORWARDED_FOR": forwarded} if forwarded is not None else {}), **more}, None
    )
    return found


@pytest.mark.rule("ACT-7.a")
@pytest.mark.rule("ACC-2.a")
@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.7:51234", "192.0.2.7"),
        (" 192.0.2.7:51234 ", "192.0.2.7"),
        ('"192.0.2.7:51234"', "192.0.2.7"),
        ("192.0.2.7:", "192.0.2.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("[2001:db8::7]:443", "2001:db8::7"),
        ("fe80::1%eth0", "fe80::1"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("[::ffff:192.0.2.7]:80", "192.0.2.7"),
        ("198.51.100.1, 192.0.2.7:51234", "192.0.2.7"),  # the nearest that is not ours
        ("192.0.2.7:51234, 10.0.0.2:4711", "192.0.2.7"),  # through two of ours
        ("192.0.2.7, [2001:db8:9::1]:8080", "192.0.2.7"),
        ("n'importe quoi, 192.0.2.7", "192.0.2.7"),
        ("192.0.2.7, n'importe quoi", PROXY),  # nobody can say who is beyond
        ("unknown", PROXY),
        ("", PROXY),
        (",,,", PROXY),
        ("[]", PROXY),
        ("[", PROXY),
        ("192.0.2.7.8:1", PROXY),
        ("999.0.2.7:80", PROXY),
        ("_hidden:8080", PROXY),
        ("192.0.2.7'; DROP TABLE--", PROXY),
        ("é" * 5000, PROXY),
    ],
)
def test_a_forwarded_address_is_read_without_its_port_or_is_the_proxy_s_own(forwarded: str, address: str) -> None:
    assert seen(forwarded)["REMOTE_ADDR"] == address


def test_an_unreadable_address_does_not_lose_the_scheme() -> None:
    assert seen("unknown", HTTP_X_FORWARDED_PROTO="https")["wsgi.url_scheme"] == "https"


@pytest.mark.rule("ACT-7.a")
def test_a_stranger_s_word_counts_for_nothing() -> None:
    found = seen("192.0.2.7:1", peer="203.0.113.9", HTTP_X_FORWARDED_PROTO="https")
    assert found["REMOTE_ADDR"] == "203.0.113.9"
    assert "wsgi.url_scheme" not in found
    assert seen(None, peer="::ffff:203.0.113.9")["REMOTE_ADDR"] == "203.0.113.9"


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.0/24"),
        ("2001:db8:1:2::7", "2001:db8:1::/48"),
        ("", ""),
        ("unix:", "unix:"),
    ],
)
def test_neighbours_are_one_party(address: str, network: str) -> None:
    assert neighbourhood(address) == network


def test_plain_takes_anything() -> None:
    for text in ("\x00", "[\x00]:1", "::" * 500, ":", "%", "1.2.3.4%x:80"):
        assert plain(text) in ("", "1.2.3.4")
