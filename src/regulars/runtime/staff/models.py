"""Operators (the people who work in the console; members are not operators) and their one-time links."""

from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models.functions import Now

from regulars.runtime.staff import roles


class Operators(BaseUserManager["Operator"]):
    """Finds by e-mail address, whatever its case. Operators are made by the verbs in `operators`, never here."""

    def get_by_natural_key(self, username: str | None) -> "Operator":
        return self.get(email=(username or "").strip().lower())

    async def aget_by_natural_key(self, username: str | None) -> "Operator":
        return await self.aget(email=(username or "").strip().lower())


class Operator(AbstractBaseUser):
    """One person of the staff, signing in with an e-mail address. What they may do follows from `role` alone."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120)
    role = models.CharField(max_length=20)
    language = models.CharField(max_length=10, blank=True, default="")
    is_active = models.BooleanField(default=True)
    joined_at = models.DateTimeField()

    objects: ClassVar[Operators] = Operators()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    class Meta:
        db_table = "staff_operator"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(role__in=[r.value for r in roles.Role]), name="staff_operator_role"
            ),
            models.CheckConstraint(
                condition=models.Q(email=models.functions.Lower("email")), name="staff_operator_email_is_lower_case"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def may(self, action: roles.Action) -> bool:
        """Whether this operator may do `action` today."""
        return self.is_active and roles.allows(self.role, action)

    @property
    def is_staff(self) -> bool:
        """Unfold's chrome asks this before it draws anything."""
        return self.is_active

    @property
    def is_superuser(self) -> bool:
        """Django's admin asks this. Nobody is above the table of roles."""
        return False

    def has_perm(self, perm: str, obj: object = None) -> bool:
        """Django's admin asks for "app.verb_model", which is the owner's; our own actions are in the table of roles."""
        if perm in roles.ALLOWED:
            return self.may(perm)
        return self.is_active and self.role == roles.Role.OWNER

    def has_perms(self, perm_list: list[str], obj: object = None) -> bool:
        return all(self.has_perm(perm, obj) for perm in perm_list)

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_active and self.role == roles.Role.OWNER


class OneTimeLink(models.Model):
    """A secret handed to one person once. Only its SHA-256 is kept (256 random bits need no slow hash)."""

    class Purpose(models.TextChoices):
        FIRST_OPERATOR = "first_operator"
        INVITATION = "invitation"
        NEW_PASSWORD = "new_password"  # noqa: S105 - a purpose, not a password

    id = models.BigAutoField(primary_key=True)
    digest = models.BinaryField(unique=True)
    purpose = models.CharField(max_length=20, choices=Purpose.choices)
    operator = models.ForeignKey(Operator, null=True, on_delete=models.CASCADE, related_name="+")
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "staff_one_time_link"
