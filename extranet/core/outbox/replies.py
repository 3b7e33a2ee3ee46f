"""Whose fault a refusal is: the addressee's, or the mail server's and ours. Pure."""

import re
from enum import StrEnum


class Stage(StrEnum):
    """How far the dialogue had come."""

    DIALOGUE = "dialogue"  # greeting, login, sender: nothing was said yet of whom the mail is for
    ADDRESSEE = "addressee"
    CONTENT = "content"


# RFC 3463. "Recipient address rejected" of the largest host is 5.4.1, a domain without server is 5.4.4.
_ENHANCED = re.compile(r"(?:^\s*|#)[245]\.(\d{1,3})\.(\d{1,3})(?![.\d])")
_SENDER = {(1, 7), (1, 8)}
_ROUTE = {(4, 1), (4, 4)}
# Servers that give no enhanced code say it in words ("550 relay not permitted").
_US = re.compile(
    r"relay|authenti|denied|block|black|reject|spam|polic|sender|reverse|\bdns|helo|client|rate|too many|not permitted",
    re.IGNORECASE,
)
_NO_SUCH_BOX = {550, 551, 553, 556}


def concerns_addressee(stage: Stage, code: int, text: str) -> bool:
    """True when the server speaks of this addressee; what it says of itself, of us or of the text is False.

    Told apart by the stage, then by the enhanced code, then by the plain code and the words. In doubt it is ours: a
    mail too many is mended, a mail that nobody sends any more is not.
    """
    if stage == Stage.DIALOGUE or code == 421:  # 421: it is closing
        return False
    if found := _ENHANCED.search(text):
        subject, detail = int(found[1]), int(found[2])
        if (subject, detail) in _SENDER:
            return False
        # Temporary refusals of the policy kind are greylisting when they come at the addressee's turn.
        return subject in (1, 2) or (subject, detail) in _ROUTE or (code < 500 and stage == Stage.ADDRESSEE)
    if stage == Stage.CONTENT:
        return False
    return code < 500 or code == 552 or (code in _NO_SUCH_BOX and not _US.search(text))


def is_final(code: int, text: str) -> bool:
    """True when the addressee's refusal is for good; a full mailbox (552, X.2.2) empties itself (RFC 5321,
    4.5.3.1.10).
    """
    found = _ENHANCED.search(text)
    full = (found and (int(found[1]), int(found[2])) == (2, 2)) or (found is None and code == 552)
    return code >= 500 and not full
