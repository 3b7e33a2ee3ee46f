"""What the portal says of its API is a valid document, and what it says is what happens (TEL-4)."""

import io
import json
from pathlib import Path

import jsonschema
import pytest
import time_machine
from django.test import Client

from bench.deliveries import record
from demandes.services import deliveries, destruction, jetons
from extranet.core.accounts import services as accounts
from tests.demandes.test_tokens import file_of
from tests.factories import NOW, AgentFactory, DemandeFactory, HabilitationFactory, LieuFactory

META = Path(__file__).with_name("openapi-3.1.json")
API, FLUX, ACCUSES = "/api/v1/livraisons", "/api/v1/demandes.xml", "/api/v1/accuses"


@pytest.fixture
def document(client):
    return client.get("/api/v1/openapi.json").json()


def test_the_document_is_valid_by_the_schema_of_openapi(client):
    document = client.get("/api/v1/openapi.json").json()
    jsonschema.Draft202012Validator(json.loads(META.read_text())).validate(document)
    assert document["servers"] == [{"url": "http://testserver"}]
    for name, schema in document["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(schema), name


def produced(monkeypatch, run_bells):
    """(path of the document, method, answer): each that the document names, and no other."""
    line = HabilitationFactory(lieu=LieuFactory(code="RPE-77-CHATELET"))
    sent, gone, early = (DemandeFactory(transmise=True, lieu=line.lieu) for _ in range(3))
    about = {"lieu": line.lieu.uuid, "prestataire": None, "days": 30, "by": line.user, "now": NOW}
    lieu, cnaf = (
        jetons.create(nom="a", **about),
        accounts.create_token(AgentFactory(cnaf=True).user, portee="cnaf", nom="a", now=NOW),
    )
    client = Client()

    def call(method, path, token, body=None, media_type="application/json", **headers):
        headers |= {"Authorization": f"Bearer {token}"} if token else {}
        if method == "get":
            return client.get(path, headers=headers)
        return client.post(path, body, content_type=media_type, headers=headers)

    def everywhere(method, path, shown, body=None, media_type="application/json"):
        """The refusals that any address of the API may give, each for an own reason."""
        right, wrong = (cnaf, lieu) if "livraisons" in path else (lieu, cnaf)
        leaked = accounts.create_token(line.user, portee="lieu", nom=f"{method}{path}"[:100], now=NOW)
        yield shown, method, call(method, f"{path}?jeton={leaked}", right, body, media_type)
        yield shown, method, call(method, path, "", body, media_type)
        yield shown, method, call(method, path, wrong, body, media_type)
        with monkeypatch.context() as patch:
            patch.setattr("demandes.views.bearer.WRONG", [(0, 60)])
            yield shown, method, call(method, path, "ext_faux", body, media_type)
        yield shown, method, client.put(path, headers={"Authorization": f"Bearer {right}"})

    yield from everywhere("get", FLUX, FLUX)
    first = call("get", FLUX, lieu, **{"Accept-Encoding": "gzip"})
    yield FLUX, "get", first
    list(first.streaming_content)
    yield FLUX, "get", call("get", FLUX, lieu, **{"If-None-Match": first["ETag"]})
    yield FLUX, "get", call("get", f"{FLUX}?apres=INCONNUE", lieu)

    early = DemandeFactory(transmise=True, lieu=line.lieu)
    destruction.withdraw(gone, now=NOW)
    yield from everywhere("post", ACCUSES, ACCUSES, "[]")
    for body in (
        f'["{sent.reference}"]',
        '["INCONNUE"]',
        f'["{gone.reference}"]',
        f'["{early.reference}"]',
        "{}",
        "[" * 9,
    ):
        yield ACCUSES, "post", call("post", ACCUSES, lieu, body)
    yield ACCUSES, "post", call("post", ACCUSES, lieu, json.dumps(["a"] * 10_001))
    yield ACCUSES, "post", call("post", ACCUSES, lieu, "a", "text/plain")
    yield ACCUSES, "post", call("post", ACCUSES, lieu, "<accuses/>", "application/xml", Accept="application/xml")

    content = file_of(record(1, NOW))
    yield from everywhere("post", API, API, content, "application/xml")
    for _ in range(2):
        yield API, "post", call("post", API, cnaf, content, "application/xml")
    form = {"livraison": io.BytesIO(content.encode() if isinstance(content, str) else content)}
    yield API, "post", client.post(API, form, headers={"Authorization": f"Bearer {cnaf}"})
    with monkeypatch.context() as patch:
        patch.setattr(deliveries, "LARGEST", 10)
        yield API, "post", call("post", API, cnaf, content + b"\n", "application/xml")
    run_bells()
    [address] = {f"{API}/{one.uuid}" for one in deliveries.Livraison.objects.all()}
    for path, shown in ((address, f"{API}/{{id}}"), (f"{address}/rapport", f"{API}/{{id}}/rapport")):
        yield from everywhere("get", path, shown)
        yield shown, "get", call("get", path, cnaf)
        yield shown, "get", call("get", path.replace(address[-12:], "0" * 12), cnaf)


@pytest.mark.rule("TEL-4.a")
@pytest.mark.rule("ING-1.c")
def test_each_answer_of_the_document_is_given_and_has_the_form_that_it_says(
    db, client, settings, tmp_path, monkeypatch, run_bells, document
):
    settings.DATA_DIR = tmp_path
    named = {
        (path, method, status)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        for status in operation["responses"]
    }
    seen = set()
    with time_machine.travel(NOW, tick=False):
        for path, method, answer in produced(monkeypatch, run_bells):
            status = str(answer.status_code)
            assert (path, method, status) in named, (path, method, status, getattr(answer, "content", b""))
            seen.add((path, method, status))
            said = document["paths"][path][method]["responses"][status]
            if "$ref" in said:
                said = document["components"]["responses"][status]
            assert set(said.get("headers", {})) - {"Link"} <= set(answer.headers), (path, status)
            media_type = answer.get("Content-Type", "").partition(";")[0]
            assert (media_type in said["content"]) if "content" in said else not answer.content
            schema = said.get("content", {}).get(media_type, {}).get("schema", {})
            if "json" in media_type:
                whole = {**schema, "components": document["components"]}
                jsonschema.Draft202012Validator(whole).validate(answer.json())
    assert seen == named
    assert set(document["paths"][API]["post"]["requestBody"]["content"]) == {"application/xml", "multipart/form-data"}
