"""Persons who log in, the passwords that they receive by mail, and the tokens of their software."""

import uuid
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower, Trim


class UserManager(BaseUserManager["User"]):
    """Creates users; the address is the identifier, trimmed and in lower case (ACT-6)."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """A person; without password, nobody can log in until one is chosen."""
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """For Django's own command; the portal creates agents by `create_agent`."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser, PermissionsMixin):
    """A person with an account: habilitated for lieux, or agent of a Caf. `is_active` is the one gate."""

    class Civilite(models.TextChoices):
        MADAME = "Mme", "Mme"
        MONSIEUR = "M.", "M."

    class Donnees:
        famille = ()
        professionnel = ("password", "last_login", "email", "civilite", "nom", "prenom")
        neutre = (
            "id",
            "uuid",
            "is_superuser",
            "is_staff",
            "is_active",
            "date_joined",
            "password_chosen_at",
            "suspended_at",
        )

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    email = models.EmailField("adresse de courriel", unique=True)
    civilite = models.CharField("civilité", max_length=3, blank=True, choices=Civilite)
    nom = models.CharField("nom", max_length=100, blank=True)
    prenom = models.CharField("prénom", max_length=100, blank=True)
    is_staff = models.BooleanField("agent", default=False)
    is_active = models.BooleanField("actif", default=True)
    date_joined = models.DateTimeField("créé le", auto_now_add=True)
    password_chosen_at = models.DateTimeField("mot de passe choisi le", null=True)
    suspended_at = models.DateTimeField("suspendu le", null=True)

    objects = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = "compte"
        verbose_name_plural = "comptes"
        constraints = [
            models.UniqueConstraint(Lower("email"), name="one_account_an_address"),
            models.CheckConstraint(condition=Q(email=Trim(Lower("email"))), name="address_in_lower_case"),
            models.CheckConstraint(condition=Q(suspended_at=None) | Q(is_active=False), name="suspended_is_inactive"),
        ]

    def __str__(self) -> str:
        return self.get_full_name() or self.email

    def get_full_name(self) -> str:
        """First name and name."""
        return f"{self.prenom} {self.nom}".strip()


class OneTimeSecret(models.Model):
    """A password sent by mail: only its hash, and only good for choosing one's own (ACT-2, ACT-3)."""

    class Kind(models.TextChoices):
        ACTIVATION = "activation", "ouverture du compte"
        PERTE = "perte", "mot de passe perdu"

    class Donnees:
        famille = ()
        professionnel = ("user", "digest")
        neutre = ("id", "kind", "created_at", "expires_at", "tries_left", "used_at", "killed_at")

    user = models.ForeignKey(User, models.CASCADE, related_name="secrets", verbose_name="compte")
    kind = models.CharField("pour", max_length=12, choices=Kind)
    digest = models.CharField("empreinte", max_length=64)
    created_at = models.DateTimeField("créé le")
    expires_at = models.DateTimeField("expire le")
    tries_left = models.PositiveSmallIntegerField("essais restants", default=10)
    used_at = models.DateTimeField("utilisé le", null=True)
    killed_at = models.DateTimeField("annulé le", null=True)

    class Meta:
        verbose_name = "mot de passe reçu par courriel"
        verbose_name_plural = "mots de passe reçus par courriel"

    def __str__(self) -> str:
        return f"{self.kind} {self.created_at}"


class CodeAppareil(models.Model):
    """ACC-4.d: a code asked for by mail, to confirm a device not seen before. The code itself is nowhere: it is worked
    out from the identifier under the secret key, for the mail and for the answer.
    """

    class Donnees:
        famille = ()
        professionnel = ("user",)
        neutre = ("id", "uuid", "created_at", "expires_at", "tries_left", "used_at")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="codes", verbose_name="compte")
    created_at = models.DateTimeField("demandé le")
    expires_at = models.DateTimeField("expire le")
    tries_left = models.PositiveSmallIntegerField("essais restants", default=5)
    used_at = models.DateTimeField("utilisé le", null=True)

    class Meta:
        verbose_name = "code d’un nouvel appareil"
        verbose_name_plural = "codes d’un nouvel appareil"

    def __str__(self) -> str:
        return f"{self.created_at}"


class SessionOuverte(models.Model):
    """ACC-5.b: a session as its person sees it. It goes with the session, at the latest at the next sweep."""

    class Donnees:
        famille = ()
        professionnel = ("user", "session_key", "adresse_reseau", "appareil")
        neutre = ("id", "uuid", "opened_at", "seen_at")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="sessions", verbose_name="compte")
    session_key = models.CharField("session", max_length=40, unique=True)
    adresse_reseau = models.GenericIPAddressField("adresse réseau", null=True)
    appareil = models.CharField("appareil", max_length=80)
    opened_at = models.DateTimeField("ouverte le")
    seen_at = models.DateTimeField("utilisée le")

    class Meta:
        verbose_name = "session ouverte"
        verbose_name_plural = "sessions ouvertes"

    def __str__(self) -> str:
        return f"{self.appareil} {self.opened_at}"


class Jeton(models.Model):
    """A token for software: shown once, kept as a hash, ending by itself (TEL-4)."""

    class Portee(models.TextChoices):
        CNAF = "cnaf", "livraisons de monenfant.fr"
        LIEU = "lieu", "demandes d’un lieu"

    class Donnees:
        famille = ()
        professionnel = ("user", "nom", "digest")
        neutre = ("id", "uuid", "prefix", "portee", "created_at", "expires_at", "last_used_at", "revoked_at")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="jetons", verbose_name="compte")
    nom = models.CharField("nom", max_length=100)
    prefix = models.CharField("début", max_length=8)
    digest = models.CharField("empreinte", max_length=64, unique=True)
    portee = models.CharField("portée", max_length=4, choices=Portee)
    created_at = models.DateTimeField("créé le")
    expires_at = models.DateTimeField("expire le")
    last_used_at = models.DateTimeField("dernière utilisation", null=True)
    revoked_at = models.DateTimeField("révoqué le", null=True)

    class Meta:
        verbose_name = "jeton"
        verbose_name_plural = "jetons"

    def __str__(self) -> str:
        return f"{self.nom} ({self.prefix}…)"
