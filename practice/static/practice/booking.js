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

  document.addEventListener("change", (event) => {
    const wish = event.target.closest?.("[data-wish]");
    if (wish && event.target.matches("select, input")) wish.requestSubmit();
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

  let pressed = null; // the field that was changed: it has the focus again afterwards

  document.addEventListener("htmx:beforeRequest", () => {
    pressed = document.activeElement?.closest("[data-wish]") ? document.activeElement.id : null;
  });

  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.target.id !== "content") return;
    prepare();
    const field = pressed && document.getElementById(pressed);
    (field || document.querySelector("#content [data-focus]"))?.focus();
  });

  prepare();
})();
