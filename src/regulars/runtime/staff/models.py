"""Operators: the people who work in the console. Members are not operators."""

from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import PermissionsMixin, UserManager
from django.db import models


class Operator(AbstractBaseUser, PermissionsMixin):
    """One person of the staff, signing in with an e-mail address."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120)
    role = models.CharField(max_length=20)
    language = models.CharField(max_length=10, blank=True, default="")
    is_active = models.BooleanField(default=True)
    joined_at = models.DateTimeField()

    objects = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    class Meta:
        db_table = "staff_operator"

    @property
    def is_staff(self) -> bool:
        """Unfold's chrome asks this before it draws anything."""
        return self.is_active
