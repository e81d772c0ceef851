"""Power cuts under load: `make powercut`, or `python -m tests.durability.powercut --cuts 10`.

The database's files are on a disk that forgets what was not synced (`mount.py`). With the settings Regulars ships,
every acknowledged id has to be there after all cuts, and what it belongs to has to agree with itself after each. Two
controls weaken them and have to lose: else the cuts cut nothing.
"""

import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path

import click

from regulars.runtime.postgres import embedded
from regulars.runtime.postgres.trouble import DatabaseTrouble
from tests.durability import audiences, ledger, shop
from tests.durability.events import Events
from tests.durability.promises import Kept, Promise, Recorder, Working, compare

WORKERS = 4
ROOT = Path(__file__).resolve().parents[2]
#: Longer than the kernel remembers names of the disk that was cut off.
FORGETS_AFTER = 1.2


@dataclass(frozen=True)
class Trial:
    """Settings to be put to the test. `conf` is what an operator wrote; `is_durable` as the keeper knows it."""

    name: str
    conf: str = ""
    is_durable: bool = True
    must_lose: bool = False


TRIALS = (
    Trial("as shipped"),
    Trial(
        "synchronous_commit = off",
        "fsync = on\nfull_page_writes = on\nsynchronous_commit = off\nautovacuum = on\n",
        is_durable=False,
        must_lose=True,
    ),
    Trial("fsync = off", is_durable=False, must_lose=True),
)


@dataclass
class Outcome:
    """What a trial came to."""

    cuts: int = 0
    forgotten: int = 0
    survived: int = 0
    names: int = 0
    kept: Kept | None = None
    trouble: str = ""
    remark: str = ""
    faults: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    @property
    def lost(self) -> bool:
        return bool(self.trouble or self.faults) or self.kept is None or not self.kept.whole


