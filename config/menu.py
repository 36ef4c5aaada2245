"""How the admin site looks: its name, its colours, and its menu, grouped by what people do."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy

# Around the NHS blue (600) and the NHS dark blue (900).
NHS_BLUE = {
    "50": "#f0f6fc",
    "100": "#dbeaf7",
    "200": "#b9d6f0",
    "300": "#86b8e4",
    "400": "#4b93d3",
    "500": "#1d73c2",
    "600": "#005eb8",
    "700": "#004b93",
    "800": "#003e79",
    "900": "#003087",
    "950": "#001f54",
}


def environment(request: HttpRequest) -> list[str] | None:
    """Say in a badge that this is not the real appointment book."""
    return ["Trial", "warning"] if settings.DEBUG else None


def practice_name(request: HttpRequest) -> str:
    """Name the practice that a member of staff works in, or how many there are."""
    from practice.site.people import practices_in_words  # models are not loaded with the settings

    return practices_in_words(request) if request.user.is_authenticated else ""


def may_view(permission: str) -> Callable[[HttpRequest], bool]:
    """Return a condition for a menu entry: whoever has one of the model's permissions sees it."""
    app, model = permission.split(".")

    def condition(request: HttpRequest) -> bool:
        user = request.user
        return user.has_perm(f"{app}.view_{model}") or user.has_perm(f"{app}.change_{model}")

    return condition


def entry(title: str, icon: str, model: str, hint: str) -> dict[str, Any]:
    """Return a menu entry that leads to a model's list; ``hint`` explains it on the front page."""
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{model.replace('.', '_')}_changelist"),
        "permission": may_view(model),
        "hint": hint,
    }


def may_open(name: str) -> Callable[[HttpRequest], bool]:
    """Return a condition for a menu entry: whoever the page itself lets in sees it."""

    def condition(request: HttpRequest) -> bool:
        from practice.staff.urls import urlpatterns  # the pages use models, which load later

        view: Any = next(each.callback for each in urlpatterns if each.name == name)
        return request.user.has_perm(view.view_class.permission)

    return condition


def services_are_open(request: HttpRequest) -> bool:
    """Whether the services of the practice are there for its reader, as the supplier has it."""
    from practice.site import services  # models are not loaded with the settings

    return services.services_are_open(request)


def page(title: str, icon: str, name: str, hint: str) -> dict[str, Any]:
    """Return a menu entry that leads to a day-to-day page."""
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{name}"),
        "permission": may_open(name),
        "hint": hint,
    }


