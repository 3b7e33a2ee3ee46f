"""What comes back is read, tied to its message by its Message-ID, once, and destroyed (NOT-2.c)."""

import base64
import imaplib
import ssl
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import transaction

from extranet.core.outbox import bounces, dsn, services
from extranet.core.outbox.models import Message
from tests.core.imap import Mailbox, certificate, serving
from tests.core.relay import Relay
from tests.factories import UserFactory

CORPUS = Path(__file__).parent / "rebonds"
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
pytestmark = pytest.mark.rule("NOT-2.c")


def report(name, identifier):
    raw = (CORPUS / f"{name}.eml").read_bytes()
    if b'charset="iso-8859-1"' in raw:  # kept in UTF-8, as all our files
        raw = raw.decode().encode("iso-8859-1")
    headers = base64.encodebytes(f"Message-ID: <{identifier}@extranet.test>\nSubject: x\n".encode())
    return raw.replace(b"@BASE64@", headers).replace(b"@ID@", str(identifier).encode())


EXPECTED = {
    "postfix": ("5.1.1", True),
    "postfix-differe": ("4.4.1", False),
    "postfix-expire": ("4.4.7", True),  # temporary each time, and given up
    "exim": ("5.2.2", True),
    "exim-ancien": ("", True),
    "exchange": ("5.1.10", True),
    "gmail": ("5.1.1", True),
    "sendmail": ("5.7.1", True),
    "qmail": ("5.1.1", True),
    "international": ("5.6.7", True),
    "mots-francais": ("5.2.1", True),
    "en-base64": ("4.7.1", False),
    "enveloppe": ("5.0.0", True),
    "remis": ("2.0.0", False),
    "absence": None,
    "reponse": None,
}


def test_each_form_of_the_corpus_is_read_for_what_it_says():
    identifier = uuid.uuid4()
    assert set(EXPECTED) == {path.stem for path in CORPUS.glob("*.eml")}
    for name, expected in EXPECTED.items():
        for raw in (report(name, identifier), report(name, identifier).replace(b"\n", b"\r\n")):
            found = dsn.read(raw)
            assert (found and (found.status, found.final)) == expected, name
            assert found is None or found.identifiers[0] == identifier, name


def test_an_alias_of_which_one_is_reached_has_arrived():
    raw = report("postfix", uuid.uuid4())
    other = b"Final-Recipient: rfc822; bea@ailleurs.test\nAction: relayed\nStatus: 2.0.0\n\n"
    assert dsn.read(raw.replace(b"Final-Recipient:", other + b"Final-Recipient:", 1)).final is False


def nested(depth):
    raw = b"X: y"
    for level in range(depth):
        raw = b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (level, level) + raw
    return b"From: mailer-daemon@x.test\n" + raw


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00\xff" * 1000,
        nested(5_000),
        b"Content-Type: message/rfc822\n\n" * 5_000,
        b"From: mailer-daemon\nContent-Type: text/plain; charset=nothing-like-it\n\n550 5.1.1 no",
        b"From: mailer-daemon\nContent-Type: text/plain; charset=\xff\xfe\nContent-Transfer-Encoding: base64\n\n@@@@",
        b"From: mailer-daemon\nContent-Type: multipart/report\n\nAction: failed",
        b"Action: failed\n" * 40_000,
        b"From: mailer-daemon\n\n" + b"5.1.1 " * 100_000,
    ],
    ids=range(9),
)
def test_what_is_made_up_to_harm_says_nothing(raw):
    assert dsn.read(raw) is None


@pytest.fixture
def drop(tmp_path, settings):
    settings.BOUNCES_URL = tmp_path.as_uri()
    return tmp_path


@pytest.fixture
def message(db, smtp_sink):
    person = UserFactory(email="ana@tilleuls.test")
    with transaction.atomic():
        services.post("accounts.personnalise", key="1", to=[f"user:{person.pk}"], now=NOW)
    services.send_due(now=NOW)
    return Message.objects.get()


