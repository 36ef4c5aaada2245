"""What runs in containers, and when, is what runs elsewhere; and the files about it agree."""

import re
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import UnixStreamServer
from zoneinfo import ZoneInfo

import pytest
import yaml

from deploy import self_test
from deploy.image import entry, health, make_secrets, nginx, schedule, units
from deploy.image.units import Daily, Job, NotUnderstood, read_jobs
from tests.deploy.test_scripts import listed
from tests.test_documents import settings_read
from workbench.paths import ROOT

DEPLOY = ROOT / "deploy"
UNITS = DEPLOY / "systemd"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
KUBERNETES = [
    document
    for path in sorted((DEPLOY / "kubernetes").glob("*.yaml"))
    for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))
]
LONDON = ZoneInfo("Europe/London")


def of_kind(kind: str) -> dict[str, dict]:
    return {each["metadata"]["name"]: each for each in KUBERNETES if each["kind"] == kind}


# ---------------------------------------------------------------- the scheduler and the timers


def directive(path: Path, name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", path.read_text(encoding="utf-8"), re.M)


def test_whatever_a_unit_runs_is_run_in_containers():
    """Read here another way than the scheduler reads them."""
    services = {path.stem.removeprefix("appointments-") for path in UNITS.glob("*.service")}
    jobs = {job.name.split("@")[0] + ("@" if "@" in job.name else "") for job in read_jobs()}

    assert jobs | {"web", "seal"} == services
    assert {path.stem.removeprefix("appointments-") for path in UNITS.glob("*.timer")} <= jobs


def test_each_job_has_the_commands_and_the_time_of_its_units():
    for job in read_jobs():
        name, at, instance = job.name.partition("@")
        service = UNITS / f"appointments-{name}{at}.service"
        commands = [
            each.split(" manage.py ")[1].replace("%i", instance)
            for each in directive(service, "ExecStart")
        ]
        assert [" ".join(command) for command in job.commands] == commands
        timer = service.with_suffix(".timer")
        if not timer.exists():
            assert job.is_lasting
            continue
        for calendar in directive(timer, "OnCalendar"):
            due = job.daily.after(datetime(2026, 1, 31, 12, tzinfo=UTC)).astimezone(LONDON)
            assert f"{due:%H:%M:%S} {due.tzinfo}" == calendar.split(" ", 1)[1]
        for every in directive(timer, "OnUnitActiveSec"):
            assert f"{job.every // timedelta(minutes=1)}min" == every


def test_proofs_are_those_that_the_runbook_enables():
    runbook = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")

    enabled = set(re.findall(r"appointments-check@(\w+)\.timer", runbook))
    assert enabled == set(units.INSTANCES["check@"])


def test_what_an_installation_enables_is_what_the_scheduler_runs():
    """By the units' names in deploy/lib.sh, instances of templates with them."""
    enabled = {unit.removeprefix("appointments-") for unit in listed("SERVICES") | listed("TIMERS")}

    assert {job.name for job in read_jobs()} | {"web", "seal"} == enabled


def test_words_of_the_image_do_what_the_units_do():
    for word, unit in (("web", "web"), ("seal", "seal")):
        (command,) = directive(UNITS / f"appointments-{unit}.service", "ExecStart")
        assert " ".join(entry.WORDS[word]) == command.split(" ", 1)[1]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(("Type=oneshot", "Type=oneshot\nUmbrella=yes"), "Umbrella", id="directive"),
        pytest.param(("manage.py close_day", "-c pass"), "-c pass", id="command"),
        pytest.param(("TimeoutStartSec=30min", "TimeoutStartSec=a while"), "a while", id="span"),
        pytest.param(("Type=oneshot", "Type=simple"), "does not end", id="lasting, with a timer"),
    ],
)
def test_a_service_that_is_not_understood_is_refused(tmp_path, change, said):
    service = UNITS / "appointments-overnight.service"
    (tmp_path / service.name).write_text(service.read_text().replace(*change))
    timer = service.with_suffix(".timer")
    (tmp_path / timer.name).write_text(timer.read_text())

    with pytest.raises(NotUnderstood, match=said):
        read_jobs(tmp_path)


