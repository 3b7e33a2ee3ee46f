"""How dates are written where nothing more precise is asked: « 24 nov. 2026 », « 24 nov. 2026 à 09:05 »."""

DATE_FORMAT = "j N Y"
DATETIME_FORMAT = r"j N Y \à H:i"
