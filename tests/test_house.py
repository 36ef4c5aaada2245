"""The promises of the house, kept for code that is not yet written.

Which way the doors open, what no room may hold. tests/test_documents.py holds the documents.
"""

import ast
import re
import sys
from functools import cache
from itertools import product
from urllib.parse import urlsplit

import pytest
from django.urls import Resolver404, URLResolver, get_resolver, resolve, reverse

from fhirapi import errors, ssp, urls
from fhirapi.views import GPConnectView
from practice import exceptions
from workbench.paths import ROOT

PRODUCT = ("config", "consumer", "demo", "fhirapi", "practice")
AROUND = ("benchmarks", "tests", "workbench")  # what tries the product and measures it


def sources(*packages):
    """Every module of these packages but the migrations, by dotted name."""
    for package in packages:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "migrations" not in path.parts:
                parts = path.relative_to(ROOT).with_suffix("").parts
                yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


SOURCES = dict(sources(*PRODUCT))
EVERYTHING = {**SOURCES, **dict(sources(*AROUND))}


@cache
def tree(name):
    return ast.parse(EVERYTHING[name].read_text(encoding="utf-8"))


@cache
def imports(name):
    """Every module that a module imports, also inside functions."""
    found = set()
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name} imports relatively: spell the module out"
            named = {f"{node.module}.{alias.name}" for alias in node.names}
            # "from a import b" is about the module a.b, or about something in a.
            found |= named if named <= set(EVERYTHING) else named | {node.module}
    return found


def module_of(imported):
    """The module of ours in which an imported name stands; the name itself if it is not ours."""
    parts = imported.split(".")
    names = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((name for name in names if name in EVERYTHING), imported)


def through(names, closed):
    """``module imports module``, for what these modules import and ``closed`` is true of."""
    return {
        f"{name} imports {module_of(imported)}"
        for name in names
        for imported in imports(name)
        if closed(name, imported)
    }


def within(name, *packages):
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def functions(name):
    """Every function of a module, also of its classes and in other functions: name and node."""
    waiting = [("", tree(name))]
    while waiting:
        outer, node = waiting.pop()
        for child in ast.iter_child_nodes(node):
            named = isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            inner = f"{outer}.{child.name}".strip(".") if named else outer
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                yield inner, child
            waiting.append((inner, child))


def last_words(node):
    """``Slot.objects`` of ``models.Slot.objects``."""
    return ".".join(ast.unparse(node).split(".")[-2:])


def mentions(name, *attributes):
    """Where a module uses attributes of these names: ``module.function: expression``."""
    owners = {}
    for function, node in functions(name):
        for inner in ast.walk(node):
            owners[inner] = max(owners.get(inner, ""), function, key=len)
    return {
        f"{name}.{owners.get(node, '')}".strip(".") + ": " + last_words(node)
        for node in ast.walk(tree(name))
        if isinstance(node, ast.Attribute) and node.attr in attributes
    }


# ---------------------------------------------------------------- which way the doors open

# Whoever stands in a row may import what stands in the rows below it, and nothing of its own row.
ROWS = (
    ("config",),
    ("demo",),
    ("fhirapi",),
    ("practice.admin", "practice.staff", "practice.management"),  # pages and commands
    ("practice.site", "practice.templatetags"),
    ("practice.services",),
    ("practice.reads",),
    ("practice.models",),
    ("practice.db",),
    # what comes from outside
    (
        "practice.demographics",
        "practice.national_data",
        "practice.practice_file",
        "practice.published_files",
        "practice.sheet_files",
    ),
    ("practice.clock", "practice.exceptions", "practice.nhs_number", "practice.terminology"),
    ("practice.apps", "practice"),
    ("consumer",),  # the other end: it stands alone, below
)
RANKS = {room: rank for rank, row in enumerate(ROWS) for room in row}


def room_of(name):
    """The room in which a module stands, by its longest name; none for what is not ours."""
    parts = name.split(".")
    names = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((room for room in names if room in RANKS), None)


