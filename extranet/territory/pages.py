"""Pages of the admin's lists."""

from django.core.paginator import Paginator
from django.utils.functional import cached_property

MOST = 10_000


class FirstPages(Paginator):
    """As many pages as the first 10,000 rows fill: to count a million takes longer than to show fifty of them, and who
    looks for one of them narrows the list.
    """

    has_more = False

    @cached_property
    def count(self) -> int:
        """Rows on these pages; `has_more` when the list goes on."""
        found = self.object_list.order_by()[: MOST + 1].count()  # type: ignore[attr-defined]
        self.has_more = found > MOST
        return min(found, MOST)