def test_a_folder_of_reports_is_emptied_and_each_mail_noted_once(drop, message):
    (drop / "new").mkdir()
    (drop / "a.eml").write_bytes(report("postfix", message.pk))
    (drop / "new" / "z.M1P2.relais").write_bytes(report("exchange", message.pk))
    for name in ("absence", "reponse", "remis", "postfix-differe"):
        (drop / f"{name}.eml").write_bytes(report(name, message.pk))
    (drop / "inconnu.eml").write_bytes(report("gmail", uuid.uuid4()))  # forged, or of another portal
    (drop / "grand.eml").write_bytes(b"From: x\n\n" + b"a" * (dsn.LONGEST + 1))
    outside = drop.parent / "ailleurs.eml"
    outside.write_bytes(report("postfix", message.pk))
    (drop / "lien.eml").symlink_to(outside)
    (drop / "dossier.eml").mkdir()
    (drop / "en-cours.part").write_bytes(b"")
    assert bounces.take(now=LATER) == 1
    message.refresh_from_db()
    assert (message.bounced_at, message.reply, message.sent_at, message.cause) == (LATER, "5.1.1", NOW, "")
    assert {path.name for path in drop.rglob("*") if path.is_file()} == {"lien.eml", "en-cours.part"}
    (drop / "encore.eml").write_bytes(report("qmail", message.pk))
    assert bounces.take(now=LATER + timedelta(days=1)) == 0
    message.refresh_from_db()
    assert message.bounced_at == LATER
    assert "ana@" not in str(Message.objects.values().get())


def test_a_report_of_a_mail_that_is_not_noted_as_sent_yet_waits(drop, message):
    Message.objects.update(sent_at=None)  # its worker was killed between both
    (drop / "a.eml").write_bytes(report("postfix", message.pk))
    assert bounces.take(now=NOW) == 0
    services.send_due(now=LATER)
    assert bounces.take(now=LATER) == 1
    assert not list(drop.iterdir())


@pytest.mark.parametrize("name", ["postfix", "sendmail"])
def test_a_forged_report_stops_no_later_mail(drop, message, smtp_sink, name):
    (drop / "a.eml").write_bytes(report(name, message.pk))
    bounces.take(now=LATER)
    services.post("accounts.personnalise", key="2", to=[message.recipient], now=LATER)
    assert services.send_due(now=LATER) == (1, 0)
    assert len(smtp_sink.to("ana@tilleuls.test")) == 2


def test_without_a_setting_the_usual_folder_is_looked_at_where_there_is_one(settings, tmp_path, message):
    settings.DATA_DIR, settings.BOUNCES_URL = tmp_path, ""
    assert bounces.take(now=LATER) == 0
    (tmp_path / "rebonds").mkdir()
    (tmp_path / "rebonds" / "a.eml").write_bytes(report("gmail", message.pk))
    assert bounces.take(now=LATER) == 1
    settings.BOUNCES_URL = "imap://sans-tls.test/INBOX"
    with pytest.raises(ValueError, match="EXTRANET_BOUNCES_URL"):
        bounces.take(now=LATER)


def test_a_mailbox_is_read_over_tls_whose_certificate_counts(settings, tmp_path, monkeypatch, message):
    box = Mailbox({3: report("exim", message.pk), 7: report("absence", message.pk), 9: b"a" * 2 * dsn.LONGEST})
    pem = certificate(tmp_path)
    with serving(box, pem):
        settings.BOUNCES_URL = f"imaps://rebonds%40extranet.test:s3cret%2F%3A%40@127.0.0.1:{box.port}/Retours%20SMTP"
        with pytest.raises(ssl.SSLCertVerificationError):
            bounces.take(now=LATER)
        assert not box.asked
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        assert bounces.take(now=LATER) == 1
        assert 'SELECT "Retours SMTP"' in box.asked
        assert not box.mails
        assert bounces.take(now=LATER) == 0
        settings.BOUNCES_URL = settings.BOUNCES_URL.replace("s3cret", "faux")
        with pytest.raises(imaplib.IMAP4.error):
            bounces.take(now=LATER)
    message.refresh_from_db()
    assert message.reply == "5.2.2"


def test_a_server_that_can_is_asked_to_return_headers_only_and_the_name_of_the_message(settings, db):
    """RFC 3461; and the envelope is the address that reports go to."""
    relay = Relay(says={"EHLO": "250-relay\r\n250 DSN"})
    server = relay.start()
    settings.EMAIL_BACKEND, settings.EMAIL_HOST = "extranet.core.outbox.smtp.Backend", "127.0.0.1"
    settings.EMAIL_PORT, settings.EMAIL_HOST_USER, settings.EMAIL_USE_TLS = relay.port, "", False
    settings.BOUNCES_ADDRESS = "rebonds@extranet.test"
    services.post("accounts.personnalise", key="1", to=[f"user:{UserFactory().pk}"], now=NOW)
    services.send_due(now=NOW)
    server.shutdown()
    server.server_close()
    name = Message.objects.get().pk
    assert any(f"mail FROM:<rebonds@extranet.test> RET=HDRS ENVID={name}" in line for line in relay.said)
    assert any(line.endswith("NOTIFY=FAILURE") for line in relay.said)
