"""What a lieu says of itself to families, its closures and its poster, through its own pages (DEM-2.e, NOT-4.j)."""

from datetime import date, timedelta
from io import BytesIO

import pikepdf
import pypdf
import pytest
from django.urls import reverse

from conventions.models import Fermeture, Lieu
from demandes.queries import link_token
from extranet.core.journal.models import Entry
from extranet.core.outbox import services as outbox
from tests.conftest import text_of
from tests.factories import NOW, AgentFactory, DemandeFactory, HabilitationFactory, LieuFactory

pytestmark = pytest.mark.django_db
SAID = {
    "horaires": "Lundi de 9 h à 12 h\nJeudi sur <b>rendez-vous</b>",
    "site": "https://relais.exemple.fr/familles?a=1&b=2",
    "courriel": "accueil@relais.test",
}
SHOWN = ("Lundi de 9 h à 12 h", "https://relais.exemple.fr/familles", "accueil@relais.test")


@pytest.fixture(autouse=True)
def today(time_machine):
    time_machine.move_to(NOW, tick=False)


@pytest.fixture
def lieu():
    return LieuFactory(nom="RPE des Tilleuls", courriel="contrat@relais.test", site="https://contrat.exemple.fr")


@pytest.fixture
def user(client, lieu):
    person = HabilitationFactory(lieu=lieu, user__email="ana@tilleuls.test").user
    client.force_login(person)
    return person


def page(lieu, name="lieu"):
    return reverse(f"habilitations:{name}", args=[lieu.uuid])


def pages_of(client, demande):
    """Wherever a family is shown a lieu."""
    token = link_token(demande.uuid)
    paths = ["/?commune=77100", "/demandes/nouvelle/?commune=77100"]
    paths += [reverse(f"demandes:{name}", args=[token]) for name in ("envoyee", "suivi")]
    return {path: client.get(path).content.decode() for path in paths}


@pytest.mark.rule("DEM-2.e")
def test_hours_site_and_address_are_shown_wherever_a_family_sees_the_lieu(client, lieu, user, smtp_sink):
    LieuFactory(nom="Autre lieu")  # so that the family chooses
    demande = DemandeFactory(transmise=True, lieu=lieu, dossier__courriel="famille@famille.test")
    for path, said in pages_of(client, demande).items():  # until the lieu says otherwise, the contract's
        assert "contrat@relais.test" in said, path
        assert 'href="https://contrat.exemple.fr"' in said, path
    assert client.post(page(lieu), SAID)["Location"] == reverse("habilitations:lieux")
    for path, said in pages_of(client, demande).items():
        for words in SHOWN:
            assert words in said, (path, words)
        assert 'href="https://relais.exemple.fr/familles?a=1&amp;b=2"' in said, path
        assert "<b>rendez-vous" not in said, path
        assert "contrat" not in said, path
    outbox.post("demandes.accuse", key="essai", to=[f"demande:{demande.uuid}"], now=NOW, demande=demande.pk)
    outbox.send_due(now=NOW)
    [mail] = smtp_sink.to("famille@famille.test")
    for part in (text_of(mail), mail.get_body(("html",)).get_content()):
        assert all(words in part for words in SHOWN)
    line = Entry.objects.get(event="lieu.presentation")
    assert (line.actor, line.object_id) == (f"user:{user.uuid}", str(lieu.uuid))
    assert "accueil@" not in str(line.details)
    client.post(page(lieu), SAID)  # the same again is no news
    client.post(page(lieu), SAID | {"courriel": "", "site": ""})
    assert Entry.objects.filter(event="lieu.presentation").count() == 2
    said = pages_of(client, demande)["/?commune=77100"]
    assert "mailto:accueil@" not in said
    assert "contrat" not in said


