"""Django's SMTP, with an end to every wait: a server that sends a byte now and then holds nobody for long."""

import io
import re
import smtplib
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from time import monotonic
from typing import Any

from django.conf import settings
from django.core.mail.backends import smtp

from extranet.core.outbox.wire import Written, plain, sender

# RFC 5321 allows minutes; what is not answered by then is tried again. After the text a server may be busy looking
# at it, and a second copy of what it was about to take would be worse than waiting.
AFTER_TEXT = 60.0
_BREAK = re.compile("[\r\n]")
_DOT = re.compile(rb"(?m)^\.")  # a line that begins so has it twice (RFC 5321, 4.5.2)
NEAR = 0.05  # seconds that an answer may take longer, and no call of the system is made to prevent it


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
        if usual is not None and abs(usual - left) < NEAR:  # nearly every answer: one piece, at once
            return self.sock.recv_into(buffer)
        self.sock.settimeout(left)
        try:
            return self.sock.recv_into(buffer)
        finally:
            self.sock.settimeout(usual)


class _Bounded(smtplib.SMTP):
    """Each answer is whole within `timeout` seconds, or the connection is closed and SMTPServerDisconnected raised."""

    file: Any
    patience: float | None = None
    closing: tuple[int, bytes] | None = None

    def __init__(self, *args: Any, after_text: float, **options: Any):
        self.after_text = after_text
        super().__init__(*args, **options)

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None:
            self.file = io.BufferedReader(_Answers(self.sock))  # type: ignore[arg-type]
        self.file.raw.until = monotonic() + (self.patience or self.timeout)
        return super().getreply()

    @contextmanager
    def _patient(self) -> Iterator[None]:
        """While the server may be busy looking at a text."""
        self.patience = self.after_text
        try:
            yield
        finally:
            self.patience = None

    def data(self, msg: Any) -> tuple[int, bytes]:
        with self._patient():
            return super().data(msg)

    def hand_over(self, origin: str, to: str, raw: bytes, of_mail: list[str], of_rcpt: list[str]) -> None:
        """`sendmail` to one address; where the server takes commands together (RFC 2920), in two turns instead of four:
        on a network each turn is most of what a mail takes. Raises as `sendmail`, at the first word that is refused.
        """
        if not self.has_extn("pipelining"):
            self.sendmail(origin, [to], raw, of_mail, of_rcpt)
            return
        size = [f"size={len(raw)}"] if self.has_extn("size") else []
        commands = [
            " ".join([f"MAIL FROM:{smtplib.quoteaddr(origin)}", *size, *of_mail]),
            " ".join([f"RCPT TO:{smtplib.quoteaddr(to)}", *of_rcpt]),
            "DATA",
        ]
        if any(_BREAK.search(command) for command in commands):
            raise ValueError("a command of several lines")
        self.send("".join(f"{command}\r\n" for command in commands))
        mail, rcpt, data = self._in_turn(), self._in_turn(), self._in_turn()
        refused = mail[0] != 250 or rcpt[0] not in (250, 251)
        if data[0] == 354 and not refused:
            text = raw if raw.endswith(b"\r\n") else raw + b"\r\n"
            self.send(_DOT.sub(b"..", text) + b".\r\n")
            with self._patient():
                data = self.getreply()
            if data[0] == 250:
                return
        elif data[0] == 354:  # it waits for a text all the same: an empty one, which goes to nobody
            self.send(b".\r\n")
            self.getreply()
        self._start_again(data)
        if mail[0] != 250:
            raise smtplib.SMTPSenderRefused(*mail, origin)
        if refused:
            raise smtplib.SMTPRecipientsRefused({to: rcpt})
        raise smtplib.SMTPDataError(*data)

    def _in_turn(self) -> tuple[int, bytes]:
        """One of several answers; 421 is the last one, and stands for those that do not come."""
        if self.closing:
            return self.closing
        answer = self.getreply()
        if answer[0] == 421:
            self.closing = answer
            self.close()
        return answer

    def _start_again(self, last: tuple[int, bytes]) -> None:
        """As `sendmail` leaves a dialogue in which something was refused."""
        if self.closing or last[0] == 421:
            self.closing = None
            self.close()
            return
        with suppress(smtplib.SMTPServerDisconnected):
            self.rset()


class _BoundedTLS(_Bounded, smtplib.SMTP_SSL):
    """The same over TLS from the first byte."""


class Backend(smtp.EmailBackend):
    """EmailBackend with bounded dialogues: `timeout` seconds for an answer, `after_text` for those about the text."""

    def __init__(self, *args: Any, after_text: float | None = None, **options: Any):
        super().__init__(*args, **options)
        self.after_text = AFTER_TEXT if after_text is None else after_text

    def _send(self, email_message: Any) -> bool:
        """What `sending.compose` made has its envelope: Django would work out both addresses again for each mail."""
        if not isinstance(email_message, Written):
            return bool(super()._send(email_message))  # type: ignore[misc]
        assert isinstance(self.connection, _Bounded)
        raw = email_message.message().as_bytes(linesep="\r\n")
        origin = settings.BOUNCES_ADDRESS or sender(email_message.from_email)
        # RFC 3461, where the server knows it: what comes back names the message, and quotes its headers only.
        self.connection.ehlo_or_helo_if_needed()
        knows = self.connection.has_extn("dsn")
        mail, rcpt = ([f"RET=HDRS ENVID={email_message.identifier}"], ["NOTIFY=FAILURE"]) if knows else ([], [])
        self.connection.hand_over(origin, plain(email_message.to[0]), raw, mail, rcpt)
        return True

    @property
    def connection_class(self) -> Any:
        return partial(_BoundedTLS if self.use_ssl else _Bounded, after_text=self.after_text)
