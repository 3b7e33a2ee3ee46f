"""A mail server that refuses, hangs or closes at any word of the dialogue, over a real socket."""

import email
import email.policy
import socketserver
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from tests.conftest import Sink

HANG, CLOSE, DRIP = "hang", "close", "drip"
WELL = {"EHLO": "250-relay\r\n250 AUTH PLAIN LOGIN", "AUTH": "235 ok", "DATA": "354 go on", "QUIT": "221 bye"}
ENVELOPE = {"MAIL", "RCPT"}


@dataclass
class Relay(Sink):
    """`says` maps a word of the dialogue (or GREETING, TEXT) to the answer given instead of a good one.

    `together`: it takes commands together, and says this to a DATA that has nobody to go to.
    """

    says: dict[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    connections: int = 0
    left: threading.Event = field(default_factory=threading.Event)
    port: int = 0
    together: str = ""

    def start(self) -> Any:
        relay = self

        class Dialogue(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                relay.connections += 1
                with suppress(OSError):
                    relay.talk(self)

        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Dialogue)
        server.daemon_threads = True
        self.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return server

    def talk(self, peer: Any) -> None:
        if not self.answer(peer, "GREETING", "220 relay"):
            return
        taken = set[str]()
        for line in peer.rfile:
            self.said.append(line.decode().strip())
            word = self.said[-1].upper().partition(" ")[0]
            good = self.good(word, line.decode().partition("<")[2].partition(">")[0], taken)
            said = self.says.get(word, good)
            if not self.answer(peer, word, good) or word == "QUIT" or said.startswith("421"):
                return
            if word == "DATA" and said.startswith("3") and not self.take(peer, taken):
                return
            taken = set() if word in ("RSET", "DATA") else taken | {word} if said.startswith("2") else taken - {word}

    def good(self, word: str, to: str, taken: set[str]) -> str:
        if word == "RCPT":
            return self.refuse.get(to, "250 ok")
        if word == "EHLO" and self.together:
            return WELL["EHLO"].replace("250-relay", "250-relay\r\n250-PIPELINING")
        return WELL.get(word, "250 ok") if word != "DATA" or taken >= ENVELOPE else self.together

    def take(self, peer: Any, taken: set[str]) -> bool:
        text = b"".join(line.removeprefix(b".") for line in iter(peer.rfile.readline, b".\r\n"))
        if not taken >= ENVELOPE:
            assert not text
            peer.wfile.write(b"554 5.5.1 no valid recipients\r\n")
            return True
        if self.says.get("TEXT", "2").startswith("2"):  # first, as the test may look once it is answered
            self.mails.append(email.message_from_bytes(text, policy=email.policy.default))  # type: ignore[arg-type]
        return self.answer(peer, "TEXT", "250 ok")

    def answer(self, peer: Any, word: str, good: str) -> bool:
        """False when the dialogue ends here."""
        reply = self.says.get(word, good)
        if reply == CLOSE:
            return False
        if reply == HANG:
            peer.rfile.read()  # until the other side has had enough
            return False
        if reply == DRIP:
            while not self.left.wait(0.02):
                peer.wfile.write(b"2")
            return False
        peer.wfile.write(reply.encode() + b"\r\n")
        return True
