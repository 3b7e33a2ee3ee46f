"""What a process that answers pages does once, before the first."""

import gc

from django.urls import get_resolver


def settle() -> None:
    """Load every page's code, and leave what is loaded out of the collector's rounds: each full one walked through it,
    and held up whoever it met for a tenth of a second. A page makes thousands of objects, and no cycle: looking for
    some after each seven hundred took a fifteenth of its time.
    """
    for pattern in get_resolver().url_patterns:
        getattr(pattern, "url_patterns", None)  # an included part is read when it is first asked for
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
