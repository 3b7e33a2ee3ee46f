"""The settings of the portal, with what fails."""

from extranet.settings import *  # noqa: F403
from extranet.settings import INSTALLED_APPS as PORTAL

INSTALLED_APPS = [*PORTAL, "tests.portal.forced"]
ROOT_URLCONF = "tests.portal.forced.urls"
