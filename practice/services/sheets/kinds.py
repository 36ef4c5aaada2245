"""The kinds of records that come as spreadsheets, by the name that the address has for them."""

from practice.models import SheetImport
from practice.services.sheets.patients import Patients
from practice.services.sheets.planning import Kind

KINDS: dict[str, type[Kind]] = {
    SheetImport.Kind.PATIENTS: Patients,
}
