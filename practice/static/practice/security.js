// What the Content-Security-Policy forbids anyway, so that htmx does not try it.

htmx.config.includeIndicatorStyles = false; // they are in sign_in.css
htmx.config.allowEval = false;