@pytest.mark.rule("DEM-2.e")
@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("site", "javascript:alert(1)"),
        ("site", "ftp://relais.exemple.fr"),
        ("site", "https://moi:secret@relais.exemple.fr"),
        ("site", "https://relais.exemple.fr/" + "x" * 200),
        ("courriel", "pas une adresse"),
        ("horaires", "x" * 501),
        ("horaires", "lundi\n" * 11),
        ("horaires", "lundi\u202e"),
    ],
)
def test_what_no_family_should_read_is_refused_and_kept_in_the_form(client, lieu, user, name, typed):
    answer = client.post(page(lieu), SAID | {name: typed})
    assert answer.status_code == 422
    assert answer.context["form"].errors.keys() == {name}
    assert answer.context["form"][name].value() == typed
    assert Lieu.objects.get(pk=lieu.pk).annonce_le is None


@pytest.mark.rule("DEM-2.e")
def test_an_agent_of_its_caf_says_it_too(client, lieu):
    def act(agent, **typed):
        client.force_login(agent.user)
        return client.post(reverse("admin:conventions_lieu_acte", args=[lieu.pk, "presentation"]), SAID | typed)

    assert act(AgentFactory(essonne=True)).status_code == 404
    assert act(AgentFactory(lecteur=True)).status_code == 403
    assert act(AgentFactory(), site="javascript:alert(1)").status_code == 422
    assert act(agent := AgentFactory()).status_code == 302
    assert Lieu.objects.get(pk=lieu.pk).site_public == SAID["site"]
    assert Entry.objects.get(event="lieu.presentation").actor == f"user:{agent.user.uuid}"


def days(du, au, **more):
    return {"du": str(du), "au": str(au), "motif": "conges"} | more


@pytest.mark.rule("NOT-4.j")
def test_families_read_of_a_closure_before_they_choose_and_only_while_it_is_near(client, lieu, user, time_machine):
    LieuFactory(nom="Autre lieu")
    start, end = date(2026, 12, 21), date(2027, 1, 1)
    assert client.post(page(lieu, "fermetures"), days(start, end)).status_code == 302

    def said(day, langue="fr", path="/demandes/nouvelle/?commune=77100"):
        time_machine.move_to(NOW + (day - NOW.date()), tick=False)
        return client.get(f"{path}&langue={langue}").content.decode()

    french = "Fermé du lundi 21 décembre 2026 au vendredi 1er janvier 2027 inclus</strong> (congés)"
    english = "Closed from Monday 21 December 2026 to Friday 1 January 2027 inclusive</strong> (holidays)"
    assert "Fermé" not in said(start - timedelta(days=43))
    for day in (start - timedelta(days=42), start, end):
        assert french in said(day)
        assert french in said(day, path="/?commune=77100")
        assert english in said(day, "en")
    assert "Fermé" not in said(end + timedelta(days=1))


@pytest.mark.rule("NOT-4.j")
def test_a_closure_is_changed_and_removed_and_overlaps_no_other(client, lieu, user):
    today, new = NOW.date(), page(lieu, "fermetures")
    client.post(new, days("2026-12-21", "2027-01-01"))
    refused = {
        ("2026-12-01", "2026-12-21"): "du",
        ("2027-01-01", "2027-01-05"): "du",
        ("2026-12-24", "2026-12-24"): "du",
        (today - timedelta(days=1), today): "du",
        ("2027-02-02", "2027-02-01"): "au",
        ("2027-11-20", "2027-11-24"): "au",
        ("demain", "2027-02-01"): "du",
    }
    for (du, au), field in refused.items():
        answer = client.post(new, days(du, au))
        assert (answer.status_code, [*answer.context["form"].errors]) == (422, [field]), (du, au)
    assert client.post(new, days(today, today, motif="rien")).status_code == 422
    assert client.post(new, days("2027-11-20", "2027-11-23", motif="")).status_code == 302
    first = Fermeture.objects.earliest("du")
    one = reverse("habilitations:fermeture", args=[first.uuid])
    assert client.post(one, days("2026-12-22", "2026-12-31", motif="travaux")).status_code == 302
    first.refresh_from_db()
    assert (first.du, first.au, first.motif) == (date(2026, 12, 22), date(2026, 12, 31), "travaux")
    Fermeture.objects.filter(pk=first.pk).update(du=today - timedelta(days=2), au=today)  # it has begun
    assert client.post(one, days(today - timedelta(days=2), today + timedelta(days=1))).status_code == 302
    Fermeture.objects.filter(pk=first.pk).update(au=today - timedelta(days=1))  # it is over
    assert client.post(one, days(today, today)).status_code == 409
    assert client.post(one, {"retirer": "1"}).status_code == 409
    last = Fermeture.objects.latest("du")
    stranger = HabilitationFactory(lieu=LieuFactory()).user
    client.force_login(stranger)
    assert client.post(reverse("habilitations:fermeture", args=[last.uuid]), {"retirer": "1"}).status_code == 404
    client.force_login(user)
    client.post(reverse("habilitations:fermeture", args=[last.uuid]), {"retirer": "1"})
    assert list(Fermeture.objects.all()) == [first]
    events = Entry.objects.filter(object_id=str(lieu.uuid)).values_list("event", flat=True)
    assert set(events) == {"lieu.fermeture-declaree", "lieu.fermeture-changee", "lieu.fermeture-retiree"}