NAVIGATION = [
    {
        "title": "Today",
        "items": [
            {"title": "Front page", "icon": "home", "link": reverse_lazy("admin:index")},
            page("My list", "stethoscope", "own_list", "Your own day: who waits, who is in"),
            page("Diary", "calendar_month", "diary", "The day as it goes"),
            page(
                "Book an appointment",
                "edit_calendar",
                "practice_appointment_add",
                "Find the patient, find the time",
            ),
            page(
                "Next available",
                "event_upcoming",
                "next_available",
                "Who has time on which day, for four weeks",
            ),
            page(
                "Worklist",
                "checklist",
                "worklist",
                "Orphaned appointments, people to be told",
            ),
            page(
                "Cancellation list",
                "hourglass_top",
                "cancellation_list",
                "Who would come earlier, and which times came free",
            ),
            page("Clinic list", "list_alt", "clinic_list", "To be printed"),
            entry(
                "Appointments", "event_available", "practice.appointment", "Who comes, who booked"
            ),
            entry("Slots", "schedule", "practice.slot", "Book, block, offer to others"),
            entry("Sessions", "view_agenda", "practice.schedule", "Who works when and where"),
        ],
    },
    {
        "title": "Plan",
        "items": [
            entry(
                "Templates",
                "calendar_view_week",
                "practice.sessiontemplate",
                "Sessions that repeat: build, change, end",
            ),
            entry(
                "Closures",
                "event_busy",
                "practice.closure",
                "Off sick, leave, bank holidays: close a time, open it again",
            ),
            page(
                "National categories",
                "category",
                "practice_slottype_changelist",
                "What each slot type counts as in the national data",
            ),
            entry(
                "Generation",
                "published_with_changes",
                "practice.generationrun",
                "Apply templates to the diary, and what became of them",
            ),
        ],
    },
    {
        "title": "Who may book",
        "items": [
            page(
                "Visibility",
                "visibility",
                "visibility",
                "What an organisation is offered, and why not more",
            ),
            page(
                "Promised to others",
                "handshake",
                "promises",
                "What was promised, such as to 111, and the days that fall short",
            ),
            {
                **page(
                    "Services",
                    "account_tree",
                    "services",
                    "Which they are, what belongs to each, service filtering",
                ),
                "permission": services_are_open,
            },
            page(
                "Who really asks",
                "travel_explore",
                "who_asks",
                "Who searched for slots, what they were shown, who went silent",
            ),
            page(
                "Going live",
                "sync_alt",
                "going_live",
                "What another system needs to know, and a rehearsal with it",
            ),
            page(
                "Measures",
                "speed",
                "measures",
                "National measures, and what is behind each",
            ),
            page(
                "Weekly returns",
                "outbox",
                "weekly_returns",
                "What was made of each week, when, by whom",
            ),
            page(
                "Utilisation",
                "monitoring",
                "utilisation",
                "Offered, booked, missed, unused",
            ),
            entry(
                "Who may book what",
                "lock_open",
                "practice.accessprofile",
                "Each access profile, where it is set, places left",
            ),
        ],
    },
    {
        "title": "People and places",
        "items": [
            entry("Patients", "personal_injury", "practice.patient", "Registered now or once"),
            entry("Practitioners", "stethoscope", "practice.practitioner", "Clinicians and roles"),
            page(
                "Calendar feeds",
                "event_repeat",
                "calendars",
                "A holder's diary in their own calendar program",
            ),
            entry("Locations", "location_on", "practice.location", "Main and branch surgeries"),
            entry(
                "Practice",
                "local_hospital",
                "practice.organisation",
                "Address, GP Connect switches",
            ),
            entry(
                "Elsewhere", "call_made", "practice.remoteservice", "Where else patients are booked"
            ),
            page(
                "Setting up",
                "rule",
                "set_up",
                "What the practice still needs, step by step",
            ),
            page(
                "Spreadsheets",
                "table_view",
                "sheets",
                "Records out and in: patients, clinicians, access profiles, a rota",
            ),
        ],
    },
    {
        "title": "Above practices",
        "items": [
            page(
                "Promises in the area",
                "map",
                "area",
                "Promised, offered and booked, practice by practice",
            ),
            page(
                "Groups of organisations",
                "groups",
                "groups",
                "Such as who answers 111, kept once for all practices",
            ),
            page(
                "Service filtering",
                "filter_alt",
                "service_filtering",
                "The supplier’s switch: where practices can use it",
            ),
        ],
    },
    {
        "title": "Accountability",
        "items": [
            page(
                "Audit trail",
                "fact_check",
                "audit_trail",
                "Who saw and did what",
            ),
        ],
    },
    {
        "title": "Staff",
        "items": [
            entry("Users", "badge", "auth.user", "Who may sign in, and where they work"),
            entry("Roles", "shield_person", "auth.group", "What each role may do"),
        ],
    },
]

UNFOLD = {
    "SITE_TITLE": "Appointment book",
    "SITE_HEADER": "Appointment book",
    "SITE_SUBHEADER": "config.menu.practice_name",
    "SITE_SYMBOL": "calendar_month",
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda request: static("practice/favicon.svg"),
        }
    ],
    "SITE_URL": None,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "ENVIRONMENT": "config.menu.environment",
    "COLORS": {"primary": NHS_BLUE},
    "ACCOUNT": {
        "navigation": [{"title": "Second factor", "link": reverse_lazy("admin:second_factor")}]
    },
    "GLOBAL_CALLBACK": "config.static_files.for_pages",
    "SIDEBAR": {"show_search": False, "show_all_applications": False, "navigation": NAVIGATION},
}
