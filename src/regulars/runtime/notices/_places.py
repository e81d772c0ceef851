"""New listeners get their place in the stream when the release that brings them is migrated to."""

from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate
from django.dispatch import receiver

from regulars.runtime.notices import dispatch, subscriptions


@receiver(post_migrate, dispatch_uid="notices.places")
def give_places(sender: AppConfig, *, using: str, **rest: Any) -> None:
    """Once a migration, and not where it went back to before there were notices."""
    if sender.label == "notices" and "notices_subscriber" in connections[using].introspection.table_names():
        dispatch.register((listener.name for listener in subscriptions.registered()), using=using)