class Power:
    """The forgetful disk's process."""

    def __init__(self, mountpoint: Path, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.durability.mount", str(mountpoint), str(folder)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        while not mountpoint.is_mount():
            if self._process.poll() is not None:
                raise click.ClickException("the disk cannot be mounted: see above; it needs /dev/fuse and libfuse")
            time.sleep(0.05)

    def cut(self, *, chance: float, seed: int) -> dict[str, int]:
        """From now on every access fails, until `on`. What was forgotten."""
        return self._tell(f"cut {chance} {seed}")

    def on(self) -> None:
        time.sleep(FORGETS_AFTER)
        self._tell("on")

    def close(self) -> None:
        with suppress(BrokenPipeError):
            self._tell("end")
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def _tell(self, line: str) -> dict[str, int]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        said = self._process.stdout.readline()
        told: dict[str, int] = json.loads(said) if said.strip() else {}
        return told


@contextmanager
def a_home() -> Iterator[Path]:
    """A home that every system user can pass through."""
    home = Path(tempfile.mkdtemp(prefix="regulars-powercut-"))
    home.chmod(0o711)
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


@dataclass(frozen=True)
class Subject:
    """What is put to the test: how a home is furnished for it, how it is begun with what that said, and what works
    beside the web server until the block ends, by SIGKILL."""

    between_cuts: tuple[int, int]
    furnish: Callable[[Path], str]
    begin: Callable[[int, str, embedded.Embedded, Path], Promise]
    beside: Callable[[Path], AbstractContextManager[object]] = nullcontext


SUBJECTS = {
    "events": Subject(
        (200, 2_000),
        shop.furnish,
        lambda port, key, database, home: Events(port=port, key=key, database=database.reader),
    ),
    "ledger": Subject(
        (50, 400),
        ledger.furnish,
        lambda port, key, database, home: ledger.Ledger(port=port, key=key, database=database.reader, home=home),
    ),
    "audiences": Subject(
        (100, 600),
        audiences.furnish,
        lambda port, key, database, home: audiences.Audiences(port=port, key=key, database=database.reader, home=home),
        audiences.beside,
    ),
}


def put_to_the_test(
    trial: Trial, *, subject: Subject, home: Path, pristine: Path, key: str, cuts: int, seed: int
) -> Outcome:
    """So many cuts of one database that goes on after each."""
    chosen = random.Random(seed)
    outcome = Outcome()
    data = home / "postgres" / "data"
    with ExitStack() as stack:
        conf = pristine / "postgresql.conf"
        shipped = conf.read_text()
        stack.callback(conf.write_text, shipped)
        conf.write_text(shipped + trial.conf)
        power = Power(data, pristine)
        stack.callback(power.close)
        acknowledged = stack.enter_context(tempfile.NamedTemporaryFile("w"))
        recorder = Recorder(Path(acknowledged.name))
        stack.callback(recorder.close)
        promise: Promise | None = None
        try:
            for number in range(cuts + 1):
                began = time.monotonic()
                with embedded.running(home, durable=trial.is_durable) as database:
                    outcome.seconds.append(time.monotonic() - began)
                    if promise is not None:
                        outcome.faults += promise.faults()
                    if number == cuts:
                        assert promise is not None
                        outcome.kept = compare(recorder.acknowledged, promise.present())
                        outcome.remark = promise.remark()
                        break
                    with shop.serving(home) as server, subject.beside(home):
                        promise = promise or subject.begin(server.port, key, database, home)
                        promise.port = server.port
                        working = Working(promise, recorder=recorder, workers=WORKERS)
                        before = len(recorder.acknowledged)
                        enough = before + chosen.randint(*subject.between_cuts)
                        patience = time.monotonic() + 60
                        while not working.got(enough) and time.monotonic() < patience:
                            time.sleep(0.01)
                        # Right after an acknowledgement everything before it is on the disk.
                        time.sleep(chosen.uniform(0, 0.3))
                        told = power.cut(chance=chosen.choice((0.0, 0.0, 0.5, 0.9)), seed=chosen.randrange(1 << 30))
                        shop.kill_keeper(home)
                        shop.kill_database(home)
                        server.kill()
                        working.stop()
                        outcome.cuts += 1
                        outcome.forgotten += told["bytes"]
                        outcome.survived += told["survived"]
                        outcome.names += told["names"]
                    shop.kill_keeper(home)
                    shop.kill_database(home)
                power.on()
        except DatabaseTrouble as trouble:
            outcome.trouble = str(trouble).splitlines()[-1]
            outcome.kept = Kept(len(recorder.acknowledged), 0, recorder.acknowledged, [])
    return outcome


@click.command()
@click.option("--cuts", default=10, show_default=True, help="With the settings that are shipped; controls get fewer.")
@click.option("--seed", default=7264, show_default=True)
@click.option("--what", type=click.Choice(list(SUBJECTS)), default="events", show_default=True)
def main(cuts: int, seed: int, what: str) -> None:
    """Cut the power under load; fail when something acknowledged is lost, or when a control loses nothing."""
    faults, subject = [], SUBJECTS[what]
    with a_home() as home:
        with embedded.running(home):
            key = subject.furnish(home)
        data, pristine = home / "postgres" / "data", home / "pristine"
        data.rename(pristine)
        shutil.copystat(pristine, data) if data.exists() else data.mkdir(mode=0o700)
        for trial in TRIALS:
            outcome = put_to_the_test(
                trial,
                subject=subject,
                home=home,
                pristine=pristine,
                key=key,
                cuts=min(cuts, 3) if trial.must_lose else cuts,
                seed=seed,
            )
            click.echo(
                f"{what}, {trial.name}: {outcome.cuts} cuts, {outcome.forgotten:,} unsynced bytes and"
                f" {outcome.names} names forgotten, {outcome.survived:,} bytes survived; {outcome.kept}"
                f"{'; ' + outcome.trouble if outcome.trouble else ''};"
                f" {len(outcome.faults)} faults{': ' + '; '.join(outcome.faults[:3]) if outcome.faults else ''};"
                f" recovered in at most {max(outcome.seconds, default=0):.1f} s{outcome.remark}"
            )
            if outcome.lost != trial.must_lose:
                faults.append(trial.name)
    if faults:
        raise click.ClickException(f"not as it should be: {', '.join(faults)}")


if __name__ == "__main__":
    main()
