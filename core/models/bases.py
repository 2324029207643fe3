"""What tables have in common."""

from django.db import models


class InternalModel(models.Model):
    """A table that nobody gets a permission for."""

    class Meta:
        abstract = True
        default_permissions = ()


class ReportedModel(models.Model):
    """A table of what agents told, when: the recorder alone writes it."""

    class Meta:
        abstract = True
        ordering = ["-at", "-pk"]
        default_permissions = ("view",)
