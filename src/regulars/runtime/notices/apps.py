"""Django's start-up hook of this room."""

from importlib import import_module

from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "regulars.runtime.notices"

    def ready(self) -> None:
        # By name and only now: it needs models, which cannot be imported before this hook.
        import_module("regulars.runtime.notices._places")