@pytest.mark.parametrize(
    "line", ["OnCalendar=Mon *-*-* 01:30:00 Europe/London", "OnCalendar=daily", "WakeSystem=yes"]
)
def test_a_timer_that_is_not_understood_is_refused(tmp_path, line):
    for kind in ("service", "timer"):
        unit = UNITS / f"appointments-generate.{kind}"
        text = unit.read_text()
        if kind == "timer":
            text = re.sub(
                r"^(OnCalendar=.*)$", line if "On" in line else rf"\1\n{line}", text, flags=re.M
            )
        (tmp_path / unit.name).write_text(text)

    with pytest.raises(NotUnderstood):
        read_jobs(tmp_path)


# ---------------------------------------------------------------- times


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


HALF_PAST_ONE = Daily(1, 30, 0, LONDON)


@pytest.mark.parametrize(
    ("after", "due"),
    [
        pytest.param("2026-01-10T00:00Z", "2026-01-10T01:30Z", id="today"),
        pytest.param("2026-01-10T01:30Z", "2026-01-11T01:30Z", id="not twice"),
        pytest.param("2026-06-10T00:00Z", "2026-06-10T00:30Z", id="summer time"),
        pytest.param("2026-06-09T23:50Z", "2026-06-10T00:30Z", id="the day begins in London"),
        pytest.param("2026-03-29T00:00Z", "2026-03-29T01:30Z", id="a time that is skipped"),
        pytest.param("2026-10-25T00:00Z", "2026-10-25T00:30Z", id="the first of two"),
        pytest.param("2026-10-25T00:30Z", "2026-10-26T01:30Z", id="not the second of two"),
        pytest.param("2026-12-31T12:00Z", "2027-01-01T01:30Z", id="the year ends"),
    ],
)
def test_every_day_at_a_time_in_london(after, due):
    assert HALF_PAST_ONE.after(at(after)) == at(due)


def test_every_day_of_a_year_has_one_run():
    moment, runs = at("2026-01-01T00:00Z"), []
    while moment < at("2027-01-01T00:00Z"):
        moment = HALF_PAST_ONE.after(moment)
        runs.append(moment)

    assert len({each.astimezone(LONDON).date() for each in runs[:-1]}) == 365 == len(runs) - 1


def test_once_a_month():
    second = Daily(2, 30, 0, LONDON, day=2)

    assert second.after(at("2026-11-29T11:00Z")) == at("2026-12-02T02:30Z")
    assert second.after(at("2026-12-02T02:30Z")) == at("2027-01-02T02:30Z")


def test_what_is_spread_is_never_early():
    job = Job("a", (), daily=HALF_PAST_ONE, spread=timedelta(minutes=10))
    begun = at("2026-01-10T12:00Z")

    late = [job.next_run(begun) - at("2026-01-11T01:30Z") for _ in range(50)]

    assert timedelta(0) <= min(late) < max(late) < timedelta(minutes=10)


