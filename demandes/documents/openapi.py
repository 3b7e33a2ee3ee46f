"""The API in OpenAPI 3.1: what each address takes and answers. The tests produce each answer that is named here."""

from typing import Any

PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"const": "about:blank"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "Une phrase en français, sans donnée d’une famille."},
        "references": {
            "type": "array",
            "items": {"$ref": "#/components/schemas/Reference"},
            "description": "Celles de l’envoi qui ont empêché de l’enregistrer.",
        },
    },
}
LIVRAISON = {
    "type": "object",
    "required": ["id", "name", "sha256", "state", "reason", "received_at", "finished_at", "counts", "report"],
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "name": {"type": "string"},
        "sha256": {"type": ["string", "null"]},
        "state": {"enum": ["recue", "traitee", "refusee"]},
        "reason": {"type": "string", "description": "Pourquoi elle est refusée en entier ; vide sinon."},
        "received_at": {"type": "string", "format": "date-time"},
        "finished_at": {"type": ["string", "null"], "format": "date-time"},
        "counts": {
            "type": "object",
            "required": ["read", "created", "updated", "unchanged", "set-aside"],
            "additionalProperties": {"type": "integer", "minimum": 0},
        },
        "report": {"type": "string", "format": "uri-reference"},
    },
}
ACCUSES = {
    "type": "object",
    "required": ["recuperees", "deja"],
    "properties": {
        "recuperees": {"type": "integer", "description": "Demandes récupérées par cet envoi."},
        "deja": {"type": "integer", "description": "Demandes qui l’étaient déjà."},
    },
}
REFERENCE = {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"}
DEMANDES = {"type": "string", "description": "Document conforme à /schemas/demandes-1.xsd."}

WHY = {
    400: "La requête est mal formée, ou un jeton se trouve dans l’adresse : il est alors révoqué.",
    401: "Aucun jeton, ou un jeton qui n’ouvre rien : inconnu, expiré, révoqué, ou dont le droit a pris fin.",
    403: "Ce jeton n’ouvre pas cette adresse.",
    404: "Ce n’est pas à vous, ou cela n’existe pas. Rien n’a été enregistré.",
    405: "Cette adresse ne prend pas cette méthode.",
    409: "Le flux n’a pas encore envoyé certaines de ces demandes. Rien n’a été enregistré.",
    410: "Certaines de ces demandes sont détruites, retirées ou confiées à un autre lieu. Rien n’a été enregistré.",
    413: "L’envoi est trop volumineux.",
    415: "Ni XML ni JSON.",
    422: "Ce n’est pas une liste de références.",
    429: "Trop d’appels : recommencez après le délai indiqué.",
}


def _refusals(*statuses: int) -> dict[str, Any]:
    return {str(status): {"$ref": f"#/components/responses/{status}"} for status in statuses}


def _refusal(status: int) -> dict[str, Any]:
    said: dict[str, Any] = {
        "description": WHY[status],
        "content": {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Probleme"}},
            "application/problem+xml": {"schema": {"type": "string"}},
        },
    }
    if status in (401, 429):
        name = "WWW-Authenticate" if status == 401 else "Retry-After"
        said["headers"] = {name: {"schema": {"type": "string"}}}
    return said


def _json(description: str, name: str, **more: Any) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{name}"}
    return {"description": description, "content": {"application/json": {"schema": schema}}} | more


def _header(description: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string"}}


def _parameter(name: str, where: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    required = {"required": True} if where == "path" else {}
    return {"name": name, "in": where, "description": description, "schema": schema} | required


FETCH = {
    "operationId": "fetchDemandes",
    "summary": "Les demandes du lieu qui ne sont pas encore accusées",
    "description": "Dans l’ordre de leur arrivée. Lire ne change rien : une demande revient jusqu’à son accusé.",
    "parameters": [
        _parameter(
            "limite",
            "query",
            "Combien de demandes au plus.",
            {"type": "integer", "minimum": 1, "maximum": 10_000, "default": 1_000},
        ),
        _parameter("apres", "query", "Seulement celles qui suivent cette référence.", REFERENCE),
        _parameter("If-None-Match", "header", "L’ETag de la réponse précédente.", {"type": "string"}),
    ],
    "responses": {
        "200": {
            "description": "Le document, compressé par gzip si la requête l’accepte.",
            "headers": {
                "ETag": _header("À renvoyer dans If-None-Match."),
                "Link": _header('L’adresse de la suite (rel="next"), s’il y en a une.'),
            },
            "content": {"application/xml": {"schema": DEMANDES}},
        },
        "304": {"description": "Rien n’a changé depuis cet ETag.", "headers": {"ETag": _header("Le même.")}},
        **_refusals(400, 401, 403, 404, 405, 429),
    },
}
ACKNOWLEDGE = {
    "operationId": "acknowledgeDemandes",
    "summary": "Accuser réception de demandes : elles sont récupérées",
    "description": "Tout ou rien ; le même envoi une seconde fois ne change rien.",
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "array",
                    "maxItems": 10_000,
                    "items": {"$ref": "#/components/schemas/Reference"},
                },
                "example": ["ME-2026-0000001", "ME-2026-0000002"],
            },
            "application/xml": {
                "schema": {"type": "string"},
                "example": "<accuses><reference>ME-2026-0000001</reference></accuses>",
            },
        },
    },
    "responses": {
        "200": {
            "description": "Les demandes sont récupérées.",
            "content": {
                "application/json": {"schema": {"$ref": "#/components/schemas/Accuses"}},
                "application/xml": {"schema": {"type": "string"}},
            },
        },
        **_refusals(400, 401, 403, 404, 405, 409, 410, 413, 415, 422, 429),
    },
}
DEPOSIT = {
    "operationId": "depositLivraison",
    "summary": "Envoyer une livraison (Cnaf)",
    "requestBody": {
        "required": True,
        "content": {
            "application/xml": {"schema": DEMANDES},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "description": "Un seul fichier, sous le nom que l’on veut ; son nom est celui de la livraison.",
                    "minProperties": 1,
                    "maxProperties": 1,
                    "additionalProperties": {"type": "string", "contentMediaType": "application/xml"},
                }
            },
        },
    },
    "responses": {
        "202": _json("Reçue ; elle va être traitée.", "Livraison", headers={"Location": _header("Où la suivre.")}),
        "200": _json("Déjà reçue.", "Livraison", headers={"Location": _header("Où la suivre.")}),
        **_refusals(400, 401, 403, 405, 413, 429),
    },
}
IDENTIFIER = _parameter("id", "path", "L’identifiant de la livraison.", {"type": "string", "format": "uuid"})
FOLLOW = {
    "operationId": "readLivraison",
    "summary": "État et bilan d’une livraison (Cnaf)",
    "parameters": [IDENTIFIER],
    "responses": {"200": _json("Son état et son bilan.", "Livraison"), **_refusals(400, 401, 403, 404, 405, 429)},
}
REPORT = {
    "operationId": "readRapport",
    "summary": "Ce qui a été écarté ou accepté avec une remarque, ligne par ligne (Cnaf)",
    "parameters": [IDENTIFIER],
    "responses": {
        "200": {"description": "Colonnes line, reference, outcome, reason.", "content": {"text/csv": {}}},
        **_refusals(400, 401, 403, 404, 405, 429),
    },
}


def document(server: str) -> dict[str, Any]:
    """The whole of it, for the portal at `server`."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Extranet des partenaires de monenfant.fr",
            "version": "1",
            "description": "Le jeton va dans l’en-tête Authorization, jamais dans l’adresse.",
        },
        "servers": [{"url": server}],
        "security": [{"jeton": []}],
        "paths": {
            "/api/v1/demandes.xml": {"get": FETCH},
            "/api/v1/accuses": {"post": ACKNOWLEDGE},
            "/api/v1/livraisons": {"post": DEPOSIT},
            "/api/v1/livraisons/{id}": {"get": FOLLOW},
            "/api/v1/livraisons/{id}/rapport": {"get": REPORT},
        },
        "components": {
            "securitySchemes": {"jeton": {"type": "http", "scheme": "bearer"}},
            "responses": {str(status): _refusal(status) for status in WHY},
            "schemas": {
                "Accuses": ACCUSES,
                "Livraison": LIVRAISON,
                "Probleme": PROBLEM,
                "Reference": REFERENCE,
            },
        },
    }
