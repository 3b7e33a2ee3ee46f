"""WSGI entry point."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from granian.utils.proxies import wrap_wsgi_with_proxy_headers

from extranet.core.web.network import with_plain_addresses
from extranet.core.web.start import settle

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "extranet.settings")

# Brakes count tries by network address (ACT-7): behind a proxy, the one that this proxy saw, and nobody else's word.
application = with_plain_addresses(
    wrap_wsgi_with_proxy_headers(get_wsgi_application(), trusted_hosts=settings.TRUSTED_PROXIES)
)
settle()