# ---------------------------------------------------------------- running


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A manage.py that writes down what it was asked, and ends as it was asked."""
    (tmp_path / "manage.py").write_text(
        "import os, sys, time\n"
        "word, *rest = sys.argv[1:]\n"
        "open('asked', 'a').write(' '.join([word, *rest, os.environ.get('SAID', '')]) + '\\n')\n"
        "if word == 'hang': time.sleep(60)\n"
        "sys.exit(3 if word == 'fail' else 0)\n"
    )
    monkeypatch.setattr(schedule, "ROOT", tmp_path)
    return tmp_path


def asked(folder: Path) -> list[str]:
    try:
        return (folder / "asked").read_text().splitlines()
    except FileNotFoundError:
        return []


def go_on(runner: schedule.Runner, moment: datetime) -> None:
    """Let a run that has begun come to its end."""
    while runner.process:
        runner.process.wait(20)
        runner.tick(moment)


def daily(*commands: str, **options) -> Job:
    split = tuple(tuple(each.split()) for each in commands)
    return Job("job", split, daily=HALF_PAST_ONE, **options)


START = at("2026-01-10T12:00Z")
NIGHT = at("2026-01-11T01:30Z")


def test_a_job_runs_its_commands_one_after_the_other_when_it_is_due(folder):
    memory = schedule.Memory(folder)
    job = daily("first", "second --all", environment={"SAID": "x"})
    runner = schedule.Runner.of(job, memory, at=START)

    runner.tick(NIGHT - timedelta(seconds=1))
    before = asked(folder)
    runner.tick(NIGHT)
    go_on(runner, NIGHT)

    assert before == []
    assert asked(folder) == ["first x", "second --all x"]
    assert runner.due == NIGHT + timedelta(days=1)
    assert schedule.Memory(folder).failed() == []


def test_what_fails_keeps_the_rest_back_and_is_remembered_until_it_succeeds(folder):
    job = daily("fail", "second")
    runner = schedule.Runner.of(job, schedule.Memory(folder), at=START)
    runner.tick(NIGHT)
    go_on(runner, NIGHT)
    schedule.Memory(folder).beat()
    told = schedule.is_well(folder, with_jobs=True), schedule.is_well(folder, with_jobs=False)

    again = schedule.Runner.of(daily("first"), schedule.Memory(folder), at=NIGHT)
    again.tick(again.due)
    go_on(again, again.due)

    assert asked(folder) == ["fail ", "first "]
    assert told == ((False, "failed: job"), (True, "well"))
    assert schedule.is_well(folder, with_jobs=True) == (True, "well")


def test_what_was_missed_while_nothing_ran_is_made_up_for_if_the_timer_says_so(folder):
    long_ago = START - timedelta(days=3)
    memory = schedule.Memory(folder)
    memory.note("job", began=long_ago.isoformat())

    caught_up = schedule.Runner.of(daily("first", is_caught_up=True), memory, at=START)
    left = schedule.Runner.of(daily("first"), memory, at=START)

    assert caught_up.due < START
    assert left.due == NIGHT


def test_at_the_very_first_start_nothing_was_missed(folder):
    job = daily("first", is_caught_up=True)

    assert schedule.Runner.of(job, schedule.Memory(folder), at=START).due == NIGHT


def test_every_few_minutes_after_the_start_and_never_twice_at_once(folder):
    minutes = [START + timedelta(minutes=each) for each in range(12)]
    job = Job("job", (("hang",),), every=timedelta(minutes=4), first_after=timedelta(minutes=2))
    runner = schedule.Runner.of(job, schedule.Memory(folder), at=START)
    try:
        runner.tick(minutes[1])
        assert runner.process is None
        runner.tick(minutes[2])
        process = runner.process
        runner.tick(minutes[9])
        assert runner.process is process is not None
    finally:
        runner.kill()
        go_on(runner, minutes[9])


def test_what_takes_too_long_is_stopped_and_has_failed(folder):
    job = daily("hang", timeout=timedelta(minutes=30))
    memory = schedule.Memory(folder)
    runner = schedule.Runner.of(job, memory, at=START)
    runner.tick(NIGHT)
    runner.tick(NIGHT + timedelta(minutes=29))
    assert runner.process.poll() is None
    too_long = NIGHT + timedelta(minutes=30, seconds=1)  # before it would be killed
    runner.tick(too_long)
    go_on(runner, too_long)

    assert memory.failed() == ["job"]


def test_what_runs_all_the_time_is_started_again(folder):
    job = Job("job", (("fail",),), restart_after=timedelta(seconds=5))
    memory = schedule.Memory(folder)
    runner = schedule.Runner.of(job, memory, at=START)
    runner.tick(START)
    go_on(runner, START)

    assert runner.due == START + timedelta(seconds=5)
    assert memory.failed() == ["job"]
    runner.tick(runner.due)
    go_on(runner, runner.due)
    assert asked(folder) == ["fail ", "fail "]


def test_each_job_may_be_run_once_and_what_lasts_looks_once(folder):
    jobs = [
        daily("fail", "second", folders=(folder / "kept" / "here",)),
        daily("first", "second --all", environment={"SAID": "x"}),
        Job("lasting", (("watch", "--loop"),)),
    ]

    assert schedule.run_once(jobs) == 1
    assert asked(folder) == ["fail ", "first x", "second --all x", "watch "]
    assert (folder / "kept" / "here").stat().st_mode & 0o777 == 0o700


def test_one_scheduler_works_at_a_time_and_a_dead_one_is_not_well(folder):
    command = [sys.executable, "-m", "deploy.image.schedule", "--folder", str(folder)]
    with schedule.alone(folder):
        second = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert "waits for another scheduler" in second.stdout.readline()
        second.kill()
        second.communicate()

    assert schedule.is_well(folder, with_jobs=False)[0] is False


# ---------------------------------------------------------------- health


class Web(BaseHTTPRequestHandler):
    """A web server that answers one name."""

    def do_GET(self) -> None:
        self.send_response(200 if self.headers["Host"] == "book.example" else 400)
        self.end_headers()
        self.wfile.write(self.path.encode())

    def log_message(self, *_: object) -> None:
        pass


def test_a_web_server_is_asked_through_its_socket(tmp_path, monkeypatch):
    """By what looks after a container, and by the self-test of an installation."""
    socket = f"{tmp_path}/web.sock"
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("DJANGO_ALLOWED_HOSTS", "book.example,gp.example")
    monkeypatch.setattr(self_test, "SOCKET", socket)
    before = health.ask_web("ready")

    with UnixStreamServer(socket, Web) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,)).start()
        try:
            ready, told = health.ask_web("ready"), self_test.health({"STAFF_NAME": "book.example"})
            monkeypatch.setenv("DJANGO_ALLOWED_HOSTS", "other.example")
            other = health.ask_web("live")
        finally:
            server.shutdown()

    assert before == (False, f"{socket}: [Errno 2] No such file or directory")
    assert ready == (True, "/health/ready")
    assert told.startswith("ready")
    assert other == (False, "/health/live")


# ---------------------------------------------------------------- secrets


def test_a_secret_may_be_in_a_file(tmp_path):
    (tmp_path / "key").write_text("abc\n")

    known = entry.with_secrets({
        "DJANGO_SECRET_KEY_FILE": str(tmp_path / "key"),
        "DEMOGRAPHICS_FILE": "people.yaml",
    })  # fmt: skip

    assert known == {"DJANGO_SECRET_KEY": "abc", "DEMOGRAPHICS_FILE": "people.yaml"}


@pytest.mark.parametrize(
    ("content", "more", "said"),
    [("", {}, "is empty"), ("abc", {"METRICS_TOKEN": "other"}, "both set")],
)
def test_a_secret_that_is_not_clear_stops_the_start(tmp_path, content, more, said):
    (tmp_path / "token").write_text(content)

    with pytest.raises(ValueError, match=said):
        entry.with_secrets({"METRICS_TOKEN_FILE": str(tmp_path / "token"), **more})


def test_made_secrets_are_kept_and_belong_together(tmp_path):
    folder = tmp_path / "secrets"
    made = make_secrets.make(folder, "postgresql")
    before = {path.name: path.read_text() for path in folder.iterdir()}

    assert make_secrets.make(folder, "elsewhere") == []
    assert {path.name: path.read_text() for path in folder.iterdir()} == before
    assert set(made) == set(before)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert before["database_password"].strip() in before["database_url"]
    assert before["database_owner_password"].strip() in before["database_owner_url"]
    assert len(set(before.values())) == len(before)


# ---------------------------------------------------------------- compose.yaml, kubernetes/

READ = settings_read()
OF_NGINX = set(
    re.findall(r"\$\{([A-Z_]+)\}", (DEPLOY / "nginx/appointments.conf.template").read_text())
)
KNOWN = READ | set(entry.SECRETS) | {f"{name}_FILE" for name in entry.SECRETS}
SERVICES = COMPOSE["services"]
OURS = {name: each for name, each in SERVICES.items() if "appointments" in each["image"]}


def test_each_name_in_the_environment_is_of_a_setting_that_exists():
    for name, service in OURS.items():
        known = OF_NGINX | {"WEB_CONCURRENCY"} if name == "nginx-configuration" else KNOWN
        assert set(service.get("environment", {})) <= known, name
    maps = of_kind("ConfigMap")
    assert set(maps["settings"]["data"]) <= READ
    assert set(maps["nginx"]["data"]) <= OF_NGINX | {"WEB_CONCURRENCY"}
    for container in containers():
        assert {each["name"] for each in container.get("env", ())} <= KNOWN


def test_nginx_is_told_everything_that_its_template_asks_for(tmp_path):
    for told in (
        SERVICES["nginx-configuration"]["environment"],
        of_kind("ConfigMap")["nginx"]["data"],
    ):
        values = {
            name: re.sub(r"\$\{(\w+).*\}", r"\1.example", value) for name, value in told.items()
        }
        values["WEB_CONCURRENCY"] = "3"
        nginx.write(tmp_path, seen_at="/etc/nginx/appointments", values=values)
        written = (tmp_path / "appointments.conf").read_text()
        assert written.count("server unix:/run/appointments/web-") == 3
        assert "listen 8443 ssl" in written


def containers() -> list[dict]:
    found = []
    for kind in ("Deployment", "Job"):
        for each in of_kind(kind).values():
            spec = each["spec"]["template"]["spec"]
            found += [*spec["containers"], *spec.get("initContainers", ())]
    return found


def test_the_image_is_what_build_makes_everywhere():
    name = re.search(r"^NAME=(.*)$", (DEPLOY / "image/build.sh").read_text(), re.M).group(1)

    assert {each["image"].split(":")[0] for each in OURS.values()} == {name}
    (kustomized,) = [each for each in KUBERNETES if each["kind"] == "Kustomization"]
    assert kustomized["images"][0]["name"] == name
    kubernetes = {each["image"] for each in containers()}
    assert kubernetes == {name, SERVICES["nginx"]["image"]}
    version = re.search(r":(\d+)-", SERVICES["postgresql"]["image"]).group(1)
    cluster = of_kind("Cluster")["database"]["spec"]
    assert cluster["imageName"].endswith(f":{version}")
    # pg_dump must be at least as new as the server.
    build = (DEPLOY / "image/build.sh").read_text()
    assert f"postgresql-client-{version} " in build
    assert f"/usr/lib/postgresql/{version}/bin" in build


def test_ports_agree_and_only_nginx_has_any():
    published = {name: each["ports"] for name, each in SERVICES.items() if "ports" in each}

    assert list(published) == ["nginx"]
    inside = {each.split(":")[1] for each in published["nginx"]}
    assert inside == set(nginx.PORTS.values())
    (served,) = of_kind("Service").values()
    named = {p["name"]: p for c in containers() for p in c.get("ports", ())}
    assert {str(port["containerPort"]) for port in named.values()} == inside
    assert {each["targetPort"] for each in served["spec"]["ports"]} == set(named)
    (policy,) = [each for name, each in of_kind("NetworkPolicy").items() if name == "nginx"]
    allowed = {str(port["port"]) for port in policy["spec"]["ingress"][0]["ports"]}
    assert allowed == inside


def test_every_container_has_a_read_only_root_and_no_rights():
    for name, service in SERVICES.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["user"].split(":")[0] not in ("0", "root"), name
    for container in containers():
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["limits"]["memory"]
    for kind in ("Deployment", "Job"):
        for each in of_kind(kind).values():
            context = each["spec"]["template"]["spec"]["securityContext"]
            assert context["runAsNonRoot"] is True
            assert context["runAsUser"] == context["fsGroup"] == 10001


def test_a_secret_is_given_only_to_who_needs_it():
    having = {
        secret: {name for name, each in SERVICES.items() if secret in each.get("secrets", ())}
        for secret in COMPOSE["secrets"]
    }

    assert having["database_owner_url"] == {"migrate"}
    assert having["audit_head_keys"] == {"sealer"}
    assert having["staff_key"] == having["fhir_key"] == {"nginx"}
    assert having["postgres_password"] == {"postgresql"}
    for service in SERVICES.values():
        named = re.findall(r"/run/secrets/(\w+)", str(service.get("environment", "")))
        if "nginx" not in str(service.get("command")):
            assert set(named) <= set(service.get("secrets", ()))
    by_name = {each["name"]: str(each.get("env")) for each in containers()}
    assert [name for name, env in by_name.items() if "DATABASE_OWNER_URL" in env] == ["migrate"]
    assert [name for name, env in by_name.items() if "AUDIT_HEAD_KEYS" in env] == ["sealer"]


def test_made_secrets_are_those_that_are_asked_for(tmp_path):
    given = {
        "staff_certificate",
        "staff_key",
        "fhir_certificate",
        "fhir_key",
        "client_ca",
        "client_crl",
    }

    assert set(make_secrets.make(tmp_path / "s", "postgresql")) | given == set(COMPOSE["secrets"])


def test_what_is_to_run_has_a_container():
    """web, the sealer and the scheduler, whose words the image knows."""
    words = {each["command"][0] for name, each in OURS.items() if name != "manage"}
    kubernetes = {each["args"][0] for each in containers() if "args" in each}

    assert words == kubernetes == {"web", "seal", "schedule", "migrate", "nginx"}
    assert words <= set(entry.WORDS)


def test_volumes_are_where_the_image_has_folders_for_them():
    build = (DEPLOY / "image/build.sh").read_text()
    folders = re.search(r'^for folder in "" (.*); do$', build, re.M).group(1).split()
    made = {f"/var/lib/appointments{each}" for each in folders}
    made |= {"/run/appointments", "/var/lib/appointments/nginx"}
    mounted = {v.split(":")[1] for each in OURS.values() for v in each.get("volumes", ())}

    assert mounted == made