def test_every_module_of_the_product_stands_in_a_room():
    assert {name for name in SOURCES if room_of(name) in {None, "practice"}} == {"practice"}


def upwards(name, imported):
    there, here = room_of(imported), room_of(name)
    return there is not None and there != here and RANKS[there] <= RANKS[here]


def test_doors_open_downwards_only():
    assert through(SOURCES, upwards) == set()


# Constants and formats that every room of fhirapi speaks in.
VOCABULARY = "fhirapi.resources.common"
VIEWS = (
    *("fhirapi.urls", "fhirapi.views", "fhirapi.appointment_views", "fhirapi.foundation_views"),
    "fhirapi.developer",  # which describes them
)
CLOSED_DOORS = [
    # (who, may not import)
    ("practice", "rest_framework", "fhir", "django_filters"),
    ("practice.exceptions", "django"),
    ("fhirapi", "practice.admin", "practice.staff", "practice.site"),
    ("fhirapi", "practice.management.commands"),  # a command of its own asks who runs it
    # Inside fhirapi the rooms know the errors and not each other; the views know them all.
    ("fhirapi.errors", "fhirapi.ssp", "fhirapi.jwt", "fhirapi.filters", "fhirapi.resources"),
    ("fhirapi.ssp", "fhirapi.jwt", "fhirapi.filters", "fhirapi.resources"),
    ("fhirapi.jwt", "fhirapi.filters", "fhirapi.resources"),
    ("fhirapi.filters", "fhirapi.ssp", "fhirapi.jwt", "fhirapi.resources"),
    ("fhirapi.resources", "fhirapi.ssp", "fhirapi.jwt", "fhirapi.filters"),
    ("fhirapi.renderers", "fhirapi.resources", "practice"),
    ("fhirapi.parsers", "fhirapi.resources", "practice.services"),
    # What is measured or tried does not know by what.
    *((room, *AROUND) for room in PRODUCT),
    ("workbench", "tests", "benchmarks", "config", "demo"),
    ("benchmarks", "tests"),
]


@pytest.mark.parametrize(
    ("who", "closed"),
    [(who, closed) for who, *closed in CLOSED_DOORS],
    ids=[f"{who} of {len(closed)}" for who, *closed in CLOSED_DOORS],
)
def test_doors_open_one_way(who, closed):
    found = through(
        [name for name in EVERYTHING if within(name, who)],
        lambda _, imported: within(imported, *closed) and not within(imported, VOCABULARY),
    )

    assert found == set()


# The client's rooms, each importing only those before it; `check` and `__main__` import them all.
ROOMS_OF_CONSUMER = (
    *("errors", "identity", "interactions", "tokens", "transport", "formats", "calls"),
    *("times", "resources", "bodies", "client", "command_line", "proxy", "searching", "check"),
    "__main__",
)


def test_the_consumer_stands_alone():
    """It is installed without Django: what it imports is Python's, urllib3, and its own."""
    own = [name for name in SOURCES if within(name, "consumer")]
    foreign = through(
        own,
        lambda _, imported: (
            imported.partition(".")[0] not in {*sys.stdlib_module_names, "consumer", "urllib3"}
        ),
    )

    assert own
    assert foreign == set()


def test_the_rooms_of_the_consumer_open_downwards():
    places = {f"consumer.{room}": place for place, room in enumerate(ROOMS_OF_CONSUMER)}

    def place(name):
        return places.get(".".join(module_of(name).split(".")[:2]), -1)

    own = [name for name in SOURCES if within(name, "consumer")]

    assert {name for name in own if place(name) < 0} == {"consumer"}
    assert through(own, lambda name, imported: place(imported) > place(name)) == set()


def test_what_is_no_view_knows_no_view():
    others = [name for name in SOURCES if within(name, "fhirapi") and not within(name, *VIEWS)]
    found = through(others, lambda _, imported: within(imported, *VIEWS))

    assert found == set()


# ---------------------------------------------------------------- one question, one answer

