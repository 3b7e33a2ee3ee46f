"""Settings by environment: EXTRANET_ENV is `demo` (default), `test` or `production`."""

import os

match os.environ.get("EXTRANET_ENV", "demo"):
    case "production":
        from extranet.settings.production import *  # noqa: F403
    case "test":
        from extranet.settings.test import *  # noqa: F403
    case "demo":
        from extranet.settings.demo import *  # noqa: F403
    case other:
        raise SystemExit(f"EXTRANET_ENV={other} : valeurs possibles : demo, test, production.")
