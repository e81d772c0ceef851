"""`regulars doctor` before somebody whose machine is not in order."""

import json
import os
from pathlib import Path

from regulars.runtime.postgres.tests.builders import SOURCE
from tests.stories import asking


def examined(home: Path, **more: str) -> tuple[int, dict[str, dict[str, str]]]:
    """The exit code and the findings by name; of several by one name, the last."""
    asked = os.environ | {"REGULARS_HOME": str(home), "PYTHONPATH": SOURCE} | more
    done = asking.regulars("doctor", "--json", environment=asked)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, {one["what"]: one for one in json.loads(done.stdout)}


def test_the_doctor_names_what_is_wrong_and_the_mend(tmp_path: Path, fresh_database: dict[str, str]) -> None:
    # Marek gave the app the owner's role, and once copied the keys with everybody's rights.
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "master").write_text("x" * 43)
    (tmp_path / "keys" / "master").chmod(0o644)
    code, found = examined(tmp_path, REGULARS_DATABASE_URL=fresh_database["REGULARS_DATABASE_OWNER_URL"])
    assert code == 1
    assert found["Secrets"] | {"said": ""} == {
        "what": "Secrets",
        "state": "wrong",
        "said": "",
        "mend": f"chmod 600 {tmp_path}/keys/master",
    }
    assert found["Database role"]["state"] == "wrong"
    assert "owns" in found["Database role"]["said"]
    # The server of a test run may lose everything in a power cut, and the doctor sees that.
    assert found["Durability"]["state"] == "wrong"
    assert "set " in found["Durability"]["mend"]
    assert found["Migrations"]["state"] == "fine"


def test_a_database_that_does_not_answer_is_a_finding(tmp_path: Path) -> None:
    code, found = examined(tmp_path, REGULARS_DATABASE_URL="postgresql://priya:pw-secret@/x?host=/nowhere")
    assert code == 1
    assert found["Database"]["state"] == "wrong"
    assert "does not answer" in found["Database"]["said"]
    assert "pw-secret" not in json.dumps(found)


def test_the_apps_own_role_is_fine(tmp_path: Path, fresh_database: dict[str, str]) -> None:
    _, found = examined(tmp_path, **fresh_database)
    assert found["Database role"]["state"] == "fine"
    assert found["Jobs"]["state"] == "fine"
    assert found["Identity"]["state"] == "fine"
    assert found["Orders"]["state"] == "fine"


def test_looking_makes_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    without = {name: value for name, value in os.environ.items() if not name.startswith("REGULARS_DATABASE")}
    asked = without | {"REGULARS_HOME": str(home), "PYTHONPATH": SOURCE}
    done = asking.regulars("doctor", "--json", environment=asked)
    (found,) = [one for one in json.loads(done.stdout) if one["what"] == "Database"]
    assert (done.returncode, found["state"]) == (0, "warning")
    assert "regulars up" in found["mend"]
    assert not home.exists()
