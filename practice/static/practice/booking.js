// Booking by keyboard. Without this script every step is a page, and everything can be done there.

(() => {
  // ---------------------------------------------------------------- the grid: arrows, Home, End, N

  const cells = (row) => [...row.querySelectorAll("td > button")];
  const column = (cell) => {
    const at = cell.parentElement;
    const shift = at.parentElement.querySelector('[scope="rowgroup"]') ? 1 : 0;
    return at.cellIndex - shift;
  };
  const nearest = (row, wanted) =>
    cells(row).reduce(
      (best, cell) =>
        best && Math.abs(column(best) - wanted) <= Math.abs(column(cell) - wanted) ? best : cell,
      null,
    );

  // One cell can be reached by Tab: the one that had the focus last, else the chosen or first one.
  const rove = (grid, cell) => {
    for (const other of grid.querySelectorAll("td > button")) {
      other.tabIndex = -1;
    }
    if (cell) {
      cell.tabIndex = 0;
    }
  };

  const step = (cell, key) => {
    const row = cell.parentElement.parentElement;
    const inRow = cells(row);
    const at = inRow.indexOf(cell);
    if (key === "ArrowUp" || key === "ArrowDown") {
      const rows = [...row.closest("table").querySelectorAll("tbody tr")];
      const by = key === "ArrowUp" ? -1 : 1;
      for (let next = rows.indexOf(row) + by; rows[next]; next += by) {
        const found = nearest(rows[next], column(cell));
        if (found) return found;
      }
      return null;
    }
    const free = (other, place) => place > at && !other.parentElement.matches(".kept");
    return {
      ArrowLeft: inRow[at - 1],
      ArrowRight: inRow[at + 1],
      Home: inRow[0],
      End: inRow[inRow.length - 1],
      n: inRow.find(free),
    }[key];
  };

  document.addEventListener("keydown", (event) => {
    const grid = event.target.closest?.(".next-grid");
    if (!grid || event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key === "N" ? "n" : event.key;
    if (["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", "Home", "End", "n"].includes(key)) {
      event.preventDefault();
      step(event.target, key)?.focus();
    }
  });

  document.addEventListener("focusin", (event) => {
    const grid = event.target.closest?.(".next-grid");
    if (grid && event.target.matches("td > button")) rove(grid, event.target);
  });

  // ---------------------------------------------------------------- choices are applied at once

  let changed = ""; // the field that was: it has the focus again afterwards

  document.addEventListener("change", (event) => {
    const wish = event.target.closest?.("[data-wish]");
    if (!wish) return;
    changed = event.target.id;
    wish.requestSubmit();
  });

  // ---------------------------------------------------------------- patients, while one types

  const FEWEST = 3; // letters, or a date of birth
  const PAUSE = 250; // milliseconds without typing
  let waiting = 0;

  const ask = (form) => {
    const asked = new URLSearchParams(new FormData(form));
    if (asked.get("q").trim().length < FEWEST && !asked.get("born")) return;
    const address = `${location.pathname}?${asked}`;
    htmx.ajax("GET", address, { source: form, target: "#found", select: "#found", swap: "outerHTML" });
    history.replaceState(history.state, "", address);
  };

  document.addEventListener("input", (event) => {
    const form = event.target.closest?.("[data-patients]");
    if (!form) return;
    clearTimeout(waiting);
    waiting = setTimeout(ask, PAUSE, form);
  });

  const choices = () => [...document.querySelectorAll("#found [data-choice]")];

  document.addEventListener("keydown", (event) => {
    // A key that is held down books nothing that nobody has looked at.
    if (event.key === "Enter" && event.repeat && event.target.closest?.(".booking")) {
      event.preventDefault();
      return;
    }
    const form = event.target.closest?.("[data-patients]");
    const found = choices();
    const at = found.indexOf(event.target);
    if (event.key === "Enter" && form && event.target.name === "q" && !event.ctrlKey) {
      const current = document.getElementById("found").dataset.for === event.target.value;
      if (!current || !found.length) return; // the form is sent
      event.preventDefault();
      if (found.length === 1) found[0].click();
      else found[0].focus();
    } else if (event.key === "ArrowDown" && (form || at >= 0) && found[at + 1]) {
      event.preventDefault();
      found[at + 1].focus();
    } else if (event.key === "ArrowUp" && at >= 0) {
      event.preventDefault();
      (found[at - 1] ?? document.getElementById("id_q")).focus();
    }
  });

  // ---------------------------------------------------------------- whenever a step has come

  const prepare = () => {
    const grid = document.querySelector(".next-grid");
    if (grid) {
      rove(grid, grid.querySelector("[aria-current]") ?? grid.querySelector("td > button"));
      document.querySelector(".next-keys").hidden = false;
    }
    document.querySelector("[data-wish]")?.classList.add("by-itself");
  };

  document.addEventListener("htmx:beforeRequest", () => clearTimeout(waiting));

  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.target.id !== "content") return;
    prepare();
    const field = changed && document.getElementById(changed);
    changed = "";
    if (field) field.focus();
    else begin();
  });

  // Where one goes on: what the step asks for, else the first patient found.
  const begin = () => {
    const asked = document.querySelector("#content :is([data-focus], [autofocus])");
    const first = asked?.value && choices()[0] ? choices()[0] : asked;
    first?.focus();
    if (first?.matches("input")) first.select();
  };

  prepare();
  // The page is hidden until Unfold's scripts have run, and nothing hidden takes the focus.
  for (const moment of ["DOMContentLoaded", "alpine:initialized", "load"]) {
    window.addEventListener(moment, () => document.activeElement === document.body && begin());
  }
})();
