// Conveniences of the day-to-day pages. Everything works without them.

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-print]")) {
    window.print();
  }
});

// A page that stays open is printed later than it was asked for.
window.addEventListener("beforeprint", () => {
  const now = new Date();
  const day = now.toLocaleDateString("en-GB", { weekday: "short", day: "numeric", month: "short", year: "numeric" });
  const time = now.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  for (const said of document.querySelectorAll("[data-printed]")) {
    said.textContent = `${day.replace(",", "")}, ${time}`;
  }
});

// Decide for all affected appointments at once. Without this each is decided by itself.
document.addEventListener("DOMContentLoaded", () => {
  for (const bar of document.querySelectorAll("[data-decide-all]")) {
    bar.hidden = false;
    bar.addEventListener("click", (event) => {
      const what = event.target.closest("[data-decide]")?.dataset.decide;
      for (const choice of document.querySelectorAll(`input[type=radio][value="${what}"]`)) {
        choice.checked = true;
      }
    });
  }
});

// Select2 draws its own field beside a list with suggestions, and leaves it without a name until
// something is chosen: it bears that of the list. Rows that are added later have such lists too.
document.addEventListener("DOMContentLoaded", () => {
  if (!document.querySelector("select.admin-autocomplete")) return;
  const name = () => {
    for (const select of document.querySelectorAll("select.select2-hidden-accessible")) {
      const label = select.labels[0]?.innerText.trim() || select.getAttribute("aria-label");
      const drawn = select.nextElementSibling;
      if (!label || !drawn?.matches(".select2")) continue;
      for (const part of drawn.querySelectorAll("[role=combobox], [role=textbox], .select2-search__field")) {
        part.setAttribute("aria-label", label);
      }
    }
  };
  name();
  new MutationObserver(name).observe(document.body, { childList: true, subtree: true });
});

// Lists: every row at once, a run of rows with shift, and how many are selected.
document.addEventListener("DOMContentLoaded", () => {
  const form = document.getElementById("changelist-form");
  const every = document.getElementById("action-toggle");
  if (!form || !every) return;
  const boxes = [...form.querySelectorAll(".action-select")];
  const counter = form.querySelector(".action-counter");
  const across = form.querySelector("[name=select_across]");
  let last = null;
  const count = () => {
    const selected = boxes.filter((box) => box.checked).length;
    every.checked = selected === boxes.length;
    every.indeterminate = selected > 0 && !every.checked;
    if (across && !every.checked) across.checked = false;
    if (counter) counter.textContent = `${selected} of ${boxes.length} selected`;
  };
  every.hidden = false;
  every.addEventListener("change", () => {
    for (const box of boxes) box.checked = every.checked;
    count();
  });
  form.addEventListener("click", (event) => {
    const at = boxes.indexOf(event.target);
    if (at < 0) return;
    if (event.shiftKey && last !== null) {
      for (let n = Math.min(at, last); n <= Math.max(at, last); n += 1) {
        boxes[n].checked = event.target.checked;
      }
    }
    last = at;
    count();
  });
  window.addEventListener("pageshow", count);
});

// The pictures are letters of a font, whose names nobody is to hear, where other words say it.
document.addEventListener("DOMContentLoaded", () => {
  for (const picture of document.querySelectorAll(".material-symbols-outlined:not([aria-hidden])")) {
    const owner = picture.closest("a, button");
    const isAlone = owner?.textContent.trim() === picture.textContent.trim();
    if (!isAlone || owner.title || owner.ariaLabel) picture.setAttribute("aria-hidden", "true");
  }
});

// A field for a file says itself which was chosen; Unfold's script would look for its own around it.
document.addEventListener("DOMContentLoaded", () => {
  for (const field of document.querySelectorAll(".staff-field input[type=file]")) {
    field.hasChangeListener = true;
  }
});
