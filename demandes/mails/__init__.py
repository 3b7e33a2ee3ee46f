"""What each mail about demandes says, read from the present at sending. None: it lost its purpose and is cancelled."""

from demandes.mails import familles, lieux

__all__ = ["familles", "lieux"]
