"""The work that a browser does before a public form is sent, for whoever has none (DEM-6.a)."""

import base64
import html
import json
import re
from hashlib import sha256


def solved(page: str) -> dict[str, str]:
    """What a browser's work adds to a public form before it is sent (DEM-6.a); nothing where the page asks none."""
    found = re.search(r'challengejson="([^"]+)"', page)
    if found is None:
        return {}
    asked = json.loads(html.unescape(found[1]))
    tries = range(asked["maxnumber"] + 1)
    right = (n for n in tries if sha256(f"{asked['salt']}{n}".encode()).hexdigest() == asked["challenge"])
    said = {name: asked[name] for name in ("algorithm", "challenge", "salt", "signature")} | {"number": next(right)}
    return {"altcha": base64.b64encode(json.dumps(said).encode()).decode()}