PAGES = [
    name
    for name in SOURCES
    if within(name, "practice.admin", "practice.staff", "practice.site", "fhirapi")
    and not within(name, "fhirapi.management")  # a command is no page
]
ADMIN = "practice.admin"
OWN_LISTS = {
    # function of the admin: what begins there, of whatever model it is told
    f"{ADMIN}.base.OwnChoicesMixin.formfield_for_foreignkey": "the choices of a form's field",
    f"{ADMIN}.base.form_changes": "the names of what a field held before",
    f"{ADMIN}.base.count_up": "the version of the record that a form has just changed",
    f"{ADMIN}.users.UserAdmin.get_queryset": "the list of users, with their practices",
    f"{ADMIN}.users.GroupAdmin.get_queryset": "the list of roles, with how many people each has",
}


def test_questions_stand_in_reads():
    """A view or an action asks ``practice.reads``; a list of the admin site begins somewhere."""
    views = [name for name in PAGES if not within(name, "practice.site")]
    managers = ("objects", "_default_manager", "_base_manager")
    asked = {mention for name in views for mention in mentions(name, *managers)}
    own = {mention for mention in asked if mention.partition(":")[0] in OWN_LISTS}
    shortcuts = ("django.shortcuts.get_object_or_404", "django.shortcuts.get_list_or_404")
    short = through(views, lambda _, imported: within(imported, *shortcuts))

    assert (asked - own) | short == set()
    assert {mention.partition(":")[0] for mention in own} == set(OWN_LISTS)


def test_no_view_has_a_transaction():
    """Services have them, and two more: a change of a record or a request, with its audit."""
    allowed = {
        "practice.admin.base imports django.db.transaction",
        "fhirapi.views imports practice.db.transactions",
    }
    holders = ("django.db.transaction", "practice.db.transactions")
    held = through(PAGES, lambda _, imported: within(imported, *holders))

    assert held - allowed == set()


def test_statements_made_once_stand_where_questions_and_writes_are():
    rooms = ("practice.reads", "practice.services", "practice.db")
    others = [name for name in SOURCES if not within(name, *rooms)]
    found = through(others, lambda _, imported: within(imported, "practice.db.prepared"))

    assert found == set()


DIARY = ("slot", "schedule", "appointment", "sessiontemplate", "closure", "generationrun")


def test_records_of_the_diary_are_changed_on_the_page_of_their_job():
    """Django's own addresses lead there, so that the admin's forms write no diary."""
    elsewhere = set()
    jobs = product(DIARY, (["add"], ["change", 1], ["history", 1]))
    for model, (word, *arguments) in jobs:
        if (model, word) == ("generationrun", "add"):
            continue  # a run is made by applying templates, and never added
        view = resolve(reverse(f"admin:practice_{model}_{word}", args=arguments)).func
        if not within(view.__module__, "practice.staff"):
            elsewhere.add(f"{model} {word}: {view.__module__}")

    assert elsewhere == set()


def test_rows_that_travel_are_read_by_name():
    counted = {
        f"{name}: {ast.unparse(node)}"
        for name in EVERYTHING
        for node in ast.walk(tree(name))
        if isinstance(node, ast.Attribute)
        and node.attr == "index"
        and ast.unparse(node.value).endswith(("COLUMNS", "FIELDS"))
    }

    assert counted == set()


# ---------------------------------------------------------------- one subject at a time

LONGEST_MODULE, LONGEST_FUNCTION = 500, 50
LONG_MODULES: dict[str, str] = {
    "practice.reads.bookability": "one table: both forms of each reason stand side by side",
    "fhirapi.filters": "each parameter once: how it is read, told to consumers and described",
    # name: why it is not parted
}
LONG_FUNCTIONS: dict[str, str] = {
    # name: why it is not parted
    "practice.services.sessions.create_session": (
        "an argument a line; then its refusals, one write and its event, one after the other"
    ),
    "practice.services.slots.add_extra_slot": (
        "an argument a line; then its refusals, one write and its event, one after the other"
    ),
    "practice.services.appointments.booking.book_appointment": (
        "an argument a line; its checks are functions, in the order of the specification"
    ),
    "practice.services.registration.register_patient": "an argument and a column a line",
}
PARTED = {name: path for name, path in EVERYTHING.items() if not within(name, "tests")}


