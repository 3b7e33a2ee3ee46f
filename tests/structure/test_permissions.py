"""Who gets what at every address: the whole table, each cell requested."""

from itertools import islice
from urllib.parse import quote

import pytest
import time_machine
from django.db import transaction
from django.urls import URLResolver, get_resolver, reverse

from tests.factories import NOW
from tests.structure.world import World

# Columns. `autre-lieu` and `autre-caf` are rich strangers: same commune, own convention in force, own rows.
PUBLICS = [
    "famille",
    "personne",
    "autre-lieu",
    "premiere",
    "instructeur",
    "autre-caf",
    "lecteur",
    "superviseur",
    "cnaf",
]

# What is not a status: where a 302 leads.
LEADS = {
    "login": "/compte/connexion/?next=",  # and back to this very address
    "choix": "/compte/premiere-connexion/",  # one's own password first
    "confirme": "/compte/confirmation/",  # password again
    "entree": "/entree/",
    "espace": "/espace/demandes/",
    "bureau": "/admin/",
    "fiche": "change/",
    "accueil": "/",
    "porte": "/compte/connexion/",
}

# address [variant], method: one answer for each public, in the order of PUBLICS.
# {scoped}: admins of one Caf's rows; {national}: reference lists; {reserved}: the Cnaf's own; {addressed}: one Caf's,
# not the Cnaf's (HAB-6.a).
TABLE = """
portal:accueil                  GET   200    200  200  choix 200  200  200  200  200
portal:accueil                  POST  405    405  405  choix 405  405  405  405  405
portal:entree                   GET   login  espace espace choix bureau bureau bureau bureau bureau
portal:confidentialite          GET   200    200  200  choix 200  200  200  200  200
portal:mentions_legales         GET   200    200  200  choix 200  200  200  200  200
portal:accessibilite            GET   200    200  200  choix 200  200  200  200  200
portal:vivant                   GET   200    200  200  200   200  200  200  200  200
portal:pret                     GET   503    503  503  503   503  503  503  503  503
territory:communes              GET   200    200  200  choix 200  200  200  200  200
territory:epcis                 GET   200    200  200  choix 200  200  200  200  200

demandes:nouvelle               GET   200    200  200  choix 200  200  200  200  200
demandes:nouvelle               POST  302    302  302  choix 302  302  302  302  302
demandes:etape                  GET   302    302  302  choix 302  302  302  302  302
demandes:etape                  POST  302    302  302  choix 302  302  302  302  302
demandes:etape[unknown]         GET   404    404  404  choix 404  404  404  404  404
demandes:retiree                GET   200    200  200  choix 200  200  200  200  200
demandes:envoyee                GET   200    200  200  choix 200  200  200  200  200
demandes:envoyee[forged]        GET   404    404  404  choix 404  404  404  404  404
demandes:suivi                  GET   200    200  200  choix 200  200  200  200  200
demandes:suivi[forged]          GET   404    404  404  choix 404  404  404  404  404
demandes:suivi[destroyed]       GET   410    410  410  choix 410  410  410  410  410
habilitations:avant             GET   200    200  200  choix 200  200  200  200  200
demandes:autre-lieu             GET   302    302  302  choix 302  302  302  302  302
demandes:autre-lieu             POST  302    302  302  choix 302  302  302  302  302
demandes:autre-lieu[forged]     POST  404    404  404  choix 404  404  404  404  404
demandes:autre-lieu[destroyed]  GET   410    410  410  choix 410  410  410  410  410
habilitations:nouvelle          GET   200    200  200  choix 200  200  200  200  200
habilitations:nouvelle          POST  302    302  302  choix 302  302  302  302  302
habilitations:etape             GET   302    302  302  choix 302  302  302  302  302
habilitations:etape             POST  302    302  302  choix 302  302  302  302  302
habilitations:etape[unknown]    GET   404    404  404  choix 404  404  404  404  404
habilitations:complement        GET   200    200  200  choix 200  200  200  200  200
habilitations:complement        POST  302    302  302  choix 302  302  302  302  302
habilitations:complement[replaced] GET 410   410  410  choix 410  410  410  410  410
habilitations:complement[replaced] POST 410  410  410  choix 410  410  410  410  410
habilitations:complement[forged] GET  404    404  404  choix 404  404  404  404  404
habilitations:envoyee           GET   200    200  200  choix 200  200  200  200  200
habilitations:envoyee[forged]   GET   404    404  404  choix 404  404  404  404  404
habilitations:suivi             GET   200    200  200  choix 200  200  200  200  200
habilitations:suivi[forged]     GET   404    404  404  choix 404  404  404  404  404
habilitations:suivi[erased]     GET   410    410  410  choix 410  410  410  410  410

demandes:liste                  GET   login  200  200  choix 403  403  403  403  403
demandes:lieu                   GET   login  405  405  choix 405  405  405  405  405
demandes:lieu                   POST  login  espace espace choix 403  403  403  403  403
demandes:detail                 GET   login  200  404  choix 403  403  403  403  403
demandes:detail[destroyed]      GET   login  410  404  choix 403  403  403  403  403
demandes:telechargement         GET   login  405  405  choix 405  405  405  405  405
demandes:telechargement         POST  login  200  404  choix 403  403  403  403  403
demandes:cloture                GET   login  405  405  choix 405  405  405  405  405
demandes:cloture                POST  login  espace 404  choix 403  403  403  403  403
demandes:geste                  GET   login  espace espace choix 403  403  403  403  403
demandes:geste                  POST  login  espace 404  choix 403  403  403  403  403
demandes:reouverture            POST  login  409  404  choix 403  403  403  403  403
demandes:acte[appel]            GET   login  405  405  choix 405  405  405  405  405
demandes:acte[appel]            POST  login  302  404  choix 403  403  403  403  403
demandes:acte[rdv]              POST  login  302  404  choix 403  403  403  403  403
demandes:acte[confier]          POST  login  302  404  choix 403  403  403  403  403
demandes:acte[note]             POST  login  302  404  choix 403  403  403  403  403
demandes:acte[unknown]          POST  login  404  404  choix 403  403  403  403  403
demandes:acte[destroyed]        POST  login  410  404  choix 403  403  403  403  403
demandes:annulation             POST  login  302  404  choix 403  403  403  403  403
demandes:calendrier             GET   login  200  404  choix 403  403  403  403  403
demandes:calendrier[destroyed]  GET   login  410  404  choix 403  403  403  403  403
demandes:retrait-note           POST  login  302  404  choix 403  403  403  403  403
demandes:statistiques           GET   login  200  200  choix 403  403  403  403  403
demandes:fiche-ods              GET   login  200  404  choix 403  403  403  403  403
demandes:fiche-pdf              GET   login  404  200  choix 403  403  403  403  403
demandes:fichier                GET   login  200  404  choix 403  403  403  403  403
demandes:fichier                POST  login  302  404  choix 403  403  403  403  403
attestations:bilan              GET   login  200  404  choix 403  403  403  403  403
attestations:bilan              POST  login  422  404  choix 403  403  403  403  403
attestations:bilan[confirmed]   POST  login  409  404  choix 403  403  403  403  403
attestations:bilan-pdf          GET   login  404  404  choix 403  403  403  403  403
attestations:bilan-pdf[confirmed] GET login  200  404  choix 403  403  403  403  403
attestations:liste              GET   login  200  200  choix 403  403  403  403  403
attestations:attestation        GET   login  200  404  choix 403  403  403  403  403
attestations:attestation        POST  login  422  404  choix 403  403  403  403  403
attestations:attestation[signed] POST  login  409  404  choix 403  403  403  403  403
attestations:pdf                GET   login  404  404  choix 403  403  403  403  403
attestations:pdf[signed]        GET  login  200  404  choix 403  403  403  403  403
conventions:a-signer            GET   200    200  200  choix 200  200  200  200  200
conventions:a-signer            POST  422    422  422  choix 422  422  422  422  422
conventions:a-signer[replaced]  GET   410    410  410  choix 410  410  410  410  410
conventions:a-signer[replaced]  POST  410    410  410  choix 410  410  410  410  410
conventions:a-signer[forged]    GET   404    404  404  choix 404  404  404  404  404
conventions:document            GET   200    200  200  choix 200  200  200  200  200
conventions:document[replaced]  GET   410    410  410  choix 410  410  410  410  410
conventions:document[forged]    GET   404    404  404  choix 404  404  404  404  404
habilitations:convention        GET   login  200  200  choix 403  403  403  403  403
habilitations:engagement        GET   login  200  404  choix 403  403  403  403  403
habilitations:engagement        POST  login  422  404  choix 403  403  403  403  403
habilitations:avenant           GET   login  200  404  choix 403  403  403  403  403
demandes:parties                GET   login  200  200  choix 403  403  403  403  403
habilitations:lieux             GET   login  200  200  choix 403  403  403  403  403
habilitations:lieu              GET   login  200  404  choix 403  403  403  403  403
habilitations:lieu              POST  login  302  404  choix 403  403  403  403  403
habilitations:fermetures        GET   login  200  404  choix 403  403  403  403  403
habilitations:fermetures        POST  login  422  404  choix 403  403  403  403  403
habilitations:fermeture         GET   login  200  404  choix 403  403  403  403  403
habilitations:fermeture         POST  login  422  404  choix 403  403  403  403  403
habilitations:affiche           GET   login  302  404  choix 403  403  403  403  403
habilitations:messages          GET   login  200  200  choix 403  403  403  403  403
habilitations:message           GET   login  200  200  choix 403  403  403  403  403
habilitations:message           POST  login  422  422  choix 403  403  403  403  403
habilitations:echange           GET   login  200  404  choix 403  403  403  403  403
habilitations:echange           POST  login  422  404  choix 403  403  403  403  403
habilitations:echange_fichier   GET   login  200  404  choix 403  403  403  403  403
habilitations:echange_fichier[elsewhere] GET login 404 404 choix 403  403  403  403  403

demandes:schemas                GET   200    200  200  choix 200  200  200  200  200
demandes:schema-1               GET   200    200  200  choix 200  200  200  200  200
demandes:api-livraisons         GET   405    405  405  choix 405  405  405  405  405
demandes:api-livraisons         POST  401    401  401  choix 401  401  401  401  401
demandes:api-livraison          GET   401    404  404  choix 404  404  404  404  200
demandes:api-rapport            GET   401    404  404  choix 404  404  404  404  200

demandes:api-demandes           GET   401    401  401  choix 401  401  401  401  401
demandes:api-accuses            POST  401    401  401  choix 401  401  401  401  401
demandes:api-openapi            GET   200    200  200  choix 200  200  200  200  200
demandes:flux                   GET   200    200  200  choix 200  200  200  200  200

demandes:jetons                 GET   login  200  200  choix 403  403  403  403  200
demandes:jetons                 POST  login  422  422  choix 403  403  403  403  422
demandes:jeton-revocation       GET   login  405  405  choix 405  405  405  405  405
demandes:jeton-revocation       POST  login  404  404  choix 403  403  403  403  302
demandes:jeton-revocation[other] POST login  404  404  choix 403  403  403  403  404
demandes:jeton-revocation[lieu] POST  login  302  404  choix 403  403  403  403  404

portal:compte                   GET   login  200  200  choix 200  200  200  200  200
portal:donnees                  GET   login  200  200  choix 200  200  200  200  200
accounts:premiere               GET   login  entree entree 200 entree entree entree entree entree
accounts:appareil               GET   porte  entree entree choix entree entree entree entree entree
accounts:sessions               GET   login  200  200  choix 200  200  200  200  200
accounts:sessions               POST  login  404  404  choix 404  404  404  404  404
account_login                   GET   200    entree entree choix entree entree entree entree entree
account_logout                  GET   accueil 200 200 200 200 200 200 200 200
account_signup                  GET   404    404  404  choix 404  404  404  404  404
account_signup                  POST  404    404  404  choix 404  404  404  404  404
account_inactive                GET   200    200  200  choix 200  200  200  200  200
account_reauthenticate          GET   login  200  200  choix 200  200  200  200  200
account_change_password         GET   login  200  200  choix 200  200  200  200  200
account_reset_password          GET   200    200  200  choix 200  200  200  200  200
mfa_index                       GET   login  200  200  choix 200  200  200  200  200
mfa_authenticate                GET   porte  entree entree choix entree entree entree entree entree
mfa_reauthenticate              GET   login  confirme confirme choix confirme confirme confirme confirme confirme
mfa_activate_totp               GET   login  confirme confirme choix confirme confirme confirme confirme confirme
mfa_deactivate_totp             GET   login  404  404  choix 404 404 404 404 404
mfa_view_recovery_codes         GET   login  404  404  choix 404 404 404 404 404
mfa_generate_recovery_codes     GET   login  confirme confirme choix confirme confirme confirme confirme confirme
mfa_download_recovery_codes     GET   login  404  404  choix 404 404 404 404 404
mfa_list_webauthn               GET   login  200  200  choix 200 200 200 200 200
mfa_login_webauthn              GET   200    200  200  choix 200  200  200  200  200
mfa_add_webauthn                GET   login  confirme confirme choix confirme confirme confirme confirme confirme
mfa_reauthenticate_webauthn     GET   login  confirme confirme choix confirme confirme confirme confirme confirme
mfa_remove_webauthn             GET   login  confirme confirme choix confirme confirme confirme confirme confirme
mfa_edit_webauthn               GET   login  confirme confirme choix confirme confirme confirme confirme confirme

admin:index                     GET   login  403  403  choix 200  200  200  200  200
admin:login                     GET   login  bureau bureau choix bureau bureau bureau bureau bureau
admin:courriels-non-distribues  GET   login  403  403  choix 200  200  200  200  200
admin:acces                     GET   login  403  403  choix 403  403  403  200  403
admin:acces                     POST  login  403  403  choix 403  403  403  200  403
admin:jsi18n                    GET   login  403  403  choix 200  200  200  200  200
admin:app_list                  GET   login  403  403  choix 200  200  200  200  200
admin:autre                     GET   login  403  403  choix 404  404  404  404  404

admin:{scoped}_changelist       GET   login  403  403  choix 200  200  200  200  200
admin:{scoped}_add              GET   login  403  403  choix 403  403  403  403  403
admin:{scoped}_add              POST  login  403  403  choix 403  403  403  403  403
admin:{scoped}_change           GET   login  403  403  choix 200  404  200  200  200
admin:{scoped}_change           POST  login  403  403  choix 403  404  403  403  403
admin:{scoped}_delete           GET   login  403  403  choix 403  404  403  403  403
admin:{scoped}_delete           POST  login  403  403  choix 403  404  403  403  403
admin:{scoped}_history          GET   login  403  403  choix 404  404  404  404  404
admin:{scoped}                  GET   login  403  403  choix fiche fiche fiche fiche fiche

admin:{addressed}_changelist       GET   login  403  403  choix 200  200  200  200  403
admin:{addressed}_add              GET   login  403  403  choix 403  403  403  403  403
admin:{addressed}_add              POST  login  403  403  choix 403  403  403  403  403
admin:{addressed}_change           GET   login  403  403  choix 200  404  200  200  404
admin:{addressed}_change           POST  login  403  403  choix 403  404  403  403  404
admin:{addressed}_delete           GET   login  403  403  choix 403  404  403  403  404
admin:{addressed}_delete           POST  login  403  403  choix 403  404  403  403  404
admin:{addressed}_history          GET   login  403  403  choix 404  404  404  404  404
admin:{addressed}                  GET   login  403  403  choix fiche fiche fiche fiche fiche

admin:{national}_changelist     GET   login  403  403  choix 200  200  200  200  200
admin:{national}_add            GET   login  403  403  choix 403  403  403  403  403
admin:{national}_add            POST  login  403  403  choix 403  403  403  403  403
admin:{national}_change         GET   login  403  403  choix 200  200  200  200  200
admin:{national}_change         POST  login  403  403  choix 403  403  403  403  403
admin:{national}_delete         GET   login  403  403  choix 403  403  403  403  403
admin:{national}_delete         POST  login  403  403  choix 403  403  403  403  403
admin:{national}_history        GET   login  403  403  choix 404  404  404  404  404
admin:{national}                GET   login  403  403  choix fiche fiche fiche fiche fiche

admin:{reserved}_changelist     GET   login  403  403  choix 403  403  403  403  200
admin:{reserved}_change         GET   login  403  403  choix 404  404  404  404  200
admin:{reserved}_change         POST  login  403  403  choix 404  404  404  404  403
admin:{reserved}_delete         GET   login  403  403  choix 404  404  404  404  403
admin:{reserved}_delete         POST  login  403  403  choix 404  404  404  404  403
admin:{reserved}_history        GET   login  403  403  choix 404  404  404  404  404
admin:{reserved}                GET   login  403  403  choix fiche fiche fiche fiche fiche
admin:territory_agent_changelist GET  login  403  403  choix 403  403  403  200  200
admin:territory_agent_change    GET   login  403  403  choix 404  404  404  200  200
admin:territory_agent_change    POST  login  403  403  choix 404  404  404  403  403
admin:territory_agent_delete    GET   login  403  403  choix 404  404  404  403  403
admin:territory_agent_delete    POST  login  403  403  choix 404  404  404  403  403
admin:territory_agent_history   GET   login  403  403  choix 404  404  404  404  404
admin:territory_agent           GET   login  403  403  choix fiche fiche fiche fiche fiche
admin:territory_agent_add       GET   login  403  403  choix 403  403  403  403  403
admin:territory_agent_add       POST  login  403  403  choix 403  403  403  403  403
admin:demandes_livraison_add    GET   login  403  403  choix 403  403  403  403  200
admin:demandes_livraison_add    POST  login  403  403  choix 403  403  403  403  422

admin:{acting}_acte[unknown]                      GET   login 403 403 choix 404 404 404 404 404
admin:demandes_demande_acte[confier]              GET   login 403 403 choix 200 404 403 200 403
admin:demandes_demande_acte[confier]              POST  login 403 403 choix 422 404 403 422 403
admin:demandes_demande_actes[confier]             GET   login 403 403 choix 200 404 403 200 403
admin:demandes_demande_actes[confier]             POST  login 403 403 choix 422 404 403 422 403
admin:demandes_demande_actes[reprendre]           GET   login 403 403 choix 200 404 403 200 403
admin:demandes_demande_actes[reprendre]           POST  login 403 403 choix 409 404 403 409 403
admin:demandes_jetonlieu_acte[revoquer]           GET   login 403 403 choix 200 404 403 200 403
admin:demandes_jetonlieu_acte[revoquer]           POST  login 403 403 choix 302 404 403 302 403
admin:demandes_demande_actes[unknown]             GET   login 403 403 choix 404 404 404 404 404
admin:habilitations_demandehabilitation_acte[accepter] GET login 403 403 choix 200 404 403 200 404
admin:habilitations_demandehabilitation_acte[refuser] POST login 403 403 choix 422 404 403 422 404
admin:habilitations_demandehabilitation_acte[complement] POST login 403 403 choix 422 404 403 422 404
admin:habilitations_demandehabilitation_acte[transferer] POST login 403 403 choix 422 404 403 422 404
admin:habilitations_echange_acte[repondre]        POST  login 403 403 choix 422 404 403 422 404
admin:habilitations_echange_acte[terminer]        GET   login 403 403 choix 200 404 403 200 404
admin:habilitations_echange_fichier               GET   login 403 403 choix 200 404 200 200 404
admin:habilitations_echange_fichier[elsewhere]    GET   login 403 403 choix 404 404 404 404 404
admin:habilitations_personneaactiver_acte[activer] GET  login 403 403 choix 200 404 403 200 403
admin:habilitations_personneaactiver_actes[activer] GET login 403 403 choix 200 404 403 200 403
admin:habilitations_personneaactiver_actes[activer] POST login 403 403 choix 302 404 403 302 403
admin:habilitations_habilitation_acte[suspendre]  POST  login 403 403 choix 422 404 403 422 403
admin:habilitations_habilitation_acte[renvoyer]   GET   login 403 403 choix 409 404 403 409 403
admin:conventions_convention_acte[signature]      POST  login 403 403 choix 422 404 403 422 403
admin:conventions_convention_acte[acte-autorisant] GET  login 403 403 choix 200 404 403 200 403
admin:conventions_convention_acte[abandonner]     POST  login 403 403 choix 409 404 403 409 403
admin:conventions_convention_acte[verifier-copie] POST login 403 403 choix 409 404 403 409 403
admin:conventions_convention_acte[refuser-copie] POST login 403 403 choix 409 404 403 409 403
admin:conventions_convention_acte[envoyer-lien] POST  login 403 403 choix 409 404 403 409 403
admin:conventions_convention_acte[corriger]     POST  login 403 403 choix 409 404 403 409 403
admin:conventions_convention_acte[originaux]    POST  login 403 403 choix 422 404 403 422 403
admin:conventions_convention_acte[suspendre]      POST  login 403 403 choix 403 404 403 422 403
admin:conventions_convention_acte[lever-la-suspension] POST login 403 403 choix 403 404 403 409 403
admin:conventions_convention_avenant              GET   login 403 403 choix 409 404 403 409 403
admin:conventions_convention_avenant              POST  login 403 403 choix 409 404 403 409 403
admin:conventions_convention_annexe               GET   login 403 403 choix 200 404 200 200 200
admin:conventions_avenant_acte[signature]         POST  login 403 403 choix 422 404 403 422 403
admin:conventions_avenant_acte[acte-autorisant]   GET   login 403 403 choix 200 404 403 200 403
admin:conventions_avenant_acte[abandonner]        POST  login 403 403 choix 422 404 403 422 403
admin:conventions_avenant_pdf                     GET   login 403 403 choix 200 404 200 200 403
admin:conventions_convention_acte[courrier]       POST  login 403 403 choix 422 404 403 422 403
admin:conventions_convention_acte[suite-d-un-courrier] POST login 403 403 choix 422 404 403 422 403
admin:conventions_convention_acte[fin-a-l-echeance] POST login 403 403 choix 409 404 403 409 403
admin:conventions_convention_acte[resilier-pour-manquement] POST login 403 403 choix 403 404 403 409 403
admin:conventions_convention_acte[retirer-la-resiliation] POST login 403 403 choix 403 404 403 409 403
admin:conventions_convention_acte[tentative-amiable] POST login 403 403 choix 422 404 403 422 403
admin:conventions_convention_acte[nouveaux-mots-de-passe] POST login 403 403 choix 302 404 403 302 403
admin:conventions_lieu_acte[presentation]         POST  login 403 403 choix 302 404 403 302 403
admin:conventions_gestionnaire_acte[courriel-officiel] POST login 403 403 choix 422 404 403 422 403
admin:habilitations_habilitation_acte[lever]      POST  login 403 403 choix 409 404 403 409 403
admin:habilitations_habilitation_acte[second-facteur] POST login 403 403 choix 409 404 403 409 403
admin:territory_agent_acte[unknown]               GET   login 403 403 choix 404 404 404 404 404
admin:territory_agent_acte[dpo]                   POST  login 403 403 choix 404 404 404 302 302
admin:territory_agent_acte[second-facteur]        POST  login 403 403 choix 404 404 404 409 409
admin:territory_caf_acte[second-facteur]          POST  login 403 403 choix 403 404 403 302 302
admin:territory_caf_acte[coordonnees]             GET   login 403 403 choix 403 404 403 200 200
admin:territory_caf_acte[rappels]                 POST  login 403 403 choix 403 404 403 422 422
admin:territory_caf_acte[quatre-yeux]             POST  login 403 403 choix 403 404 403 302 302
admin:conventions_convention_pdf                  GET   login 403 403 choix 200 404 200 200 403
admin:conventions_convention_publication          GET   login 403 403 choix 409 404 409 409 403
admin:conventions_convention_fichier              GET   login 403 403 choix 200 404 200 200 403
admin:conventions_convention_courrier             GET   login 403 403 choix 200 404 200 200 403
admin:conventions_convention_courrier[elsewhere]  GET   login 403 403 choix 404 404 404 404 403
admin:conventions_convention_lettre               GET   login 403 403 choix 200 404 403 200 403
admin:conventions_convention_lettre               POST  login 403 403 choix 422 404 403 422 403
admin:conventions_convention_lettre[unknown]      GET   login 403 403 choix 404 404 404 404 404
admin:dossier-de-manquement                       GET   login 403 403 choix 200 404 200 200 403
admin:conventions_convention_fichier[elsewhere]   GET   login 403 403 choix 404 404 404 404 403
admin:conventions_convention_acte[document-signe] GET   login 403 403 choix 409 404 403 409 403
admin:conventions_convention_acte[prestataire]    POST  login 403 403 choix 422 404 403 422 403
admin:conventions_convention_reprise              GET   login 403 403 choix 200 200 403 200 403
admin:conventions_convention_reprise              POST  login 403 403 choix 422 422 403 422 403
admin:conventions_convention_reprise_fichier      GET   login 403 403 choix 200 200 403 200 403
admin:conventions_convention_reprise_fichier      POST  login 403 403 choix 422 422 403 422 403
admin:conventions_convention_reprise_modele_ods   GET   login 403 403 choix 200 200 403 200 403
admin:conventions_convention_reprise_modele_csv   GET   login 403 403 choix 200 200 403 200 403
admin:conventions_prestataire_acte[demander]      POST  login 403 403 choix 422 404 403 422 403
admin:conventions_prestataire_acte[engagement]    POST  login 403 403 choix 409 404 403 409 403
admin:conventions_prestataire_acte[accepter]      GET   login 403 403 choix 200 404 403 200 403
admin:conventions_prestataire_acte[refuser]       POST  login 403 403 choix 422 404 403 422 403
admin:conventions_prestataire_acte[fin]           POST  login 403 403 choix 422 404 403 422 403
admin:conventions_prestataire_engagement          GET   login 403 403 choix 200 404 200 200 403
admin:conventions_prestataire_engagement[elsewhere] GET login 403 403 choix 404 404 404 404 403
admin:attestations_attestation_pdf                    GET   login 403 403 choix 200 404 200 200 200
admin:attestations_bilan_pdf                          GET   login 403 403 choix 200 404 200 200 200
"""

