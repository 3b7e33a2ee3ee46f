"""What makes an agent look twice: pure."""

PUBLIC_PROVIDERS = frozenset(
    [
        "gmail.com",
        "googlemail.com",
        "outlook.com",
        "outlook.fr",
        "hotmail.com",
        "hotmail.fr",
        "live.com",
        "live.fr",
        "msn.com",
        "yahoo.com",
        "yahoo.fr",
        "orange.fr",
        "wanadoo.fr",
        "free.fr",
        "sfr.fr",
        "neuf.fr",
        "bbox.fr",
        "laposte.net",
        "icloud.com",
        "me.com",
        "proton.me",
        "protonmail.com",
        "gmx.fr",
        "gmx.com",
        "aol.com",
        "numericable.fr",
    ]
)


def is_public_provider(address: str) -> bool:
    """HAB-6: the address is at a provider where anybody can open one."""
    return address.rpartition("@")[2].lower() in PUBLIC_PROVIDERS
