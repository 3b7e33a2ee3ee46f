"""Where a request comes from: one plain IP address, whatever way proxies write it."""

import re
from collections.abc import Callable, Iterable
from ipaddress import ip_address, ip_network
from typing import Any

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]

_WITH_PORT = re.compile(r"\[([^\]]*)\](?::\d{0,5})?|([\d.]+):\d{0,5}")


def plain(text: str) -> str:
    """The IP address in `text` without port, brackets, quotes or zone, an IPv4 in IPv6 as IPv4;
    "" when there is none.
    """
    text = text.strip().strip('"')
    if match := _WITH_PORT.fullmatch(text):
        text = match[1] or match[2] or ""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    return str(getattr(address, "ipv4_mapped", None) or address)


def neighbourhood(address: str) -> str:
    """The network of `address` that one party is likely to hold: 256 addresses of IPv4, a /48 of IPv6."""
    try:
        length = 24 if ip_address(address).version == 4 else 48
    except ValueError:
        return address
    return str(ip_network(f"{address}/{length}", strict=False))


def with_plain_addresses(application: Application) -> Application:
    """Around what reads `X-Forwarded-For`: it finds plain addresses there, and nothing that stands beyond one that
    cannot be read. Where none is left, that is the proxy's own address."""

    def wrapped(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        peer = environ["REMOTE_ADDR"] = plain(environ.get("REMOTE_ADDR", "")) or environ.get("REMOTE_ADDR", "")
        if forwarded := environ.get("HTTP_X_FORWARDED_FOR"):
            known = [plain(host) for host in forwarded.split(",")]
            while "" in known:
                del known[: known.index("") + 1]
            environ["HTTP_X_FORWARDED_FOR"] = ", ".join(known or [peer])
        return application(environ, start_response)

    return wrapped
