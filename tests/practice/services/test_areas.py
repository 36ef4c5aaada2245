"""An operator says which practices an area has, and who looks after it; it is in their trails."""

import pytest
from django.core.management import CommandError, call_command

from practice.models import Area, AuditEvent
from workbench.factories import make_organisation
from workbench.staff import AREA_MANAGER, make_staff

pytestmark = pytest.mark.django_db


def test_an_area_is_set_and_set_again(practice, capsys):
    other, user = make_organisation(), make_staff(role="")
    for codes in ([practice.organisation.ods_code], [other.ods_code]):
        call_command("set_area", "Mockshire", practices=codes, managers=[user.username])

    area = Area.objects.get()
    assert [*area.practices.all()] == [other]
    assert [*area.managers.all()] == [user]
    assert [group.name for group in user.groups.all()] == [AREA_MANAGER]
    events = AuditEvent.objects.filter(event="area.set").order_by("pk")
    assert [each.organisation for each in events] == [
        *(None, practice.organisation),
        *(None, practice.organisation, other),
    ]
    assert "Mockshire: 1 practices, 1 area managers." in capsys.readouterr().out


def test_whoever_is_not_there_is_said(practice):
    codes = [practice.organisation.ods_code]
    with pytest.raises(CommandError, match="nobody of the name kim"):
        call_command("set_area", "Mockshire", practices=codes, managers=["kim"])
    with pytest.raises(CommandError, match="Z9"):
        call_command("set_area", "Mockshire", practices=["Z9"])
    assert not Area.objects.exists()
