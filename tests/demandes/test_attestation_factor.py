"""A second factor confirms a signature as the password does, once."""

import pytest
from allauth.mfa.totp.internal.auth import TOTP

from tests.core.test_accounts_factors import code_of
from tests.demandes.test_attestation import address, data_folder, lieu, opened, page, person, sign  # noqa: F401


@pytest.mark.rule("CNS-4.b")
@pytest.mark.rule("ACC-4.b")
def test_a_code_confirms_one_signature_and_no_other(page, person, lieu):  # noqa: F811
    secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
    TOTP.activate(person, secret)
    attestation = opened(lieu)
    shown = page.get(address(attestation)).content.decode()
    confirm = f"/compte/second-facteur/reauthenticate/?next={address(attestation).replace('/', '%2F')}"
    assert confirm in shown
    assert "mot_de_passe" in shown
    assert sign(page, attestation, mot_de_passe=None).status_code == 422
    refused = page.post(confirm, {"code": "123456"}, follow=True)
    assert refused.status_code == 200
    assert "mot_de_passe" in page.get(address(attestation)).content.decode()

    answer = page.post(confirm, {"code": code_of(secret), "next": address(attestation)})
    assert answer["Location"] == address(attestation)
    assert "mot_de_passe" not in page.get(address(attestation)).content.decode()
    assert sign(page, attestation, mot_de_passe=None).status_code == 302
    attestation.refresh_from_db()
    assert attestation.state == "signee"
    other = opened(lieu)
    assert sign(page, other, mot_de_passe=None).status_code == 422
