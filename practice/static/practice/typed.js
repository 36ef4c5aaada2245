// A warning before somebody is signed out, and what they had typed once they are back. It is kept in
// this tab, for this person, until they are; never a password, and nothing after signing out oneself.

(() => {
  const KEPT = "typed";
  const USED = "used-at"; // of any tab: the server knows one session
  const { user, idle, stay } = document.documentElement.dataset;
  const here = location.pathname + location.search;
  const NEVER = ["hidden", "password", "file", "submit", "button", "reset"];
  let leaving = false;

  const fields = () =>
    [...document.querySelectorAll("form[method=post i] :is(input, textarea, select)[name]")].filter(
      (field) =>
        !NEVER.includes(field.type) &&
        field.autocomplete !== "one-time-code" &&
        !field.closest("#login-form, #changelist-form"),
    );
  const ticks = (field) => ["checkbox", "radio"].includes(field.type);
  const isTyped = (field) => {
    if (ticks(field)) return field.checked !== field.defaultChecked;
    if (field.tagName !== "SELECT") return field.value !== field.defaultValue;
    const options = [...field.options];
    return options.some((option) => option.defaultSelected)
      ? options.some((option) => option.selected !== option.defaultSelected)
      : field.multiple
        ? field.selectedOptions.length > 0
        : field.selectedIndex > 0;
  };
  const described = (field) => {
    const same = document.getElementsByName(field.name);
    const said = { name: field.name, at: [...same].indexOf(field) };
    if (ticks(field)) return { ...said, value: field.value, checked: field.checked };
    if (field.tagName !== "SELECT") return { ...said, value: field.value };
    return { ...said, options: [...field.selectedOptions].map((option) => [option.value, option.text]) };
  };
  const read = () => {
    try {
      return JSON.parse(sessionStorage.getItem(KEPT));
    } catch {
      return null;
    }
  };

  window.addEventListener("pagehide", () => {
    if (!user) return;
    const typed = leaving ? [] : fields().filter(isTyped);
    if (typed.length) {
      sessionStorage.setItem(KEPT, JSON.stringify({ user, page: here, fields: typed.map(described) }));
    } else if (leaving || !read()?.over) {
      sessionStorage.removeItem(KEPT);
    }
  });
  document.addEventListener("submit", (event) => {
    leaving = event.target.id === "logout-form";
  });

  const putBack = (kept) => {
    let missing = 0;
    for (const { name, at, value, checked, options } of kept.fields) {
      const field = document.getElementsByName(name)[at];
      if (!field || (checked !== undefined && field.value !== value)) {
        missing += 1;
        continue;
      }
      if (options) {
        for (const option of field.options) option.selected = false;
        for (const [key, words] of options) {
          const there = [...field.options].find((option) => option.value === key);
          if (there) there.selected = true;
          else field.add(new Option(words, key, false, true));
        }
      } else if (checked !== undefined) {
        field.checked = checked;
      } else {
        field.value = value;
      }
      for (const kind of ["input", "change"]) field.dispatchEvent(new Event(kind, { bubbles: true }));
    }
    const note = document.createElement("p");
    note.className = "staff-note";
    note.role = "status";
    note.textContent = `What you had typed before you were signed out stands here again. It is not saved yet.${
      missing ? " Some of it could not be put back: look it over." : ""
    }`;
    document.getElementById("content")?.prepend(note);
  };

  window.addEventListener("load", () => {
    const kept = read();
    if (!kept) return;
    if (document.getElementById("login-form")) {
      sessionStorage.setItem(KEPT, JSON.stringify({ ...kept, over: true }));
    } else if (user && (kept.user !== user || !kept.over)) {
      sessionStorage.removeItem(KEPT);
    } else if (user && kept.page === here) {
      sessionStorage.removeItem(KEPT);
      putBack(kept);
    }
  });

  // ---------------------------------------------------------------- the warning

  if (!user || !Number(idle)) return;
  const WARNING = Math.min(3, idle / 2) * 60_000; // before the end
  const INEXACT = 60_000; // the server notes when somebody was there once a minute
  const time = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: "Europe/London" });
  const used = () => localStorage.setItem(USED, Date.now());
  let box = null;

  const say = (words, button, act) => {
    if (box?.dataset.words === words) return;
    box?.remove();
    box = document.createElement("div");
    box.className = "typed-warning";
    box.role = "alert";
    box.dataset.words = words;
    const text = document.createElement("p");
    text.textContent = words;
    const does = document.createElement("button");
    does.type = "button";
    does.className = "staff-button primary";
    does.textContent = button;
    does.addEventListener("click", act);
    box.append(text, does);
    document.body.append(box);
  };
  const isOver = () =>
    say(
      "You have been signed out, as nothing had been done for a while. What you typed is kept in this tab.",
      "Sign in again",
      () => location.reload(),
    );
  const remain = async () => {
    const answer = await fetch(stay, { cache: "no-store", redirect: "manual" });
    if (answer.status !== 204) {
      isOver();
      return;
    }
    used();
    box?.remove();
    box = null;
  };
  const look = () => {
    const end = Number(localStorage.getItem(USED)) + idle * 60_000 - INEXACT;
    const left = end - Date.now();
    if (left <= 0) {
      isOver();
    } else if (left <= WARNING) {
      say(
        `You will be signed out at ${time.format(end)}, as nothing has been done for a while.`,
        "Stay signed in",
        remain,
      );
    } else if (box) {
      box.remove(); // something was done in another tab
      box = null;
    }
  };

  used();
  document.addEventListener("htmx:afterRequest", used);
  setInterval(look, 10_000);
  document.addEventListener("visibilitychange", () => document.hidden || look());
})();
