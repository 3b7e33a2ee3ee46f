"""What agents see and do about applications, access and messages."""

from habilitations.admin import application, lieu, messages, persons

__all__ = ["application", "lieu", "messages", "persons"]