GROUPS = {
    "scoped": [
        "demandes_demande",
        "demandes_jetonlieu",
        "attestations_attestation",
        "attestations_bilan",
        "habilitations_personneaactiver",
        "habilitations_habilitation",
        "conventions_convention",
        "conventions_avenant",
        "conventions_lieu",
        "conventions_gestionnaire",
        "conventions_prestataire",
        "territory_caf",
    ],
    "national": ["territory_commune", "territory_epci", "territory_departement"],
    "reserved": ["demandes_livraison"],
    "addressed": ["habilitations_demandehabilitation", "habilitations_echange"],
}
GROUPS["acting"] = GROUPS["addressed"] + [
    name for name in GROUPS["scoped"] if name not in ("attestations_attestation", "attestations_bilan")
]


def rows():
    """(address, variant, method, answers), groups spelled out."""
    for line in filter(None, TABLE.splitlines()):
        name, method, *answers = line.split()
        assert len(answers) == len(PUBLICS), line
        name, _, variant = name.rstrip("]").partition("[")
        group = name[name.find("{") + 1 : name.find("}")] if "{" in name else ""
        for member in GROUPS[group] if group else [""]:
            yield name.replace(f"{{{group}}}", member), variant, method, answers


def addresses(resolver, prefix=""):
    """Every name of the URLconf; an admin object's bare address has none and takes its model's."""
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            inner = f"{entry.namespace}:" if entry.namespace else prefix
            bare = str(entry.pattern).strip("/").replace("/", "_")
            for name in addresses(entry, inner):
                yield f"admin:{bare}" if name == "admin:None" and bare else name
        else:
            yield "admin:autre" if str(entry.pattern) == "(?P<url>.*)$" else f"{prefix}{entry.name}"


