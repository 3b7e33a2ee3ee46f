from django.apps import AppConfig


class AttestationsConfig(AppConfig):
    name = "demandes.attestations"
    label = "attestations"
    verbose_name = "Attestations"

    def ready(self) -> None:
        from demandes.attestations import mails  # noqa: F401 -- kinds of mail are known in every process
