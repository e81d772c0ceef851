"""The page that tells how to connect any shop: its programs run as they are written, its table is the format's."""

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import fields

from regulars.doors.connectors.generic.format import KINDS
from regulars.doors.connectors.generic.tests.test_format import ABOUT, SECRET
from regulars.doors.connectors.generic.translate import reply
from regulars.doors.connectors.generic.verify import verify
from regulars.doors.connectors.protocol import Genuine, Hook
from regulars.doors.connectors.tests.shopkeeping import Asked, Told, opened

PAGE = (Path(__file__).parents[6] / "docs" / "how-to" / "connect-any-shop.md").read_text()


class Door:
    """Ours, without what stands behind it."""

    def respond(self, asked: Asked) -> Told:
        verdict = verify(Hook(asked.body, asked.headers), [SECRET], ABOUT, datetime.now(UTC))
        if not isinstance(verdict, Genuine):
            return Told(b"", 401)
        answer = reply(asked.body, None, ABOUT)
        return Told(answer.body, answer.status)


@pytest.mark.parametrize(("language", "run"), [("python", [sys.executable, "-c"]), ("sh", ["bash", "-c"])])
def test_its_programs_send_what_is_taken(language: str, run: list[str]):
    if language == "sh" and not all(map(shutil.which, ("curl", "openssl", "od"))):
        pytest.skip("curl, openssl and od are not here: the shell's example was NOT tried")
    [program] = [
        one for one in re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.M | re.S) if "webhook-signature" in one
    ]
    with opened(Door()) as address:
        env = {**os.environ, "REGULARS_HOOK": f"{address}/hooks/generic/con_1", "REGULARS_SECRET": SECRET}
        done = subprocess.run([*run, program], env=env, capture_output=True, text=True, timeout=60, check=False)

    assert json.loads(done.stdout) == {"taken": 1, "refused": []}, done.stderr


def test_its_table_names_every_field_and_marks_those_that_must_be_there():
    for name, kind in KINDS.items():
        [row] = re.findall(rf"^\| `{name}` \|(.*)\|$", PAGE, re.M)
        bold = set(re.findall(r"\*\*(\w+)\*\*", row))
        for field in fields(kind):
            assert re.search(rf"\b{field.name}\b", row), (name, field.name)
            assert not field.required or field.name in bold, (name, field.name)
