"""Django's SMTP, with an end to every wait: a server that sends a byte now and then holds nobody for long."""

import io
import smtplib
import socket
from functools import partial
from time import monotonic
from typing import Any

from django.core.mail.backends import smtp

# RFC 5321 allows minutes; what is not answered by then is tried again. After the text a server may be busy looking
# at it, and a second copy of what it was about to take would be worse than waiting.
AFTER_TEXT = 60.0


class _Answers(io.RawIOBase):
    """What the server says, until a moment."""

    def __init__(self, sock: socket.socket):
        self.sock, self.until = sock, 0.0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self.until - monotonic()
        if left <= 0:
            raise TimeoutError("no whole answer in time")
        usual = self.sock.gettimeout()
        self.sock.settimeout(left)
        try:
            return self.sock.recv_into(buffer)
        finally:
            self.sock.settimeout(usual)


class _Bounded(smtplib.SMTP):
    """Each answer is whole within `timeout` seconds, or the connection is closed and SMTPServerDisconnected raised."""

    file: Any
    patience: float | None = None

    def __init__(self, *args: Any, after_text: float, **options: Any):
        self.after_text = after_text
        super().__init__(*args, **options)

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None:
            self.file = io.BufferedReader(_Answers(self.sock))  # type: ignore[arg-type]
        self.file.raw.until = monotonic() + (self.patience or self.timeout)
        return super().getreply()

    def data(self, msg: Any) -> tuple[int, bytes]:
        self.patience = self.after_text
        try:
            return super().data(msg)
        finally:
            self.patience = None


class _BoundedTLS(_Bounded, smtplib.SMTP_SSL):
    """The same over TLS from the first byte."""


class Backend(smtp.EmailBackend):
    """EmailBackend with bounded dialogues: `timeout` seconds for an answer, `after_text` for those about the text."""

    def __init__(self, *args: Any, after_text: float | None = None, **options: Any):
        super().__init__(*args, **options)
        self.after_text = AFTER_TEXT if after_text is None else after_text

    @property
    def connection_class(self) -> Any:
        return partial(_BoundedTLS if self.use_ssl else _Bounded, after_text=self.after_text)
