"""Which addresses the portal takes: the same at every form, in deliveries and by command (DEM-3.a, ING-3.b)."""

import pytest
from django import forms
from django.core.management import call_command

from conventions.forms.parties import OfficialAddressForm
from demandes.documents.motifs import said
from demandes.forms import ReponseForm
from demandes.models import Demande, Rejet
from extranet.core.accounts.models import User
from extranet.core.typed import is_address
from extranet.core.web.forms import AddressField
from extranet.territory.forms import ContactForm
from habilitations.forms import LieuForm, PersonneForm
from tests.demandes.test_deliveries import NOW, counts, file_of, person, record, take  # noqa: F401 -- fixtures
from tests.factories import contenu_of

GOOD = [
    "prenom.nom@exemple.fr",
    "o'brien+creche@sous.domaine.exemple.org",
    "a@b.fr",
    "x" * 64 + "@exemple.fr",
    "a@" + "b" * 63 + ".fr",
    "a@xn--caf-dma.fr",
]
BAD = [
    "a@" + "b" * 64 + ".fr",
    "a@exemple." + "b" * 64,
    "x" * 65 + "@exemple.fr",
    "a@b..fr",
    "a@.b.fr",
    "a@-b.fr",
    "a@b-.fr",
    "a..b@c.fr",
    ".a@c.fr",
    "a@café.fr",
    "é@cafe.fr",
    "a@localhost",
    "a@[127.0.0.1]",
    '"a b"@c.fr',
    "a@" + "b" * 63 + "." + "c" * 63 + "." + "d" * 63 + "." + "e" * 63 + ".fr",
]


@pytest.mark.parametrize("address", GOOD)
def test_a_plain_address_is_taken_everywhere(address):
    assert is_address(address)
    assert AddressField().clean(address) == address


@pytest.mark.parametrize("address", BAD)
def test_one_that_no_mail_can_carry_is_refused_beside_the_field(address):
    assert not is_address(address)
    with pytest.raises(forms.ValidationError):
        AddressField().clean(address)


@pytest.mark.rule("DEM-3.a")
@pytest.mark.rule("HAB-1.a")
def test_each_form_that_keeps_an_address_uses_it():
    for form in (OfficialAddressForm, ReponseForm, ContactForm, LieuForm, PersonneForm):
        fields = [field for field in form.base_fields.values() if isinstance(field, forms.EmailField)]
        assert fields
        assert all(isinstance(field, AddressField) for field in fields), form


@pytest.mark.rule("ING-3.b")
@pytest.mark.django_db
def test_a_delivery_has_the_same_addresses(person):  # noqa: F811
    def contact(address):
        escaped = address.replace("&", "&amp;")
        return f"<courriel>{escaped}</courriel>"

    records = [record(rank, NOW, contact=contact(address)) for rank, address in enumerate([*GOOD, *BAD])]
    livraison = take(file_of(*records))
    assert counts(livraison) == (len(GOOD) + len(BAD), len(GOOD), 0, 0, len(BAD))
    assert sorted(contenu_of(one).courriel for one in Demande.objects.all()) == sorted(GOOD)
    motif = said(Rejet.objects.first().motifs)
    assert "ourriel" in motif
    assert "@" not in motif


@pytest.mark.rule("CTL-6.c")
@pytest.mark.django_db
def test_an_agent_is_not_made_with_such_an_address():
    with pytest.raises(SystemExit) as ended:
        call_command("create_agent", "a@" + "b" * 64 + ".fr", "--caf", "caf-77", "--role", "superviseur")
    assert ended.value.code == 2
    assert not User.objects.exists()
