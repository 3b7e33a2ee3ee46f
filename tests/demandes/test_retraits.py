"""A delivery withdraws demandes: what the family did on monenfant.fr is done here too (ING-7)."""

import io
import json

import pytest

from bench.deliveries import record
from demandes.documents.motifs import said
from demandes.models import Attribution, Demande, Dossier, Livraison, Rejet, Transmission
from demandes.services import applying, deliveries, destruction, handover, retraits
from demandes.workflow import Etat
from extranet.core.journal.models import Entry
from extranet.core.outbox import services as outbox
from extranet.core.outbox.models import Message
from tests.conftest import text_of
from tests.demandes.test_deliveries import NOW, at, counts, file_of, person, take  # noqa: F401 -- fixture


def retrait(rank, when=None, reference=None, **extra):
    said = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in extra.items())
    return f'  <retrait reference="{reference or f"ME-{rank:07}"}" retire-le="{when or at(0)}"{said}/>\n'


def contact(name):
    return f"\n<courriel>{name}@famille.test</courriel>"


@pytest.mark.rule("ING-7.a")
def test_a_retrait_destroys_at_once_and_tells_the_lieu_that_had_it_and_the_family(person, smtp_sink):  # noqa: F811
    take(file_of(record(1, NOW, contact=contact("une")), record(2, NOW, contact=contact("deux")), record(3, NOW)))
    first, second, third = Demande.objects.order_by("reference")
    handover.fetch([first.uuid], form="xml", by=person, now=NOW, origin=handover.Origin())
    assert counts(take(file_of(retrait(1), retrait(2)))) == (2, 0, 2, 0, 0)
    assert list(Demande.objects.order_by("reference").values_list("state", "destroyed_at", "content")) == [
        (Etat.RETIREE, NOW, ""),
        (Etat.RETIREE, NOW, ""),
        (Etat.TRANSMISE, None, third.content),
    ]
    assert Dossier.objects.get().demande == third
    ends = {one.demande: one for one in Attribution.objects.all()}
    assert (ends[first].fin, ends[first].attest_from > first.last_day) == ("retiree", True)  # its copy is attested
    assert (ends[second].fin, ends[second].attest_from) == ("retiree", None)
    assert ends[third].ended_at is None
    lines = Entry.objects.filter(event="demande.retiree")
    assert sorted(lines.values_list("object_id", "actor")) == sorted((str(d.uuid), "source") for d in (first, second))
    [told] = Message.objects.filter(kind="demandes.retrait")
    assert (told.key, told.recipient) == (str(first.uuid), f"user:{person.pk}")
    # DEM-4.d: each family once, at once; its address is in no row.
    for name, copied in (("une", True), ("deux", False)):
        [mail] = smtp_sink.to(f"{name}@famille.test")
        assert "Vous avez retiré" in text_of(mail)
        assert ("de détruire ses copies" in text_of(mail)) is copied
    assert "famille.test" not in json.dumps(list(Message.objects.values()), default=str)
    # What is withdrawn never comes back (ING-4.c), and a retrait of it changes nothing (ING-7.b).
    assert counts(take(file_of(record(1, NOW, nom="Retour"), retrait(2)))) == (2, 0, 0, 1, 1)
    assert Entry.objects.filter(event="demande.retiree").count() == 2


@pytest.mark.rule("ING-7.a")
@pytest.mark.rule("ING-7.b")
@pytest.mark.rule("ING-4.d")
def test_retraits_come_after_the_demandes_of_their_file_and_all_of_them_are_counted(person):  # noqa: F811
    take(file_of(record(1, NOW), record(2, NOW)))
    destruction.withdraw(Demande.objects.get(reference="ME-0000002"), now=NOW)
    name = "ME-0000009"
    faults = {
        "Retrait d’une demande dont la référence": retrait(0, reference="INCONNUE-1"),
        "Date de retrait à venir.": retrait(1, when=at(1)),
        "Référence : de 1 à 64 lettres": retrait(0, reference="pas une référence"),
        "retire-le": f'<retrait reference="{name}"/>\n',
        "Attribut inconnu": retrait(1, couleur="bleue"),
        "retrait": f'<retrait reference="{name}" retire-le="{at(0)}"><motif/></retrait>\n',
        "Demande placée après un retrait": record(7, NOW),
    }
    content = file_of(record(1, NOW), record(3, NOW), retrait(3), retrait(2), *faults.values(), retrait(3), retrait(1))
    found = take(content)
    # ME-3: made, then withdrawn; ME-2 was gone; ME-3 again is gone by then; ME-1 at the end, whatever came before it.
    assert counts(found) == (13, 1, 2, 3, 7)
    aside = Rejet.objects.filter(livraison=found, issue="ecartee").order_by("ligne")
    for words, rejet in zip(faults, aside, strict=True):
        assert words in said(rejet.motifs), words
        assert content.split("\n")[rejet.ligne - 1].strip().startswith(("<retrait", "<demande"))
    assert [rejet.reference for rejet in aside][0] == "INCONNUE-1"
    assert not Dossier.objects.exists()
    # The lieu is told of no demande that was withdrawn before its mail left (NOT-2.e).
    made = Transmission.objects.filter(livraison=found)
    assert made.count() == 1
    outbox.send_due(now=NOW)
    assert Message.objects.get(key=str(made.get().uuid)).cancelled_at


@pytest.mark.rule("ING-7.a")
def test_killed_between_two_batches_of_retraits_it_goes_on_where_it_was(person, monkeypatch):  # noqa: F811
    monkeypatch.setattr(applying, "BATCH", 10)
    take(file_of(*[record(rank, NOW) for rank in range(1, 26)]))
    content = file_of(*[retrait(rank) for rank in range(1, 26)]).encode()
    livraison = deliveries.register(io.BytesIO(content), nom="r.xml", origine="dossier", now=NOW, ring=False)

    class Killed(BaseException):
        pass

    def die(livraison):
        raise Killed

    with pytest.raises(Killed):
        applying.ingest(livraison.pk, now=NOW, progress=die)
    livraison.refresh_from_db()
    assert (livraison.checkpoint, livraison.mises_a_jour, Dossier.objects.count()) == (10, 10, 15)
    assert counts(applying.ingest(livraison.pk, now=NOW)) == (25, 0, 25, 0, 0)
    assert Entry.objects.filter(event="demande.retiree").count() == 25
    assert not Dossier.objects.exists()


@pytest.mark.rule("ING-7.a")
def test_a_mail_server_that_takes_nothing_holds_no_delivery_back(person, monkeypatch):  # noqa: F811
    asked = []
    monkeypatch.setattr(outbox, "say_at_once", lambda kind, *, address, **about: asked.append(address))
    monkeypatch.setattr(retraits, "TRIES", 2)
    take(file_of(*[record(rank, NOW, contact=contact(f"f{rank}")) for rank in range(1, 6)]))
    assert counts(take(file_of(*[retrait(rank) for rank in range(1, 6)]))) == (5, 0, 5, 0, 0)
    assert asked == ["f1@famille.test", "f2@famille.test"]
    assert Livraison.objects.filter(state="traitee").count() == 2