def test_a_long_module_holds_one_subject():
    long = {
        name
        for name, path in PARTED.items()
        if len(path.read_text(encoding="utf-8").splitlines()) > LONGEST_MODULE
    }

    assert long - set(LONG_MODULES) == set()
    assert set(LONG_MODULES) <= long


def test_a_long_function_does_one_thing():
    long = {
        f"{name}.{function}"
        for name in PARTED
        for function, node in functions(name)
        if node.end_lineno - node.lineno + 1 > LONGEST_FUNCTION
    }

    assert long - set(LONG_FUNCTIONS) == set()
    assert set(LONG_FUNCTIONS) <= long


# ---------------------------------------------------------------- addresses by name


def test_every_address_that_a_template_names_is_there():
    """A page finds out only when it is drawn, and some parts are drawn once in a year."""
    named = {
        (path.relative_to(ROOT).as_posix(), name)
        for path in (ROOT / "templates").rglob("*.html")
        for name in re.findall(r"{% url \"([^\"]+)\"", path.read_text(encoding="utf-8"))
    }
    there = {
        f"{namespace}{name}"
        for namespace, resolver in (
            ("", get_resolver()),
            *((f"{key}:", found) for key, (_, found) in get_resolver().namespace_dict.items()),
        )
        for name in resolver.reverse_dict
        if isinstance(name, str)
    }

    assert len(named) > 100
    assert {(path, name) for path, name in named if name not in there} == set()


# ---------------------------------------------------------------- a test for each module

TESTED = ("practice.services", "practice.reads", "practice.staff", "practice.db", "fhirapi")
TESTED_ELSEWHERE = {
    "fhirapi.management.commands.repair_booking_organisations": "tests/fhirapi/test_repair.py",
    **dict.fromkeys(
        [
            *("fhirapi.exchange.outgoing.resources", "fhirapi.exchange.outgoing.no_room"),
            *("fhirapi.management.commands.export_fhir", "fhirapi.resources.practitioner_role"),
            "practice.reads.whole_book",
        ],
        "tests/fhirapi/exchange/outgoing/test_writing.py",  # all of it, through the command
    ),
    **dict.fromkeys(
        [
            *("fhirapi.exchange.incoming.parts", "fhirapi.exchange.incoming.references"),
            *("fhirapi.exchange.incoming.directory", "fhirapi.exchange.incoming.patients"),
            *("fhirapi.exchange.incoming.diary", "fhirapi.management.commands.import_fhir"),
        ],
        "tests/fhirapi/exchange/incoming/test_collecting.py",  # what becomes of each resource
    ),
    **dict.fromkeys(
        [
            *("fhirapi.exchange.incoming.pieces", "fhirapi.exchange.incoming.versions_of_fhir"),
            *("practice.services.importing.stage", "practice.services.importing.records"),
        ],
        "tests/fhirapi/exchange/incoming/test_files.py",  # what is wrong, and where it is told
    ),
    **dict.fromkeys(
        [
            f"practice.services.importing.{name}"
            for name in ("resolving", "writing", "directory", "sessions", "appointments")
        ],
        "tests/practice/services/importing/test_importing.py",  # all of it, beside what is here
    ),
    "fhirapi.resources.healthcare_service": "tests/fhirapi/test_service_filtering.py",
    "practice.reads.service_filtering": "tests/practice/services/test_service_filtering.py",
    **dict.fromkeys(
        ["fhirapi.developer.requests", "practice.reads.sandbox_examples"],
        "tests/fhirapi/developer/test_samples.py",  # each is sent, and does what it says
    ),
    "fhirapi.developer.schemas": "tests/fhirapi/developer/test_description.py",
    "fhirapi.developer.urls": "tests/fhirapi/developer/test_pages.py",
    # What only joins others is tested through them.
    "practice.db.rows": "tests/practice/services/dumps/test_loading.py",  # ids kept, none twice
    **dict.fromkeys(
        [f"practice.services.dumps.{name}" for name in ("accounts", "kinds", "reading", "writing")],
        "tests/practice/services/dumps/test_loading.py",  # all of it, there and back
    ),
    **dict.fromkeys(
        [f"practice.services.sheets.{name}" for name in ("kinds", "planning")],
        "tests/practice/services/sheets/test_patients.py",
    ),
    # What becomes of a booking elsewhere is tried where it is found out.
    "practice.services.elsewhere.states": "tests/practice/services/elsewhere/test_settling.py",
    "practice.staff.admin_site": "tests/practice/admin/test_pages.py",  # suggestions, addresses
    "practice.staff.base": "tests/test_tenancy.py",  # a StaffPage, through every page
    "practice.staff.urls": "tests/test_tenancy.py",  # which asks for every address
    "practice.staff.error_pages": "tests/config/test_error_handlers.py",  # which choose the page
}


