// The diary by keyboard, and details beside it. Without this script every block is a link to a
// page of its own, and everything can be done there.

(() => {
  const diary = document.querySelector("[data-diary]");
  const grid = diary?.querySelector("[data-grid]");
  const panel = document.getElementById("diary-panel");
  const keys = document.getElementById("diary-keys");
  const said = document.getElementById("diary-said");
  const wide = window.matchMedia("(min-width: 1024px)");
  const LETTERS = "diary-letters"; // in localStorage: "off" once a person switched them off

  let opened = ""; // the id of the block whose details are open
  let pressed = ""; // the letter to act on when the details have come
  let following = false; // whether the focus goes into the details when they have come
  let returning = null; // where the focus was in a column that is being exchanged

  // What diary_tools.js does with a click or a key before it counts here, and with columns that have
  // been exchanged.
  const hooks = { click: [], key: [], fresh: [] };
  const handled = (what, ...args) => hooks[what].some((hook) => hook(...args));

  // ---------------------------------------------------------------- blocks and columns

  const columns = () =>
    [...(grid?.querySelectorAll(".diary-column") ?? [])]
      .map((column) => [...column.querySelectorAll(".entry > a")])
      .filter((blocks) => blocks.length);

  const middle = (block) => {
    const box = block.getBoundingClientRect();
    return box.top + box.height / 2;
  };

  const nearest = (blocks, y) =>
    blocks.reduce((best, block) =>
      Math.abs(middle(block) - y) < Math.abs(middle(best) - y) ? block : best,
    );

  // One block can be reached by Tab: the last one that had the focus, else the first from now on.
  const rove = (block) => {
    for (const other of grid.querySelectorAll('.entry > a:not([tabindex="-1"])')) {
      other.tabIndex = -1;
    }
    if (block) {
      block.tabIndex = 0;
    }
    const column = block?.closest(".diary-column");
    for (const menu of grid.querySelectorAll(".diary-menu summary")) {
      menu.tabIndex = column?.contains(menu) ? 0 : -1; // that of its own column only
    }
  };

  const start = () => {
    const blocks = columns().flat();
    const line = grid.querySelector(".now-line");
    const now = line?.getBoundingClientRect().top;
    const coming = wide.matches && line ? blocks.find((block) => middle(block) >= now) : null;
    return document.getElementById(location.hash.slice(1))?.closest(".entry > a") ?? coming ?? blocks[0];
  };

  const step = (block, key) => {
    const all = columns();
    const column = all.findIndex((blocks) => blocks.includes(block));
    const blocks = all[column];
    const at = blocks.indexOf(block);
    const beside = { ArrowLeft: all[column - 1], ArrowRight: all[column + 1] }[key];
    const targets = {
      ArrowUp: blocks[at - 1],
      ArrowDown: blocks[at + 1],
      Home: blocks[0],
      End: blocks[blocks.length - 1],
    };
    return beside ? nearest(beside, middle(block)) : targets[key];
  };

  // Staff may book a slot that nobody has until it is over, kept for others or not.
  const isFree = (block) => block.parentElement.matches(".entry:is(.free, .reserved, .embargoed):not(.past)");

  const say = (words) => {
    said.textContent = words;
  };

  const hiddenIn = (column) => Number(column.dataset.version.split(".")[1]);

  // ---------------------------------------------------------------- what came from outside

  const NEW = `diary-new ${location.pathname}`; // in sessionStorage: what nobody has looked at yet
  const title = document.title;
  const counter = diary?.querySelector("[data-live-new]");
  const news = new Set();

  const told = () => {
    try {
      sessionStorage.setItem(NEW, JSON.stringify([...news]));
    } catch {
      // A window that remembers nothing marks what is new until it is left.
    }
    const shown = [...news].filter((id) => document.getElementById(id));
    for (const block of grid.querySelectorAll(".entry")) {
      const id = block.firstElementChild?.id;
      const isNew = shown.includes(id);
      if (isNew !== block.classList.contains("new")) {
        block.classList.toggle("new", isNew);
        block.querySelector(".new-mark")?.remove();
        if (isNew) {
          const words = document.createElement("strong");
          words.className = "new-mark";
          const from = block.querySelector("abbr")?.title ?? "";
          words.textContent = /\b111\b/.test(from) ? "New from 111" : "New from outside";
          block.firstElementChild.append(words);
        }
      }
    }
    document.title = shown.length ? `(${shown.length} new) ${title}` : title;
    if (counter) {
      counter.hidden = !shown.length;
      counter.textContent = `${shown.length} new from outside`;
    }
  };

  const seen = (id) => {
    if (news.delete(id)) {
      told();
    }
  };

  counter?.addEventListener("click", () => {
    grid.querySelector(".entry.new > a")?.focus();
  });

  // ---------------------------------------------------------------- what others changed

  const ids = () => new Set([...grid.querySelectorAll(".entry > a")].map((block) => block.id));
  let unseen = JSON.parse(diary?.dataset.unseen ?? "{}"); // columns in which nothing is left
  let at = diary?.dataset.liveAt;

  const have = () => {
    const shown = [...(grid?.querySelectorAll(".diary-column") ?? [])];
    const versions = shown.map((column) => [column.id.replace("column-", ""), column.dataset.version]);
    const [, from, to] = grid?.className.match(/\bfrom(\d+) to(\d+)\b/) ?? [0, 0, 0];
    return { have: JSON.stringify({ ...unseen, ...Object.fromEntries(versions) }), at, from, to };
  };

  // The focus stays in its place, also when another block stands there by now.
  const heldFocus = () => {
    const block = document.activeElement;
    const column = grid.contains(block) && block.closest(".diary-column");
    return column ? { id: block.id, column: column.id, y: middle(block) } : null;
  };
  const giveBack = (held) => {
    if (!held || grid.contains(document.activeElement)) {
      return;
    }
    const mine = columns().find((blocks) => document.getElementById(held.column)?.contains(blocks[0]));
    const block = document.getElementById(held.id) ?? (mine ? nearest(mine, held.y) : start());
    rove(block);
    block?.focus({ preventScroll: true });
  };

  const put = (key, html, order) => {
    const fresh = live.read(html);
    const old = document.getElementById(fresh.id);
    if (old) {
      return live.merge(old, fresh);
    }
    const after = order.slice(order.indexOf(key) + 1).map((each) => document.getElementById(`column-${each}`));
    grid.insertBefore(fresh, after.find(Boolean) ?? null);
    const go = document.getElementById("diary-go");
    go?.append(new Option(fresh.querySelector("h3").textContent, key));
    return [...fresh.querySelectorAll(".entry")];
  };

  const take = (answer) => {
    if (!grid) {
      if (Object.keys(answer.columns).length) {
        window.location.reload(); // there was no session yet
      }
      return;
    }
    const before = ids();
    const held = heldFocus();
    const reached = grid.querySelector('.entry > a[tabindex="0"]')?.id;
    const changed = [];
    for (const [key, html] of Object.entries(answer.columns)) {
      changed.push(...put(key, html, answer.order));
    }
    for (const [id, html] of Object.entries(answer.cells)) {
      const old = document.getElementById(id)?.closest("li");
      if (old) {
        changed.push(live.exchange(old, live.read(html)));
      }
    }
    for (const [key, html] of Object.entries(answer.counts)) {
      const counts = document.querySelector(`#column-${CSS.escape(key)} .diary-counts`);
      if (counts) {
        counts.innerHTML = html;
      }
    }
    for (const key of answer.gone) {
      document.getElementById(`column-${key}`)?.remove();
    }
    if (answer.axis) {
      grid.className = grid.className.replace(/\bfrom\d+ to\d+\b/, answer.axis.classes);
      const now = grid.querySelector(".diary-axis .now");
      const list = grid.querySelector(".diary-axis ol");
      list.innerHTML = answer.axis.marks;
      if (now) {
        list.append(now);
      }
    }
    const notices = document.getElementById("diary-notices");
    if (notices && notices.innerHTML.trim() !== answer.notices.trim()) {
      notices.innerHTML = answer.notices;
    }
    const total = diary.querySelector("[data-hidden-total]");
    if (total) {
      total.textContent = answer.hidden;
    }
    ({ unseen, at } = answer);

    const came = changed
      .filter((cell) => cell.matches(".entry.booked") && cell.querySelector("abbr"))
      .map((cell) => cell.firstElementChild.id)
      .filter((id) => !before.has(id));
    for (const id of came) {
      news.add(id);
    }
    told();
    if (came.length) {
      live.announce(`${came.length} new from outside`);
    }
    rove(document.getElementById(reached) ?? start());
    giveBack(held);
    mark({ scroll: false });
    handled("fresh");
    const isOther = changed.some((cell) => cell.firstElementChild?.id === opened);
    if (opened && (isOther || (before.has(opened) && !document.getElementById(opened)))) {
      keepUp();
    }
  };

  // The details agree with their block; while somebody writes in them, they are told instead.
  const keepUp = () => {
    const detail = panel.querySelector(".diary-detail");
    if (!detail) {
      return;
    }
    if (!live.typedIn(panel).length) {
      following = panel.contains(document.activeElement);
      show(address);
    } else if (!detail.querySelector(".diary-overtaken")) {
      const words = document.createElement("p");
      words.className = "diary-problem diary-overtaken";
      words.setAttribute("role", "alert");
      words.textContent = "Somebody else has changed this meanwhile. What you are writing is still here.";
      detail.querySelector("header").after(words);
    }
  };

  // ---------------------------------------------------------------- details beside the diary

  let address = ""; // of the details that are open

  const show = (of) => {
    address = of;
    return htmx.ajax("GET", of, { target: panel, swap: "innerHTML" });
  };

  const mark = ({ scroll = true } = {}) => {
    for (const other of grid.querySelectorAll("[aria-current]")) {
      other.removeAttribute("aria-current");
    }
    const block = document.getElementById(opened);
    block?.setAttribute("aria-current", "true");
    if (scroll) {
      block?.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
  };

  const open = (block, { focus = true, letter = "" } = {}) => {
    opened = block.id;
    following = focus;
    pressed = letter;
    seen(block.id);
    show(block.href);
  };

  const close = () => {
    panel.hidden = true;
    panel.replaceChildren();
    grid.parentElement.classList.remove("with-details");
    const block = document.getElementById(opened) ?? grid.querySelector('.entry > a[tabindex="0"]');
    opened = "";
    mark();
    block?.focus();
  };

  // What a letter does here.
  const act = (letter, place) => {
    const control = place?.querySelector(`[data-key="${letter}"]`);
    control?.click();
    if (!control && said) {
      say("That cannot be done here.");
    }
    return Boolean(control);
  };

  // This address, to come back to; without what is being moved.
  const here = () => {
    const address = new URL(location.href);
    address.searchParams.delete("move");
    return address.pathname + address.search;
  };

  const book = (slots) => {
    const general = diary.querySelector('.diary-links [data-key="b"]');
    if (!general) {
      say("That cannot be done here.");
      return;
    }
    const chosen = slots.map((slot) => ["slot", slot.id.slice(1)]);
    const query = new URLSearchParams([...chosen, ["back", here()]]);
    location.assign(`${general.href}?${query}`);
  };

  // B books a slot that is free, else the next free one below it; from elsewhere a time is looked for.
  const bookFrom = (block) => {
    const blocks = columns().find((each) => each.includes(block)) ?? [];
    book(blocks.slice(blocks.indexOf(block)).filter(isFree).slice(0, 1));
  };

  if (diary && window.live) {
    live.on(take, have);
  }

  if (grid && panel) {
    try {
      for (const id of JSON.parse(sessionStorage.getItem(NEW) ?? "[]")) {
        news.add(id);
      }
    } catch {
      // Nothing is remembered here.
    }
    told();
    diary.classList.add("by-keyboard");
    rove(start());

    // A long day opens where it is now.
    const line = grid.querySelector(".now-line");
    if (wide.matches && line && !location.hash) {
      const top = line.getBoundingClientRect().top - grid.getBoundingClientRect().top;
      grid.scrollTop = Math.max(0, top - grid.clientHeight / 2);
    }

    grid.addEventListener("focusin", (event) => {
      if (event.target.matches(".entry > a")) {
        rove(event.target);
      }
    });

    grid.addEventListener("click", (event) => {
      const block = event.target.closest(".entry > a");
      if (block && !wide.matches) {
        seen(block.id);
      }
      if (block && handled("click", event, block)) {
        event.preventDefault();
        return;
      }
      const plain = !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
      if (block && wide.matches && plain && event.button === 0) {
        event.preventDefault();
        open(block);
      }
    });

    panel.addEventListener("click", (event) => {
      if (event.target.closest("[data-close]")) {
        event.preventDefault();
        close();
      }
      const part = event.target.closest("[data-part]");
      if (part && !(event.ctrlKey || event.metaKey || event.shiftKey)) {
        event.preventDefault();
        following = true;
        show(part.href);
      }
    });

    // What the server answered is about to be put in place.
    document.body.addEventListener("htmx:beforeSwap", (event) => {
      if (event.detail.xhr.responseURL.includes("/login/")) {
        event.detail.shouldSwap = false; // signed out meanwhile: sign in, and come back here
        window.location.reload();
      }
    });

    document.body.addEventListener("htmx:oobBeforeSwap", (event) => {
      const old = event.detail.target;
      if (!old.classList.contains("diary-column")) {
        return;
      }
      const total = diary.querySelector("[data-hidden-total]");
      const fresh = event.detail.fragment.querySelector?.(`#${CSS.escape(old.id)}`);
      if (total && fresh) {
        total.textContent = Number(total.textContent) + hiddenIn(fresh) - hiddenIn(old);
      }
      if (old.contains(document.activeElement)) {
        returning = heldFocus();
      }
    });

    document.body.addEventListener("htmx:oobAfterSwap", (event) => {
      if (!event.detail.target.classList?.contains("diary-column")) {
        return;
      }
      if (returning) {
        giveBack(returning);
        returning = null;
      } else if (!grid.querySelector('.entry > a[tabindex="0"]')) {
        rove(document.getElementById(opened) ?? start());
      } else {
        rove(grid.querySelector('.entry > a[tabindex="0"]'));
      }
      mark();
      handled("fresh");
    });

    panel.addEventListener("htmx:afterSettle", (event) => {
      if (event.target !== panel) {
        return;
      }
      const within = panel.contains(document.activeElement) || document.activeElement === document.body;
      opened = panel.querySelector("[data-of]")?.dataset.of ?? opened;
      panel.hidden = false;
      panel.scrollTop = 0;
      grid.parentElement.classList.add("with-details");
      mark();
      if (pressed) {
        const letter = pressed;
        pressed = "";
        if (act(letter, panel)) {
          return;
        }
      }
      if (following || within) {
        (panel.querySelector("[data-focus]") ?? panel.querySelector("#detail-title"))?.focus();
      }
      following = false;
    });

    for (const failure of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
      document.body.addEventListener(failure, () => {
        pressed = "";
        say("The server could not be reached, or could not answer. Try again.");
      });
    }
  }

  // ---------------------------------------------------------------- the menu of a heading

  // What is in it is fetched when it opens for the first time: a link stands there until then.
  const fill = async (menu) => {
    const link = menu.querySelector('a[href^="m/"]');
    if (link) {
      await htmx.ajax("GET", link.href, { target: link.closest("ul"), swap: "outerHTML" });
      const first = menu.querySelector("a");
      if (document.activeElement === document.body && first !== link) {
        first.focus();
      }
    }
  };
  grid?.addEventListener(
    "toggle",
    (event) => {
      if (event.target.open && event.target.matches(".diary-menu")) {
        fill(event.target);
      }
    },
    true,
  );

  const menus = () => [...document.querySelectorAll(".diary-menu[open]")];
  document.addEventListener("click", (event) => {
    for (const menu of menus().filter((each) => !each.contains(event.target))) {
      menu.open = false;
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      for (const menu of menus()) {
        menu.open = false;
        menu.querySelector("summary").focus();
      }
    }
  });

  // ---------------------------------------------------------------- letters

  const remembered = () => {
    try {
      return localStorage.getItem(LETTERS) !== "off";
    } catch {
      return true; // a window that remembers nothing
    }
  };
  let lettersWork = remembered();

  const find = document.getElementById("diary-find");
  const ANYWHERE = { "?": keys, "/": find }; // and what opens

  const letter = (key, target) => {
    const block = grid?.contains(target) ? target.closest(".entry > a") : null;
    if (ANYWHERE[key]) {
      ANYWHERE[key].showModal();
    } else if (key === "t") {
      diary.querySelector('[data-key="t"]').click();
    } else if (key === "b" && diary) {
      bookFrom(block ?? document.getElementById(opened));
    } else if (!block) {
      act(key, target.closest(".diary-panel, [data-detail]"));
    } else if (!wide.matches) {
      block.click();
    } else if (opened === block.id && panel.querySelector("[data-of]")) {
      act(key, panel);
    } else {
      open(block, { focus: false, letter: key });
    }
  };

  const ARROWS = ["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"];
  const writes = (target) => Boolean(target.closest("input, textarea, select, [contenteditable]"));
  // Where arrows have a meaning of their own.
  const hasArrows = (target) =>
    writes(target) || Boolean(target.closest("summary, [role=menu], [role=listbox], .simplebar-content-wrapper"));

  document.addEventListener("keydown", (event) => {
    const target = event.target instanceof Element ? event.target : document.body;
    const inGrid = grid?.contains(target) && target.matches(".entry > a");
    const inDetail = target.closest(".diary-panel, [data-detail]");
    if (document.querySelector("dialog[open]") || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    if (target.matches(".diary-menu summary") && ["ArrowDown", "Home"].includes(event.key)) {
      event.preventDefault();
      target.closest(".diary-column").querySelector(".entry > a")?.focus();
      return;
    }
    if (inGrid && !event.shiftKey && [...ARROWS, "Home", "End"].includes(event.key)) {
      event.preventDefault();
      step(target, event.key)?.focus();
    } else if (grid && wide.matches && !inGrid && ARROWS.includes(event.key) && !hasArrows(target)) {
      // From anywhere: on from the block whose details are open, else to where one was.
      event.preventDefault();
      const open = inDetail && document.getElementById(opened);
      (open ? (step(open, event.key) ?? open) : grid.querySelector('.entry > a[tabindex="0"]'))?.focus();
    } else if (event.key === "Escape" && panel && !panel.hidden && (inGrid || inDetail)) {
      event.preventDefault();
      close();
    } else if (handled("key", event, inGrid ? target : null)) {
      event.preventDefault();
    } else if (lettersWork && !writes(target)) {
      const key = event.key.toLowerCase();
      const works = diary && "tb?/".includes(key) ? true : (inGrid || inDetail) && "tbadmc".includes(key);
      if (works && key.length === 1 && (ANYWHERE[key] !== null)) {
        event.preventDefault();
        if (!event.repeat) {
          letter(key, target);
        }
      }
    }
  });

  const letters = keys?.querySelector("[data-letters]");
  if (letters) {
    const say = () => diary.classList.toggle("without-letters", !lettersWork);
    letters.checked = lettersWork;
    say();
    letters.addEventListener("change", () => {
      lettersWork = letters.checked;
      say();
      try {
        localStorage.setItem(LETTERS, lettersWork ? "on" : "off");
      } catch {
        // The switch works on this page all the same.
      }
    });
    const button = diary.querySelector("[data-keys]");
    button.hidden = false;
    button.addEventListener("click", () => keys.showModal());
  }

  for (const button of find?.querySelectorAll("[data-cancel]") ?? []) {
    button.addEventListener("click", () => find.close());
  }

  // ---------------------------------------------------------------- filters

  // They apply themselves: at once when chosen with a pointer, and when left or with Enter by keyboard.
  const filters = diary?.querySelector(".diary-filter");
  let byKeys = false;
  let isOther = false;
  filters?.addEventListener("keydown", () => (byKeys = true));
  filters?.addEventListener("pointerdown", () => (byKeys = false));
  filters?.addEventListener("change", () => {
    isOther = true;
    if (!byKeys && filters.checkValidity()) {
      filters.submit();
    }
  });
  filters?.addEventListener("focusout", () => {
    if (isOther && filters.checkValidity()) {
      filters.submit();
    }
  });

  const FOLDED = "diary-folded"; // in localStorage: "yes" while the filters are folded away
  const fold = diary?.querySelector("[data-fold]");
  const folded = (is) => {
    document.getElementById("diary-filters").classList.toggle("folded", is && wide.matches);
    fold.setAttribute("aria-expanded", String(!is));
    fold.lastElementChild.textContent = is ? "▾" : "▴";
  };
  if (fold) {
    fold.hidden = false;
    try {
      folded(localStorage.getItem(FOLDED) === "yes");
    } catch {
      // A window that remembers nothing shows them.
    }
    fold.addEventListener("click", () => {
      const is = fold.getAttribute("aria-expanded") === "true";
      folded(is);
      try {
        localStorage.setItem(FOLDED, is ? "yes" : "no");
      } catch {
        // It is folded on this page all the same.
      }
    });
  }

  // ---------------------------------------------------------------- the list of a narrow window

  document.getElementById("diary-go")?.form.addEventListener("submit", (event) => {
    event.preventDefault();
    const title = document.getElementById(`title-${document.getElementById("diary-go").value}`);
    title.scrollIntoView({ block: "start" });
    title.focus({ preventScroll: true });
  });

  // Back at the block from which a page was opened.
  const block = document.getElementById(location.hash.slice(1));
  if (grid && block?.matches(".entry > a")) {
    block.focus();
  }

  if (grid && panel) {
    window.diary = {
      book,
      close,
      columns,
      grid,
      here,
      isFree,
      on: (what, hook) => hooks[what].push(hook),
      page: diary,
      panel,
      rove,
      say,
      step,
      wide,
    };
  }

  // ---------------------------------------------------------------- now

  const clock = new Intl.DateTimeFormat("en-GB", {
    hour: "2-digit",
    minute: "2-digit",
    timeZone: "Europe/London",
  });
  let minute = Math.floor(Date.now() / 60_000);
  setInterval(() => {
    const passed = Math.floor(Date.now() / 60_000) - minute;
    minute += passed;
    for (const mark of passed ? document.querySelectorAll("[data-now]") : []) {
      mark.className = mark.className.replace(/\bh(\d+) m(\d+)\b/, (_, hours, minutes) => {
        const at = Number(hours) * 60 + Number(minutes) + passed;
        return `h${Math.floor(at / 60)} m${at % 60}`;
      });
      if (mark.textContent) {
        mark.textContent = clock.format(new Date());
      }
    }
  }, 15_000);
})();
