"""A mailbox that speaks as much IMAP over TLS as the portal asks of one, over a real socket."""

import re
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


def certificate(folder: Path, host: str = "127.0.0.1") -> Path:
    """A key and its own certificate for `host`, in one file."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))]), critical=True)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "imap.pem"
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return path


@dataclass
class Mailbox:
    """Mails by number, until they are marked and expunged; what was asked, in words."""

    mails: dict[int, bytes] = field(default_factory=dict)
    marked: set[int] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    port: int = 0

    def talk(self, peer: Any) -> None:
        peer.wfile.write(b"* OK IMAP4rev1 ready\r\n")
        for line in peer.rfile:
            tag, _, words = line.decode().strip().partition(" ")
            self.asked.append(words)
            for answer in self.answers(words):
                peer.wfile.write(answer + b"\r\n")
            peer.wfile.write(f"{tag} OK done\r\n".encode() if self.knows(words) else f"{tag} NO no\r\n".encode())
            if words == "LOGOUT":
                return

    def knows(self, words: str) -> bool:
        return not words.startswith("LOGIN") or words == 'LOGIN rebonds@extranet.test "s3cret/:@"'

    def answers(self, words: str) -> Iterator[bytes]:
        if words == "CAPABILITY":
            yield b"* CAPABILITY IMAP4rev1"
        elif words.startswith("SELECT"):
            yield f"* {len(self.mails)} EXISTS".encode()
        elif words.startswith("UID SEARCH"):
            yield b" ".join([b"* SEARCH", *(str(one).encode() for one in sorted(self.mails) if one not in self.marked)])
        elif found := re.match(r"UID FETCH (\d+) \(BODY\.PEEK\[\]<0\.(\d+)>\)", words):
            text = self.mails[int(found[1])][: int(found[2])]
            yield f"* 1 FETCH (UID {found[1]} BODY[]<0> {{{len(text)}}}\r\n".encode() + text + b")"
        elif found := re.match(r"UID STORE (\d+) \+FLAGS\.SILENT \(\\Deleted\)", words):
            self.marked.add(int(found[1]))
        elif words == "EXPUNGE":
            for one in self.marked:
                self.mails.pop(one, None)
        elif words == "LOGOUT":
            yield b"* BYE"


@contextmanager
def serving(mailbox: Mailbox, pem: Path) -> Iterator[Mailbox]:
    """The mailbox on a port of this machine."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)

    class Dialogue(socketserver.StreamRequestHandler):
        def setup(self) -> None:
            self.request = context.wrap_socket(self.request, server_side=True)
            super().setup()

        def handle(self) -> None:
            mailbox.talk(self)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Who does not trust the certificate goes away."""

    server = Server(("127.0.0.1", 0), Dialogue)
    mailbox.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield mailbox
    finally:
        server.shutdown()
        server.server_close()
