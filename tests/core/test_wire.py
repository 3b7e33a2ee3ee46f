"""A mail as it goes over the wire says what Django's own message would have said."""

import email
import email.policy
from datetime import date

import pytest
from django.core.mail.message import BadHeaderError
from django.template.loader import render_to_string
from django.utils import translation

from extranet.core.outbox import layout
from extranet.core.outbox.wire import Written

HEADERS = {"Message-ID": "<a@b.test>", "Auto-Submitted": "auto-generated", "Content-Language": "fr"}


def read(made):
    found = email.message_from_bytes(made.as_bytes(linesep="\r\n"), policy=email.policy.default)
    texts = [(one.get_content_type(), one.get_content().replace("\r\n", "\n")) for one in found.iter_parts()]
    said = {name: found[name].strip() for name in ("Subject", "From", "To", *HEADERS)}
    return said, [(kind, text.rstrip("\n")) for kind, text in texts], found.get_boundary()


def mail(subject="1 demande à récupérer", text="Bonjour,\n.\nà bientôt", html="<p>é</p>", to="lieu@a.test"):
    made = Written(subject=subject, body=text, from_email="Portail é <no@a.test>", to=[to], headers=dict(HEADERS))
    made.attach_alternative(html, "text/html")
    return made


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"subject": "plain"},
        {"subject": "Votre demande F-1234-5678 est enregistrée : " + "très longue, " * 20},
        {"subject": "ASCII, but " + "long " * 40},
        {"text": "fin de ligne\r\nde Windows\rde Mac"},
        {"text": "é" * 600 + "\n" + "x" * 2_000},
        {"html": "<p>" + "à" * 5_000},
        {"to": "lieu@élan.test"},
    ],
    ids=str,
)
def test_it_is_read_as_the_usual_message_is(changes):
    made = mail(**changes)
    headers, parts, boundary = read(made.message())
    usual_headers, usual_parts, _ = read(super(Written, made).message())
    assert (headers, parts) == (usual_headers, usual_parts)
    assert read(made.message())[2] == boundary  # the same for every copy
    assert max(map(len, made.message().as_bytes(linesep="\r\n").split(b"\r\n"))) <= 998


def test_no_subject_adds_a_header():
    with pytest.raises(BadHeaderError):
        mail(subject="Bonjour\nBcc: autre@a.test").message()


@pytest.mark.parametrize("langue", ["fr", "en"])
@pytest.mark.parametrize("form", ["txt", "html"])
@pytest.mark.parametrize(
    ("name", "framed"),
    [
        ("demandes/courriels/retrait-famille", True),  # for families, in their language
        ("conventions/courriels/engagement-refuse", True),  # says why it is written
        ("conventions/courriels/copie-refusee", False),  # within another mail
    ],
)
def test_a_frame_made_once_changes_no_letter_of_a_mail(name, framed, form, langue):
    lieu = {"nom": "RPE & Cie", "caf": {"nom": "Caf de l’Ain", "telephone": ""}}
    context = {
        "sujet": "Un sujet <b> & d’autres",
        "reference": "F-1 & 2",
        "lieu_prevenu": True,
        "prestataire": {"nom": "Logiciels <du> Lac", "lieu": lieu},
        "lieu": lieu,
        "caf": lieu["caf"],
        "convention": {"numero": "77-1"},
        "avenant": None,
        "motif": "Page 3 illisible.",
        "jusque": "8 décembre 2026",
        "corrigee": False,
        "lien": "https://extranet.test/a?b&c",
        "copie": {"expires_on": None},
        "expire_le": date(2026, 12, 8),
        "engagement": {"motif_refus": "Page 3 < 4."},
    }
    assert (layout._shape(name, form)[1] is not None) is framed
    with translation.override(langue):
        for address in ("https://extranet.test", ""):
            said = render_to_string(f"{name}.{form}", context | {"public_url": address})
            assert layout.render(name, form, context, langue, address).replace("\xa0", " ") == said.replace("\xa0", " ")
    assert layout.render(name, "html", context, "fr", "").count("\xa0:")
