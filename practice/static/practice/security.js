// What the Content-Security-Policy forbids anyway, so that htmx does not try it.

htmx.config.includeIndicatorStyles = false; // they are in site.css
htmx.config.allowEval = false;
