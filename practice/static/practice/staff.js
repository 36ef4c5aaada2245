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
