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


@dataclass
class Relay(Sink):
    """`says` maps a word of the dialogue (or GREETING, TEXT) to the answer given instead of a good one."""

    says: dict[str, str] = field(default_factory=dict)
    connections: int = 0
    left: threading.Event = field(default_factory=threading.Event)
    port: int = 0

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
        for line in peer.rfile:
            word = line.decode().strip().upper().partition(" ")[0]
            to = line.decode().partition("<")[2].partition(">")[0]
            good = self.refuse.get(to, "250 ok") if word == "RCPT" else WELL.get(word, "250 ok")
            if not self.answer(peer, word, good) or word == "QUIT":
                return
            if word == "DATA" and self.says.get("DATA", "3").startswith("3"):
                text = b"".join(iter(peer.rfile.readline, b".\r\n"))
                if not self.answer(peer, "TEXT", "250 ok"):
                    return
                if self.says.get("TEXT", "2").startswith("2"):
                    self.mails.append(email.message_from_bytes(text, policy=email.policy.default))  # type: ignore[arg-type]

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
