"""What a list of the site holds: its records, and what its template shows of them."""

from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ALL_VAR
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from unfold.views import ChangeList

from practice.admin import list_html


class OwnChangeList(ChangeList):
    """A list that is narrowed by its own filters and no others, whatever its address says.

    Django by itself takes any lookup on any column, and leaves it to the database to fail. Its
    template shows the properties; practice.admin.list_html writes them.
    """

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, *args, **kwargs)
        self.title = self.model_admin.list_title or capfirst(str(self.opts.verbose_name_plural))

    @property
    def table(self) -> SafeString:
        return list_html.table(self)

    @property
    def filters(self) -> SafeString:
        return list_html.filters(self)

    @property
    def pages(self) -> SafeString:
        return list_html.pages(self)

    @property
    def calendar(self) -> SafeString:
        return list_html.calendar(self)

    @property
    def kept(self) -> SafeString:
        return list_html.kept(self)

    @property
    def kept_of_search(self) -> SafeString:
        return list_html.kept_of_search(self)

    @property
    def show_all_address(self) -> str:
        return self.get_query_string({ALL_VAR: ""})

    @property
    def counted(self) -> str:
        """What the list has so many of."""
        if self.result_count == 1 and not self.model_admin.list_title:
            return str(self.opts.verbose_name)
        return self.model_admin.list_title.lower() or str(self.opts.verbose_name_plural)

    @property
    def begins_today(self) -> bool:
        """Whether the list is narrowed to what is still to come, without anybody's asking."""
        return any(getattr(spec, "begins_today", False) for spec in self.filter_specs)

    def get_filters(self, request: HttpRequest) -> Any:
        try:
            found = super().get_filters(request)
        except (ValueError, OverflowError) as error:  # a year that no calendar has
            raise IncorrectLookupParameters(error) from error
        left = set(found[2])
        if f"{self.date_hierarchy}__year" in self.filter_params:
            left -= {f"{self.date_hierarchy}__gte", f"{self.date_hierarchy}__lt"}
        if left:
            raise IncorrectLookupParameters(f"No filter of this list: {', '.join(sorted(left))}")
        return found
