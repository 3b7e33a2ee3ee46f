"""Two lieux side by side, every word of their families marked: a person of one follows every link and takes every file.

What it reaches shows its own families (else nothing would be proven) and never a word of the other's (ACC-1).
"""

import io
import re
import zipfile
from collections import deque
from urllib.parse import urljoin, urlsplit

import pypdf
import pytest
from django.urls import reverse
from lxml import html

from tests.factories import NOW, DemandeFactory, HabilitationFactory, LieuFactory

START = "/entree/"
LEFT_ALONE = ("/compte/deconnexion/", "/static/")
MOST = 400  # pages: a crawl that does not end is a fault of its own


def family(word, number):
    """What a family says, each field marked with `word`."""
    return {
        "dossier__nom": f"{word}nom{number}",
        "dossier__prenom": f"{word}prenom{number}",
        "dossier__courriel": f"{word}{number}@famille.test",
        "dossier__ville": f"{word}ville{number}",
        "dossier__creneau": f"{word}creneau{number}",
        "dossier__message": f"{word}message{number}",
        "dossier__enfants": [{"prenom": f"{word}enfant{number}", "date_naissance": "2025-06-01"}],
    }


def text_of(response):
    """All that an answer says, whatever the file."""
    content = b"".join(response.streaming_content) if response.streaming else response.content
    kind = response.get("Content-Type", "")
    if "pdf" in kind:
        return "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages)
    if "zip" in kind:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return "".join(archive.namelist()) + "".join(
                archive.read(name).decode(errors="replace") for name in archive.namelist() if name.endswith(".xml")
            )
    return content.decode(errors="replace")


def crawl(client):
    """(address, text) of everything that links lead to from the door, and of each file of the list's forms."""
    waiting, seen = deque([START]), {START}
    while waiting:
        path = waiting.popleft()
        answer = client.get(path, follow=True)
        said = text_of(answer)
        yield path, answer.status_code, said
        assert len(seen) < MOST, sorted(seen)[-20:]
        if "html" not in answer.get("Content-Type", ""):
            continue
        here = answer.request["PATH_INFO"]
        for link in html.document_fromstring(said).xpath("//a/@href | //form[not(@method) or @method='get']/@action"):
            parts = urlsplit(urljoin(here, link))
            there = parts.path + (f"?{parts.query}" if parts.query else "")
            if parts.netloc in ("", "testserver") and there not in seen and not there.startswith(LEFT_ALONE):
                seen.add(there)
                waiting.append(there)


@pytest.mark.rule("ACC-1.a")
def test_whoever_follows_every_link_of_its_lieu_meets_no_family_of_another(db, client, time_machine):
    time_machine.move_to(NOW, tick=False)
    lieux = {word: LieuFactory() for word in ("Ours", "Hers")}
    users, made = {}, {}
    for word, lieu in lieux.items():
        users[word] = HabilitationFactory(lieu=lieu).user
        states = ("transmise", "recuperee", "traitee", "en_retard")
        made[word] = [
            DemandeFactory(lieu=lieu, **{state: True}, **family(word, number)) for number, state in enumerate(states)
        ]
    for word, other in (("Ours", "Hers"), ("Hers", "Ours")):
        client.force_login(users[word])
        met, references = "", {one.reference for one in made[other]}
        for path, status, said in crawl(client):
            assert status < 500, path
            assert other not in said, path
            assert not references & set(re.findall(r"ME-2026-\d+", said)), path
            met += said
        for number in range(4):
            assert f"{word}message{number}" in met  # each of its own was read
        for form in ("pdf", "xml", "zip", "csv"):
            mine = [str(one.uuid) for one in made[word]]
            taken = client.post(reverse("demandes:telechargement"), {"format": form, "demande": mine})
            assert taken.status_code == 200
            said = text_of(taken)
            assert f"{word}nom0" in said, form
            assert other not in said, form
            foreign = client.post(
                reverse("demandes:telechargement"), {"format": form, "demande": [mine[0], str(made[other][0].uuid)]}
            )
            assert foreign.status_code == 404
            assert other not in text_of(foreign)
        for one in made[other]:
            answer = client.get(reverse("demandes:detail", args=[one.uuid]))
            assert (answer.status_code, other in text_of(answer)) == (404, False)
