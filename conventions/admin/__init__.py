"""What agents see of the register, and their acts on it."""

from conventions.admin import convention, parties, prestataires

__all__ = ["convention", "parties", "prestataires"]
from conventions.admin import avenants

__all__ = ["avenants", "convention", "parties"]
