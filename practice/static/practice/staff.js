// Conveniences of the day-to-day pages. Everything works without them.

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-print]")) {
    window.print();
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
      for (const part of drawn.querySelectorAll("[role=combobox], [role=textbox]")) {
        part.setAttribute("aria-label", label);
      }
    }
  };
  name();
  new MutationObserver(name).observe(document.body, { childList: true, subtree: true });
});