def file_of_tests(name):
    """Where the tests of a module stand: the same path, in tests/."""
    *rooms, last = name.split(".")
    return ROOT.joinpath("tests", *rooms, f"test_{last}.py")


def test_every_module_with_rules_has_a_test_file_of_its_name():
    without = set()
    for name, path in SOURCES.items():
        if within(name, *TESTED) and path.name not in {"__init__.py", "apps.py"}:
            file = file_of_tests(name)
            if not file.exists() or "def test_" not in file.read_text(encoding="utf-8"):
                without.add(name)

    assert without - set(TESTED_ELSEWHERE) == set()
    assert all((ROOT / file).exists() for file in TESTED_ELSEWHERE.values())


# Addresses that are asked for because nothing stands there, and those that only nginx sees.
NOWHERE = {
    "/admin/none/",
    "/admin/no-such-page/",
    "/calendar/.ics",
    "/calendar/1",
    "/admin/../calendar/x.ics",
    "/admin/../A20047/STU3/1/gpconnect/metadata",
    "/admin/STU3/1/gpconnect/metadata",
}


def texts(name):
    """Every text of a module, with 1 for whatever is filled in."""
    parts = set()
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.JoinedStr):
            parts |= set(node.values)
            pieces = [getattr(part, "value", "") for part in node.values]
            yield "".join(piece if isinstance(piece, str) else "1" for piece in pieces)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in parts:
            yield node.value


def is_served(path):
    try:
        return resolve(path).func.__name__ != "catch_all_view"  # the admin site's own 404
    except Resolver404:
        return False


def test_addresses_that_tests_ask_for_are_served():
    """A refusal, say of an old form, is the same where nothing stands: it would prove nothing."""
    asked = {
        urlsplit(text).path
        for name in EVERYTHING
        if within(name, *AROUND)
        for text in texts(name)
        if re.match(r"/(admin|calendar|health)/\S*$", text)
    }

    assert {path for path in asked if not is_served(path)} == NOWHERE


# ---------------------------------------------------------------- what no room may hold


def test_no_room_without_a_name():
    """utils.py and helpers.py: give the function to its subject."""
    last = {name.rsplit(".", 1)[-1] for name in SOURCES}

    assert not last & {"utils", "util", "helpers", "helper", "misc"}


def test_no_signals_and_no_save_overrides():
    """Bulk writes skip both, and a reader cannot see them coming."""
    listening = {
        f"{name} imports {imported}"
        for name in SOURCES
        for imported in imports(name)
        if within(imported, "django.db.models.signals", "django.dispatch")
    }
    overriding = {
        f"{name}: {node.name}"
        for name in SOURCES
        if within(name, "practice.models")
        for node in ast.walk(tree(name))
        if isinstance(node, ast.FunctionDef) and node.name in {"save", "delete"}
    }

    assert listening | overriding == set()