def test_the_table_names_every_address_and_no_other():
    listed, existing = {name for name, *_ in rows()}, set(addresses(get_resolver()))
    assert sorted(existing - listed) == [], "missing from the table"
    assert sorted(listed - existing) == [], "gone"


@pytest.fixture
def world(db):
    """Own rows for each public; answers `address(name, variant)`, `data(name)` and `people`."""
    with time_machine.travel(NOW, tick=False):
        yield World()


def answer_of(response, path):
    """The status, or the word for where a 302 leads."""
    if response.status_code != 302:
        return str(response.status_code)
    target = response["Location"]
    if target == f"{LEADS['login']}{quote(path)}":
        return "login"
    for word, lead in LEADS.items():
        if word != "login" and target.partition("?")[0] == lead:
            return word
    return "fiche" if target.endswith(LEADS["fiche"]) and target.startswith(path) else "302"


@pytest.mark.rule("ACC-1.a")
@pytest.mark.rule("ACC-3.a")
@pytest.mark.rule("ACT-3.b")
@pytest.mark.rule("ACT-7.d")
@pytest.mark.rule("CON-7.a")
@pytest.mark.rule("HAB-5.a")
@pytest.mark.rule("HAB-6.a")
@pytest.mark.rule("RGP-1.b")
@pytest.mark.rule("TEL-1.f")
@pytest.mark.parametrize("public", PUBLICS)
def test_each_public_gets_the_answer_of_the_table(world, public, bells):
    client, column, faults = world.client(public), PUBLICS.index(public), []
    for name, variant, method, answers in rows():
        path = world.address(name, variant)
        with transaction.atomic():  # each cell finds the world as it was
            response = client.generic(method, path) if method == "GET" else client.post(path, world.data(name))
            got = answer_of(response, path)
            transaction.set_rollback(True)
        if got != answers[column]:
            faults.append(
                f"{method} {name}[{variant}] {path}: {got} instead of {answers[column]} {response.get('Location', '')}"
            )
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("public", ["instructeur", "cnaf"])
def test_each_filter_order_and_search_of_each_list_opens(world, public):
    client, faults = world.client(public), []
    lists = {"instructeur": ("scoped", "addressed"), "cnaf": ("national", "reserved")}[public]
    for model in [model for group in lists for model in GROUPS[group]]:
        path = reverse(f"admin:{model}_changelist")
        page = client.get(path).context["cl"]
        asked = [choice["query_string"] for spec in page.filter_specs for choice in islice(spec.choices(page), 3)]
        asked += [f"?o={rank}" for rank in range(1, len(page.list_display) + 1)] + ["?q=é'"]
        faults += [path + query for query in asked if client.get(path + query).status_code != 200]
    assert not faults