@pytest.mark.rule("NOT-4.j")
def test_its_caf_sees_the_closure_and_the_demandes_whose_fifteenth_day_falls_in_it(client, lieu, user):
    inside = DemandeFactory(transmise=True, lieu=lieu, at=NOW - timedelta(days=1))
    before = DemandeFactory(transmise=True, lieu=lieu, at=NOW - timedelta(days=5))
    fetched = DemandeFactory(recuperee=True, lieu=lieu, at=NOW - timedelta(days=1))
    client.post(page(lieu, "fermetures"), days("2026-12-07", "2026-12-20"))
    for agent, seen in ((AgentFactory(), True), (AgentFactory(essonne=True), False)):
        client.force_login(agent.user)
        desk = client.get(reverse("admin:index")).content.decode()
        assert ("demande dont le quinzième jour tombe pendant une fermeture" in desk) is seen
        assert ("lieu fermé, ou qui va fermer" in desk) is seen
        listed = client.get(reverse("admin:demandes_demande_changelist") + "?delai=fermeture").content.decode()
        assert (inside.reference in listed) is seen
        assert before.reference not in listed
        assert fetched.reference not in listed
        closing = client.get(reverse("admin:conventions_lieu_changelist") + "?fermeture=proche").content.decode()
        assert (lieu.nom in closing) is seen
    client.force_login(AgentFactory().user)
    own = client.get(reverse("admin:conventions_lieu_change", args=[lieu.pk])).content.decode()
    assert "du 7 déc. 2026 au 20 déc. 2026" in own
    assert "Fermeture déclarée" in own


@pytest.mark.parametrize(("size", "points"), [("a4", (595, 842)), ("a5", (420, 595))])
def test_the_poster_is_one_page_whose_code_opens_the_form(client, lieu, user, settings, size, points):
    settings.PUBLIC_URL = "https://portail.exemple.fr"
    lieu.horaires = "\n".join(["Lundi et jeudi de 9 h à 12 h 30, sauf le premier du mois"] * 9)
    lieu.save()
    answer = client.get(page(lieu, "affiche"), {"format": size, "commune": "77100"})
    assert answer["Content-Disposition"] == f'attachment; filename="affiche-{lieu.code}-{size}.pdf"'
    [leaf] = pypdf.PdfReader(BytesIO(answer.content)).pages
    assert (round(leaf.mediabox.width), round(leaf.mediabox.height)) == points
    assert all(
        words in leaf.extract_text() for words in ("RPE des Tilleuls", "portail.exemple.fr", "contrat@relais.test")
    )
    with pikepdf.open(BytesIO(answer.content)) as pdf:
        alts = [str(one.Alt) for one in pdf.objects if isinstance(one, pikepdf.Dictionary) and "/Alt" in one]
    code = f"https://portail.exemple.fr/demandes/nouvelle/?commune=77100&lieu={lieu.uuid}"
    assert alts == [f"Code à scanner : {code}"]
    assert "portail.exemple.fr/demandes/nouvelle" in leaf.extract_text().replace("\n", "")
    assert str(lieu.uuid)[:8] not in leaf.extract_text()
    foreign = client.get(page(lieu, "affiche"), {"format": size, "commune": "75056"})
    assert foreign["Location"] == reverse("habilitations:lieux")
