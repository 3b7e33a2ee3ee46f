"""Days as the British write and type them: “24 November 2026”, 24/11/2026.

A language without a folder here keeps Django's.
"""

DATE_FORMAT = "j F Y"
DATE_INPUT_FORMATS = ["%Y-%m-%d", "%d/%m/%Y", "%d/%m/%y", "%d.%m.%Y", "%d.%m.%y"]
