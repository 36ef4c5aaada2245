"""Headers that tell a browser what a page is not meant to do. Its policy itself is a setting."""

from collections.abc import Callable

from csp.middleware import CSPMiddleware
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

Handler = Callable[[HttpRequest], HttpResponse]

# Nothing of a browser's equipment is needed here.
PERMISSIONS = ", ".join(
    f"{feature}=()"
    for feature in (
        *("accelerometer", "autoplay", "camera", "display-capture", "encrypted-media"),
        *("fullscreen", "geolocation", "gyroscope", "magnetometer", "microphone", "midi"),
        *("payment", "picture-in-picture", "publickey-credentials-get", "screen-wake-lock"),
        *("serial", "usb", "web-share", "xr-spatial-tracking"),
    )
)


def protect(get_response: Handler) -> Handler:
    """Middleware: headers for which Django has no setting."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        return response

    return middleware


class PolicyMiddleware(CSPMiddleware):
    """The Content-Security-Policy: of a page as in the settings, of all else that it is none.

    A policy for pages takes longer to write than an answer to another system may.
    """

    NO_PAGE = "default-src 'none'; frame-ancestors 'none'"

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        if response.get("Content-Type", "").startswith("text/html"):
            return super().process_response(request, response)
        response.headers.setdefault("Content-Security-Policy", self.NO_PAGE)
        return response
