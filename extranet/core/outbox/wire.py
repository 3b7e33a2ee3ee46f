"""A mail in text and HTML as it goes over the wire, written at once: Django's parts, flattened, cost as much as all the
rest of a mail.
"""

import hashlib
from email.header import Header
from email.utils import formatdate
from functools import lru_cache
from typing import Any, NamedTuple

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.core.mail.message import BadHeaderError, sanitize_address

from extranet.core.typed import is_address

LONGEST_LINE = 998  # RFC 5322; what is longer is Django's to fold
PART = (
    '--{boundary}\nContent-Type: text/{kind}; charset="utf-8"\nMIME-Version: 1.0\nContent-Transfer-Encoding: 8bit\n\n'
    "{text}\n"
)


class Flat(NamedTuple):
    """The bytes of a message, as backends ask for them."""

    raw: bytes

    def as_bytes(self, unixfrom: bool = False, policy: Any = None, linesep: str = "\n") -> bytes:
        """With this end of lines."""
        return self.raw if linesep == "\n" else self.raw.replace(b"\n", linesep.encode())

    def get_charset(self) -> None:
        """UTF-8, as where a message says nothing."""


class Written(EmailMultiAlternatives):
    """A mail to one address, of a text and an alternative in HTML."""

    @property
    def identifier(self) -> str:
        """That of the message, as its Message-ID has it."""
        return self.extra_headers["Message-ID"][1:].partition("@")[0]

    def message(self, **options: Any) -> Any:
        """Same headers and parts as Django's own; the boundary is made of the Message-ID: no text of ours holds it."""
        boundary = f"={hashlib.sha256(self.extra_headers['Message-ID'].encode()).hexdigest()[:32]}"
        texts = [("plain", _lines(str(self.body))), ("html", _lines(str(self.alternatives[0][0])))]
        if any(
            len(line.encode()) > LONGEST_LINE
            for _, text in texts
            if len(text) > LONGEST_LINE
            for line in text.split("\n")
        ):
            made = super().message(**options)
            made.set_boundary(boundary)
            return made
        headers = {
            "Content-Type": f'multipart/alternative;\n boundary="{boundary}"',
            "MIME-Version": "1.0",
            "Subject": _words("Subject", str(self.subject)),
            "From": sender(str(self.from_email)),
            "To": plain(self.to[0]),
            "Date": formatdate(localtime=settings.EMAIL_USE_LOCALTIME),
            **self.extra_headers,
        }
        head = "".join(f"{name}: {value}\n" for name, value in headers.items())
        parts = "\n".join(PART.format(boundary=boundary, kind=kind, text=text) for kind, text in texts)
        return Flat(f"{head}\n{parts}\n--{boundary}--\n".encode())


def plain(address: str) -> str:
    """`address` as headers and envelopes have it."""
    return address if is_address(address) else sanitize_address(address, settings.DEFAULT_CHARSET)


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


@lru_cache(maxsize=512)
def _words(name: str, value: str) -> str:
    """A header of any letters (RFC 2047)."""
    if "\n" in value or "\r" in value:
        raise BadHeaderError(f"{name} of several lines")
    return value if value.isascii() and len(value) < 60 else Header(value, "utf-8", header_name=name).encode()


@lru_cache(maxsize=8)
def sender(value: str) -> str:
    """Who writes, in a header; on an envelope, its address alone."""
    return sanitize_address(value, settings.DEFAULT_CHARSET)
