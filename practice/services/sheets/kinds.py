"""The kinds of records that come as spreadsheets, by the name that the address has for them."""

from practice.models import SheetImport
from practice.services.sheets.patients import Patients
from practice.services.sheets.planning import Kind
from practice.services.sheets.practitioners import Practitioners
from practice.services.sheets.profiles import Profiles
from practice.services.sheets.rota import Rota

KINDS: dict[str, type[Kind]] = {
    SheetImport.Kind.PATIENTS: Patients,
    SheetImport.Kind.PRACTITIONERS: Practitioners,
    SheetImport.Kind.PROFILES: Profiles,
    SheetImport.Kind.ROTA: Rota,
}
