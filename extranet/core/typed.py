"""What people type or copy, made fit to keep: which characters pass, and telephone numbers. Pure."""

import re

# Soft hyphen, zero width space, word joiner, byte order mark: they come with copied texts.
INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff]")
_NEVER = "\u202a-\u202e\u2066-\u2069\ufdd0-\ufdef" + "".join(
    chr(plane + last) for plane in range(0, 0x110000, 0x10000) for last in (0xFFFE, 0xFFFF)
)
CONTROLS = re.compile(f"[\x00-\x1f\x7f-\x9f{_NEVER}]")
CONTROLS_IN_LINES = re.compile(f"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f{_NEVER}]")

# One plain address, as in the schema of demandes: what an envelope can carry to any server, without quotes nor accents.
_LOCAL = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(
    rf"(?=.{{6,254}}\Z)(?=[^@]{{1,64}}@){_LOCAL}@(?:{_LABEL}\.)+[A-Za-z](?:[A-Za-z0-9-]{{0,61}}[A-Za-z0-9])"
)

# Overseas numbers are written nationally with their own prefix, and have their own country code.
_OVERSEAS = {
    **dict.fromkeys(("590", "690", "691"), "590"),
    **dict.fromkeys(("594", "694"), "594"),
    **dict.fromkeys(("596", "696", "697"), "596"),
    **dict.fromkeys(("262", "263", "269", "639", "692", "693"), "262"),
}
_FRENCH, _NATIONAL = re.compile("33[1-9][0-9]{8}"), re.compile("0[1-9][0-9]{8}")
_SEPARATORS = str.maketrans("", "", " .-\u00a0\u202f")


def e164(number: str) -> str:
    """`number` in E.164; empty when it is neither that nor a French national number."""
    digits = number.translate(_SEPARATORS)
    if digits.startswith("+"):
        rest = digits[1:]
        if not (rest.isascii() and rest.isdigit()) or not 7 <= len(rest) <= 15 or rest[0] == "0":
            return ""
        french = _FRENCH.fullmatch(rest)
        return digits if french or not rest.startswith("33") else ""
    if not _NATIONAL.fullmatch(digits):
        return ""
    if digits.startswith("0508"):  # Saint-Pierre-et-Miquelon: six digits of its own
        return f"+508{digits[4:]}"
    return f"+{_OVERSEAS.get(digits[1:4], '33')}{digits[1:]}"


def is_address(text: str) -> bool:
    """True for one plain address: 64 characters before the @, labels of 1 to 63 after it, 254 in all (RFC 5321)."""
    return _ADDRESS.fullmatch(text) is not None
