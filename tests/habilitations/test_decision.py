"""What an agent sees of an application, and what its decision makes (HAB-6, HAB-7)."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.http import Http404
from lxml import html

from conventions.documents.convention import context_of
from conventions.models import Convention, Couverture, Gestionnaire, Lieu, PersonneInscrite
from conventions.queries import founding_acte
from extranet.core.errors import WrongState
from extranet.core.journal.models import Entry
from extranet.core.outbox.models import Message
from extranet.core.outbox.services import send_due
from extranet.territory.models import Caf
from extranet.territory.queries import cafs_incomplete
from habilitations import queries
from habilitations.services import applications
from tests.conftest import text_of
from tests.factories import NOW, AgentFactory, DemandeHabilitationFactory, HabilitationFactory, LieuFactory

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(minutes=5)
MADE = (Gestionnaire, Lieu, Convention, Couverture, PersonneInscrite)


def admin_of(demande, act=""):
    base = f"/admin/habilitations/demandehabilitation/{demande.pk}/"
    return f"{base}acte/{act}/" if act else f"{base}change/"


@pytest.mark.rule("HAB-7.a")
@pytest.mark.rule("HAB-7.b")
def test_accepting_makes_the_whole_register_entry_once(client):
    demande, agent = DemandeHabilitationFactory(), AgentFactory()
    client.force_login(agent.user)
    first = client.post(admin_of(demande, "accepter"), follow=True)
    assert "la convention est prête à signer" in first.content.decode()
    assert client.post(admin_of(demande, "accepter")).status_code == 409
    assert [model.objects.count() for model in MADE] == [1, 1, 1, 1, 1]
    convention = Convention.objects.get()
    assert (convention.state, convention.in_force_from, convention.accepted_by) == ("preparation", None, agent.user)
    assert (convention.lieu.nom, convention.lieu.gestionnaire.siren) == (
        demande.version.lieu_nom,
        demande.version.gestionnaire_siren,
    )
    assert PersonneInscrite.objects.get().courriel == demande.version.personnes.get().courriel
    demande.refresh_from_db()
    assert (demande.state, demande.convention) == ("acceptee", convention)
    assert Entry.objects.filter(event="demande-habilitation.acceptee", actor=f"user:{agent.user.uuid}").count() == 1


@pytest.mark.rule("HAB-7.a")
def test_a_fault_in_the_middle_leaves_nothing(monkeypatch):
    demande, agent = DemandeHabilitationFactory(), AgentFactory()
    monkeypatch.setattr(PersonneInscrite.objects.__class__, "bulk_create", lambda *args, **kwargs: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        applications.accept(demande_id=demande.pk, by=agent.user, now=LATER)
    assert [model.objects.count() for model in MADE] == [0] * 5
    demande.refresh_from_db()
    assert demande.state == "deposee"


@pytest.mark.rule("HAB-7.b")
@pytest.mark.django_db(transaction=True)
def test_fifty_clicks_at_once_make_one_convention_and_one_mail():
    demande, agents = DemandeHabilitationFactory(), [AgentFactory() for _ in range(2)] * 25
    start, outcomes = threading.Barrier(len(agents)), []

    def accept(agent):
        try:
            start.wait()
            applications.accept(demande_id=demande.pk, by=agent.user, now=LATER)
            outcomes.append("accepted")
        except WrongState:
            outcomes.append("too late")
        finally:
            connection.close()

    threads = [threading.Thread(target=accept, args=[agent]) for agent in agents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["accepted"] + ["too late"] * 49
    assert [model.objects.count() for model in MADE] == [1, 1, 1, 1, 1]
    assert Message.objects.filter(kind="habilitations.acceptee").count() == 1


@pytest.mark.rule("CTL-6.c")
@pytest.mark.rule("HAB-6.a")
@pytest.mark.parametrize(
    ("who", "seen", "act"),
    [({}, 200, 200), ({"superviseur": True}, 200, 200), ({"lecteur": True}, 200, 403), ({"essonne": True}, 404, 404)],
)
def test_only_agents_of_the_addressed_caf_see_it_and_only_some_decide(client, who, seen, act):
    demande, agent = DemandeHabilitationFactory(), AgentFactory(**who)
    client.force_login(agent.user)
    assert client.get(admin_of(demande)).status_code == seen
    for slug in ("accepter", "refuser"):
        assert client.get(admin_of(demande, slug)).status_code == act
        if act != 200:
            assert client.post(admin_of(demande, slug), {"motif": "non"}).status_code == act
    listed = client.get("/admin/habilitations/demandehabilitation/").content.decode()
    assert (demande.reference in listed) is (seen == 200)
    if seen == 404:
        with pytest.raises(Http404):
            applications.accept(demande_id=demande.pk, by=agent.user, now=LATER)
    demande.refresh_from_db()
    assert demande.state == "deposee"


@pytest.mark.rule("HAB-6.e")
def test_a_refusal_needs_its_reason_and_is_told_to_the_lieu(client, smtp_sink):
    demande, agent = DemandeHabilitationFactory(), AgentFactory()
    client.force_login(agent.user)
    empty = client.post(admin_of(demande, "refuser"), {"motif": "  "})
    assert empty.status_code in (200, 422)
    assert "Écrivez pourquoi votre Caf refuse cette demande" in empty.content.decode()
    assert client.post(admin_of(demande, "refuser"), {"motif": "Hors <b>territoire</b>."}).status_code == 302
    demande.refresh_from_db()
    assert (demande.state, demande.motif) == ("refusee", "Hors <b>territoire</b>.")
    assert client.post(admin_of(demande, "accepter")).status_code == 409
    send_due(now=demande.decided_at)
    (mail,) = smtp_sink.to(demande.version.lieu_courriel)
    assert "Hors <b>territoire</b>." in text_of(mail)
    assert "Hors &lt;b&gt;territoire" in mail.get_body(("html",)).get_content()
    assert not Lieu.objects.exists()


SOUND = {
    "SIREN du gestionnaire": ("rien", ["La clé du SIREN est bonne."]),
    "Gestionnaire connu": ("rien", ["Votre Caf n’a encore aucune convention avec ce SIREN."]),
    "Demande en double": ("rien", ["Ni autre demande en cours de ce gestionnaire, ni lieu semblable."]),
    "Communes de votre territoire": ("rien", ["Toutes les communes demandées sont de votre territoire."]),
    "Communes déjà couvertes": ("rien", ["Aucun autre lieu ne couvre ces communes."]),
    "Commune du lieu": ("rien", ["Le lieu est dans une des communes demandées."]),
    "Adresses de messagerie": ("rien", ["Aucune adresse de messagerie grand public."]),
    "Personnes connues ailleurs": ("rien", ["Aucune de ces personnes n’est habilitée ailleurs."]),
}


def checked(demande):
    return {one.titre: (one.verdict, one.raisons) for one in queries.checks_of(demande, NOW)}


@pytest.mark.rule("HAB-6.b")
def test_a_sound_application_has_nothing_to_look_at(client):
    demande = DemandeHabilitationFactory()
    assert checked(demande) == SOUND
    client.force_login(AgentFactory().user)
    page = html.document_fromstring(client.get(admin_of(demande)).content.decode())
    assert page.xpath("//*[@class='controle__verdict']/text()") == ["rien à signaler"] * len(SOUND)


@pytest.mark.rule("HAB-4.b")
@pytest.mark.rule("HAB-6.b")
def test_what_to_look_at_is_worked_out_and_shown_with_its_why(client, time_machine):
    time_machine.move_to(NOW)
    other = LieuFactory(nom="Guichet du Châtelet", convention__communes=["77100", "77288"])
    HabilitationFactory(lieu=other, user__email="alix@orange.fr", user__prenom="Léa", user__nom="Petit")
    demande = DemandeHabilitationFactory(
        version__gestionnaire_siren="217701003", version__lieu_courriel="rpe@gmail.com"
    )
    demande.version.personnes.update(courriel="alix@orange.fr", prenom="LEA", nom="Petit")
    demande.version.communes.create(commune_id="77288")
    expected = SOUND | {
        "SIREN du gestionnaire": ("faux", ["La clé du SIREN n’est pas bonne."]),
        "Communes déjà couvertes": ("regarder", ["Guichet du Châtelet couvre déjà Le Châtelet-en-Brie, Melun."]),
        "Adresses de messagerie": (
            "regarder",
            ["rpe@gmail.com est une messagerie grand public.", "alix@orange.fr est une messagerie grand public."],
        ),
        "Personnes connues ailleurs": (
            "regarder",
            ["alix@orange.fr est déjà habilitée pour Guichet du Châtelet : elle gardera le même compte."],
        ),
    }
    assert checked(demande) == expected
    client.force_login(AgentFactory().user)
    page = html.document_fromstring(client.get(admin_of(demande)).content.decode())
    for titre, (verdict, raisons) in expected.items():
        [line] = page.xpath(f"//li[@class='controle--{verdict}'][strong='{titre}']")
        assert all(raison in line.text_content() for raison in raisons)


@pytest.mark.rule("HAB-4.b")
@pytest.mark.rule("HAB-6.b")
@pytest.mark.parametrize(("prenom", "nom", "verdict"), [("Léa", "Grand", "regarder"), ("Sam", "Roux", "faux")])
def test_an_address_that_is_the_account_of_somebody_else_is_said(prenom, nom, verdict):
    HabilitationFactory(user__email="lea@lieu.test", user__prenom="Léa", user__nom="Petit")
    demande = DemandeHabilitationFactory()
    demande.version.personnes.update(courriel="lea@lieu.test", prenom=prenom, nom=nom)
    said = f"lea@lieu.test, pour {prenom} {nom}, est déjà le compte de Léa Petit : vérifiez l’adresse."
    assert checked(demande)["Personnes connues ailleurs"] == (verdict, [said])


@pytest.mark.rule("HAB-6.b")
@pytest.mark.parametrize(
    ("about", "titre", "verdict", "words"),
    [
        ({"lieu_code_postal": "99999"}, "Commune du lieu", "regarder", "celui d’aucune commune"),
        ({"lieu_code_postal": "91000"}, "Commune du lieu", "regarder", "pas du territoire de votre Caf"),
        ({"lieu_code_postal": "77000"}, "Commune du lieu", "regarder", "n’est demandée"),
        ({"lieu_courriel": "Agent@caf.test"}, "Personnes connues ailleurs", "faux", "l’adresse d’un agent"),
    ],
)
def test_where_the_lieu_stands_and_whose_its_address_is(about, titre, verdict, words):
    AgentFactory(user__email="agent@caf.test")
    demande = DemandeHabilitationFactory(**{f"version__{name}": value for name, value in about.items()})
    found = checked(demande)[titre]
    assert (found[0], words in found[1][0]) == (verdict, True)


def as_known(known):
    """What an application says of a gestionnaire that says it as its Caf knows it."""
    names = ("nom", "nature", "siren", "adresse", "code_postal", "ville")
    signer = ("civilite", "prenom", "nom", "qualite")
    said = {f"version__gestionnaire_{name}": getattr(known, name) for name in names}
    said |= {f"version__representant_{name}": getattr(known, f"representant_{name}") for name in signer}
    return said | {"version__gestionnaire_nom": known.nom.upper()}


@pytest.mark.rule("HAB-6.b")
def test_a_gestionnaire_known_otherwise_another_application_of_it_and_communes_elsewhere_are_said():
    known = LieuFactory(nom="RPE de Melun", gestionnaire__nom="CC 7", convention__communes=["77288"]).gestionnaire
    [convention] = known.conventions.all()
    same = DemandeHabilitationFactory(**as_known(known))
    same.version.communes.create(commune_id="91228")
    listed = f"Votre Caf le connaît déjà, pour : RPE de Melun ({convention.numero})."
    found = checked(same)
    assert found["Gestionnaire connu"] == ("rien", [listed])
    assert found["Communes de votre territoire"][0] == "faux"
    assert "Évry-Courcouronnes (91)" in found["Communes de votre territoire"][1][0]
    Gestionnaire.objects.filter(pk=known.pk).update(nom="Ville de Z", representant_nom="Autre", representant_prenom="A")
    twin = DemandeHabilitationFactory(**as_known(known) | {"version__representant_nom": "Martin"})
    verdict, said = checked(twin)["Gestionnaire connu"]
    assert (verdict, said[0]) == ("regarder", listed)
    assert said[1] == "Nom : la convention portera « Ville de Z », et non « CC 7 »."
    assert "« Monsieur A Autre, président », et non « Monsieur Dominique Martin, président »" in said[2]
    assert same.reference in checked(twin)["Demande en double"][1][0]


@pytest.mark.rule("HAB-6.b")
def test_a_lieu_that_has_a_convention_already_is_a_twin_until_that_is_over():
    lieu = LieuFactory(nom="RPE du Châtelet", adresse="9 rue d’Ailleurs")
    demande = DemandeHabilitationFactory(**as_known(lieu.gestionnaire))
    [convention] = lieu.conventions.all()
    said = f"RPE du Châtelet, du même gestionnaire, a déjà la convention {convention.numero} : même nom."
    assert checked(demande)["Demande en double"] == ("regarder", [said])
    Lieu.objects.update(nom="Relais du Val", adresse="12, rue des Écoles")
    assert "même adresse" in checked(demande)["Demande en double"][1][0]
    Convention.objects.update(ended_on=NOW.date() - timedelta(days=1))
    assert checked(demande)["Demande en double"] == SOUND["Demande en double"]
    said = "Votre Caf le connaît déjà, pour : Relais du Val (sans convention en cours)."
    assert checked(demande)["Gestionnaire connu"] == ("rien", [said])


@pytest.mark.rule("HAB-7.a")
@pytest.mark.rule("CON-7.a")
def test_what_the_paper_will_not_say_as_the_application_does_is_said_before_and_after(client, smtp_sink, time_machine):
    time_machine.move_to(LATER, tick=False)
    known = LieuFactory(gestionnaire__nom="CC du Val").gestionnaire
    [standing] = known.conventions.all()
    given = as_known(known) | {"version__gestionnaire_nom": "Commune nouvelle", "version__representant_nom": "Neuf"}
    demande = DemandeHabilitationFactory(**given)
    client.force_login(AgentFactory().user)
    before = client.get(admin_of(demande, "accepter")).content.decode()
    for page in (before, client.get(admin_of(demande)).content.decode()):
        text = html.document_fromstring(page).text_content()
        assert "Nom : la convention portera « CC du Val », et non « Commune nouvelle »." in text
        assert "« Monsieur Dominique Moreau, président », et non « Monsieur Dominique Neuf, président »." in text
        assert f"signer un avenant à la convention {standing.numero}." in text
        assert "Adresse :" not in text
    assert client.post(admin_of(demande, "accepter")).status_code == 302
    paper = context_of(founding_acte(Convention.objects.exclude(pk=standing.pk).get()))
    assert (paper["gestionnaire"].nom, paper["gestionnaire"].representant_nom) == ("CC du Val", "Moreau")
    after = html.document_fromstring(client.get(admin_of(demande)).content.decode()).text_content()
    assert "la convention porte « CC du Val », et non « Commune nouvelle » comme la demande" in after
    send_due(now=LATER)
    [mail] = [one for one in smtp_sink.to(demande.version.lieu_courriel) if "acceptée" in one["Subject"]]
    told = text_of(mail)
    assert "votre gestionnaire, CC du Val." in told
    assert "sur ces points : nom, représentant légal." in told
    assert "Commune nouvelle" not in told


@pytest.mark.rule("CON-2.i")
@pytest.mark.rule("CON-11.y")
def test_accepting_for_a_caf_whose_director_is_not_named_says_so_and_who_names_it(client):
    demande = DemandeHabilitationFactory()
    client.force_login(AgentFactory().user)
    page = client.get(admin_of(demande, "accepter")).content.decode()
    assert "La direction de votre Caf n’est pas nommée" in page
    assert "revient aux superviseurs et à la Cnaf" in page
    assert 'href="/admin/territory/caf/caf-77/change/"' in page
    assert client.get("/admin/territory/caf/caf-77/change/").status_code == 200
    said = {"adresse": "1 rue", "telephone": "3230", "tribunal": "Melun"}
    Caf.objects.filter(pk="caf-77").update(**said)
    assert demande.caf in cafs_incomplete()
    named = {"directeur_civilite": "Mme", "directeur_prenom": "Claude", "directeur_nom": "Exemple"}
    Caf.objects.filter(pk="caf-77").update(**named, directeur_qualite="directrice")
    assert "n’est pas nommée" not in client.get(admin_of(demande, "accepter")).content.decode()
    assert demande.caf not in cafs_incomplete()


@pytest.mark.rule("HAB-7.a")
def test_an_accepted_application_names_what_comes_next_and_where(client):
    demande = DemandeHabilitationFactory()
    client.force_login(AgentFactory().user)

    def step():
        found = html.document_fromstring(client.get(admin_of(demande)).content.decode()).xpath("//p[@class='suite']")
        return [(" ".join(one.text_content().split()), one.xpath(".//a/@href")) for one in found]

    client.post(admin_of(demande, "accepter"))
    convention = Convention.objects.get()
    [(said, [link])] = step()
    assert f"signer la convention {convention.numero}" in said
    assert link == f"/admin/conventions/convention/{convention.pk}/change/"
    day = NOW.date() - timedelta(days=1)
    convention.actes.update(state="applique", effective_on=day)
    Convention.objects.filter(pk=convention.pk).update(state="signee", in_force_from=day)
    PersonneInscrite.objects.filter(lieu=convention.lieu).update(from_on=day)
    [(said, [link])] = step()
    assert "ouvrir l’accès d’une personne" in said
    assert demande.version.personnes.get().nom in client.get(link).content.decode()
    PersonneInscrite.objects.update(until_on=day)
    assert step() == []


@pytest.mark.rule("HAB-7.a")
def test_without_a_standing_convention_the_paper_says_what_the_application_says(client):
    known = LieuFactory(convention_finie=True, gestionnaire__nom="CC du Val").gestionnaire
    demande = DemandeHabilitationFactory(**as_known(known) | {"version__gestionnaire_nom": "Commune nouvelle"})
    said = "Nom : votre Caf le connaissait avec « CC du Val ». La convention portera « Commune nouvelle »,"
    assert any(one.startswith(said) for one in checked(demande)["Gestionnaire connu"][1])
    client.force_login(AgentFactory().user)
    assert "la convention portera" not in client.get(admin_of(demande, "accepter")).content.decode()
    applications.accept(demande_id=demande.pk, by=AgentFactory().user, now=LATER)
    made = Convention.objects.get(state="preparation")
    assert context_of(founding_acte(made))["gestionnaire"].nom == "Commune nouvelle"