def test_the_clock_is_read_in_one_way():
    """``timezone.now`` and ``time.time``: those that tests/chaos sets across the clock changes."""
    read = {
        f"{name}: {ast.unparse(node)}"
        for name in SOURCES
        for node in ast.walk(tree(name))
        if isinstance(node, ast.Attribute)
        and ast.unparse(node).endswith(
            (
                "datetime.now",
                "datetime.today",
                "date.today",
                "utcnow",
                "time.time_ns",
                "time.localtime",
            )
        )
    } | {
        f"{name}: Now"
        for name in SOURCES
        if any(within(each, "django.db.models.functions.Now") for each in imports(name))
    }

    assert read == set()


def test_public_functions_are_annotated():
    bare = set()
    for name in SOURCES:
        for node in tree(name).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                arguments = node.args
                named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
                if node.returns is None or any(each.annotation is None for each in named):
                    bare.add(f"{name}.{node.name}")

    assert bare == set()


STRICT = ("practice.db", "practice.reads", "practice.services", "fhirapi")


def test_any_is_a_decision():
    """Where mypy is strict, at most one signature in ten says ``Any``."""
    signatures = [
        [ast.unparse(node.args), ast.unparse(node.returns) if node.returns else ""]
        for name in SOURCES
        if within(name, *STRICT)
        for _, node in functions(name)
    ]
    loose = [each for each in signatures if re.search(r"\bAny\b", " ".join(each))]

    assert len(loose) <= len(signatures) / 10


def test_migrations_say_what_they_change():
    names = [path.stem for path in (ROOT / "practice" / "migrations").glob("0*.py")]

    assert [name for name in names if "_auto_" in name] == []


# ---------------------------------------------------------------- no way around the guards


def routes():
    """The view class behind every URL of the FHIR door."""
    waiting = list(urls.urlpatterns)
    while waiting:
        route = waiting.pop()
        if isinstance(route, URLResolver):
            waiting += route.url_patterns
        else:
            yield route.callback.view_class


def test_every_route_is_guarded_audited_and_in_the_table():
    """A view that is no GPConnectView, or that answers for itself, would leave steps out."""
    classes = set(routes())
    served = set()
    for view in classes:
        assert issubclass(view, GPConnectView)
        assert view.dispatch is GPConnectView.dispatch
        for interactions in view.interactions.values():
            served |= set(interactions if isinstance(interactions, tuple) else (interactions,))

    assert served == {*ssp.INTERACTIONS, *ssp.OF_SERVICE_FILTERING}


def refusals(kind=exceptions.PracticeError):
    for each in kind.__subclasses__():
        yield each
        yield from refusals(each)


def test_every_refusal_of_the_practice_stands_in_one_module():
    known = {"PracticeError", *(each.__name__ for each in refusals())}
    elsewhere = {
        f"{name}.{node.name}"
        for name in SOURCES
        if name != exceptions.__name__
        for node in ast.walk(tree(name))
        if isinstance(node, ast.ClassDef)
        and any(ast.unparse(base).rpartition(".")[2] in known for base in node.bases)
    }

    assert elsewhere == set()


@pytest.mark.parametrize("refusal", list(refusals()), ids=lambda each: each.__name__)
def test_every_refusal_of_the_practice_has_a_spine_code(refusal):
    """Found along its ancestors, so that a new one is never a surprise 500; and it says why."""
    raised = Exception.__new__(refusal) if "__init__" in vars(refusal) else refusal()

    found = errors.from_exception(raised, trace_id="t")

    assert found.error.status < 500 or refusal is exceptions.DemographicsUnavailable
    assert refusal.__doc__
    assert "__init__" in vars(refusal) or str(raised) == refusal.__doc__.strip()


# ---------------------------------------------------------------- one way to serve


def test_make_serve_and_production_start_the_server_with_the_same_words():
    """All but an address stands in gunicorn.conf.py, so that what was tried is what serves."""
    sources = (ROOT / "Makefile", ROOT / "deploy" / "systemd" / "appointments-web.service")
    commands = [
        re.findall(r"python (-m gunicorn .*)", path.read_text(encoding="utf-8")) for path in sources
    ]

    served, deployed = commands
    assert served == ["-m gunicorn config.wsgi --bind 127.0.0.1:$(PORT)"]
    assert deployed == ["-m gunicorn config.wsgi"]
