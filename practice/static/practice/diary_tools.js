// What is done on the diary itself: an appointment is carried to another time, and several slots are
// chosen and changed at once. Without this script each has a page of its own.

(() => {
  const diary = window.diary;
  if (!diary?.grid) { // a window lends its elements' ids as names: this may be the element itself
    return;
  }
  const { page, grid, panel } = diary;

  const number = (block) => block.id.replace(/^\D+/, "");
  const cell = (block) => block.parentElement;
  const isPlain = (event) => !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
  const unmark = (name) => {
    for (const each of grid.querySelectorAll(`.${name}`)) {
      each.classList.remove(name);
    }
  };

  // From when to when a block lasts: minutes down its column.
  const span = (block) => {
    const told = (letter) => Number(cell(block).className.match(new RegExp(`\\b${letter}(\\d+)\\b`))?.[1] ?? 0);
    const top = told("h") * 60 + told("m");
    return [top, top + told("x") * 60 + told("y")];
  };

  // ---------------------------------------------------------------- carrying an appointment

  const banner = document.getElementById("diary-carried");
  const filters = page.querySelector(".diary-filter");
  let carried = null; // its number and how many minutes it lasts

  const movePage = (pk) => page.dataset.move.replace("/0/", `/${pk}/`);

  // The slot, and as many of those that follow it at once as the appointment is long.
  const room = (block, minutes) => {
    const found = [block];
    const [start] = span(block);
    let [, end] = span(block);
    for (let next = cell(block).nextElementSibling; next && end - start < minutes; next = next.nextElementSibling) {
      const other = next.querySelector("a");
      if (next.matches(".session") || !other || !diary.isFree(other) || span(other)[0] !== end) {
        break;
      }
      found.push(other);
      [, end] = span(other);
    }
    return found;
  };

  // Nothing is moved here: the page that moves names both times first.
  const moveTo = (pk, minutes, block) => {
    const slots = room(block, minutes).map((each) => ["slot", number(each)]);
    location.assign(`${movePage(pk)}?${new URLSearchParams([...slots, ["back", diary.here()]])}`);
  };

  const withMove = (address, pk) => {
    if (pk) {
      address.searchParams.set("move", pk);
    } else {
      address.searchParams.delete("move");
    }
    return address;
  };

  const showCarried = () => {
    unmark("carried");
    const block = carried && document.getElementById(`a${carried.pk}`);
    if (block) {
      cell(block).classList.add("carried");
    }
  };

  const carry = ({ carry: pk, words, minutes }) => {
    carried = { pk, minutes: Number(minutes) };
    chooseNone();
    banner.querySelector("[data-words]").textContent = words;
    banner.querySelector("[data-find]").href = `${movePage(pk)}?${new URLSearchParams({ back: diary.here() })}`;
    banner.hidden = false;
    page.classList.add("carrying");
    history.replaceState(history.state, "", withMove(new URL(location.href), pk));
    filters.querySelector("[name=move]")?.remove();
    filters.append(Object.assign(document.createElement("input"), { type: "hidden", name: "move", value: pk }));
    showCarried();
    diary.say("");
    window.live.announce(`Moving ${words}: choose a free slot, or stop with Escape.`);
  };

  const putDown = () => {
    carried = null;
    const focused = banner.contains(document.activeElement);
    banner.hidden = true;
    page.classList.remove("carrying");
    history.replaceState(history.state, "", withMove(new URL(location.href), ""));
    filters.querySelector("[name=move]").remove();
    showCarried();
    if (focused) {
      grid.querySelector('.entry > a[tabindex="0"]')?.focus();
    }
    window.live.announce("Nothing was moved.");
  };

  if (banner) {
    page.addEventListener("click", (event) => {
      const link = event.target.closest("a[data-carry]");
      if (link && isPlain(event)) {
        event.preventDefault();
        const asked = { ...link.dataset };
        diary.close();
        carry(asked);
      }
    });
    banner.querySelector("[data-stop]").addEventListener("click", putDown);

    // Whatever leads to another day of the diary takes it along.
    page.addEventListener("click", (event) => {
      const link = carried && event.target.closest("a[href]");
      if (link && new URL(link.href).pathname === location.pathname) {
        link.href = withMove(new URL(link.href), carried.pk);
      }
    });

    // With the pointer: on top of a free slot.
    let dragged = null;
    const onto = (event) => {
      const block = dragged && event.target.closest?.("[data-grid] .entry > a");
      return block && diary.isFree(block) ? block : null;
    };
    document.addEventListener("dragstart", (event) => {
      const block = event.target.closest?.("[data-grid] .entry > a");
      dragged = block && cell(block).matches(".booked, .orphaned") ? block : null;
      if (dragged) {
        const [top, bottom] = span(block);
        dragged = { pk: number(block), minutes: bottom - top };
        event.dataTransfer.effectAllowed = "move";
        page.classList.add("carrying");
      } else if (block) {
        event.preventDefault();
      }
    });
    grid.addEventListener("dragover", (event) => {
      const block = onto(event);
      unmark("drop");
      if (block) {
        event.preventDefault();
        event.dataTransfer.dropEffect = "move";
        cell(block).classList.add("drop");
      }
    });
    grid.addEventListener("drop", (event) => {
      const block = onto(event);
      if (block) {
        event.preventDefault();
        moveTo(dragged.pk, dragged.minutes, block);
      }
    });
    document.addEventListener("dragend", () => {
      dragged = null;
      unmark("drop");
      page.classList.toggle("carrying", Boolean(carried));
    });
  }

  // ---------------------------------------------------------------- choosing several slots

  const bar = document.getElementById("diary-several");
  const form = document.getElementById("diary-several-form");
  const chosen = new Set(); // the ids of blocks
  let isChoosing = false;
  let kept = []; // what was chosen before the range that is being made
  let corner = null; // where that range began: a column, and minutes down it

  const canBeChosen = (block) => block.id.startsWith("s") && cell(block).matches(".entry:not(.past)");
  const blocksOf = (ids) => [...ids].map((id) => document.getElementById(id)).filter(Boolean);
  const cornerOf = (block) => ({ column: block.closest(".diary-column").id, span: span(block) });

  // Every slot of the columns and the time between two corners.
  const between = (one, other) => {
    const all = diary.columns();
    const [a, b] = [one, other].map((each) => all.findIndex((blocks) => blocks[0].closest(`#${each.column}`)));
    if (a < 0 || b < 0) {
      return [];
    }
    const top = Math.min(one.span[0], other.span[0]);
    const bottom = Math.max(one.span[1], other.span[1]);
    const meets = ([start, end]) => start < bottom && end > top;
    const columns = all.slice(Math.min(a, b), Math.max(a, b) + 1);
    return columns.flat().filter((block) => canBeChosen(block) && meets(span(block)));
  };

  // Whether they touch, so that an appointment can have them all.
  const areOne = (blocks) => {
    const [first] = [...blocks].sort((a, b) => span(a)[0] - span(b)[0]);
    return Boolean(first) && diary.isFree(first) && blocks.every((block) => room(first, lasts(blocks)).includes(block));
  };
  const lasts = (blocks) => Math.max(...blocks.map((b) => span(b)[1])) - Math.min(...blocks.map((b) => span(b)[0]));

  const counted = (n) => `${n} ${n === 1 ? "slot" : "slots"}`;

  // What nobody can choose any more is left out; returns how many that were.
  const showChosen = () => {
    let lost = 0;
    for (const id of [...chosen]) {
      const block = document.getElementById(id);
      if (!block || !canBeChosen(block)) {
        chosen.delete(id);
        lost += 1;
      }
    }
    for (const li of grid.querySelectorAll(".entry")) {
      const is = chosen.has(li.firstElementChild.id);
      if (is !== li.classList.contains("chosen")) {
        li.classList.toggle("chosen", is);
        li.querySelector(".chosen-mark")?.remove();
        if (is) {
          const words = document.createElement("strong");
          words.className = "chosen-mark sr-only";
          words.textContent = "Chosen";
          li.firstElementChild.append(words);
        }
      }
    }
    return lost;
  };

  const showBar = (lost = 0) => {
    bar.hidden = !isChoosing;
    page.classList.toggle("choosing", isChoosing);
    const away = lost ? `; ${counted(lost)} gone meanwhile` : "";
    const words = chosen.size ? `${counted(chosen.size)} chosen${away}` : `Click slots, or drag over them${away}`;
    const status = bar.querySelector("[role=status]");
    if (status.textContent !== words) {
      status.textContent = words;
    }
    const blocks = blocksOf(chosen);
    const is = (of) =>
      blocks.some((block) => (of === "free" ? diary.isFree(block) : cell(block).classList.contains(of)));
    for (const part of form.querySelectorAll("[data-of]")) {
      const can = part.dataset.of.split(" ").some(is);
      part.hidden = !can;
      for (const control of [part, ...part.querySelectorAll("button")]) {
        control.disabled = !can;
      }
    }
    const slots = form.querySelector("[name=slots]");
    if (slots) {
      slots.value = blocks.map(number).join(",");
    }
    const book = bar.querySelector("[data-book]");
    if (book) {
      book.hidden = !areOne(blocks);
    }
  };

  // The form is asked for once somebody chooses.
  const beginChoosing = () => {
    if (!isChoosing && !form.childElementCount) {
      htmx.ajax("GET", bar.dataset.form, { target: form, swap: "innerHTML" }).then(() => showBar());
    }
    isChoosing = true;
  };

  const choose = (ids, { done = true } = {}) => {
    chosen.clear();
    for (const id of ids) {
      chosen.add(id);
    }
    showChosen();
    if (done) {
      beginChoosing();
      showBar();
    }
  };

  const toggle = (block) => {
    corner = cornerOf(block);
    kept = chosen.has(block.id) ? [...chosen].filter((id) => id !== block.id) : [...chosen, block.id];
    choose(kept);
  };

  const reach = (block, options) => {
    choose([...kept, ...between(corner, cornerOf(block)).map((each) => each.id)], options);
  };

  const chooseNone = () => {
    const focused = bar?.contains(document.activeElement);
    isChoosing = false;
    corner = null;
    kept = [];
    chosen.clear();
    if (bar) {
      showChosen();
      showBar();
    }
    if (focused) {
      grid.querySelector('.entry > a[tabindex="0"]')?.focus();
    }
  };

  if (bar) {
    page.querySelector("[data-several]").addEventListener("click", (event) => {
      if (isPlain(event) && diary.wide.matches) {
        event.preventDefault();
        beginChoosing();
        showBar();
        grid.querySelector('.entry > a[tabindex="0"]')?.focus();
      }
    });
    bar.querySelector("[data-none]").addEventListener("click", chooseNone);
    bar.querySelector("[data-book]")?.addEventListener("click", () => diary.book(blocksOf(chosen)));

    // What was done is shown at once, as what others do.
    form.addEventListener("htmx:afterRequest", (event) => {
      if (event.detail.requestConfig.verb === "post") {
        window.live.ask();
      }
    });

    // With the pointer, over the slots of one or more columns.
    let from = null;
    let isDragging = false;
    grid.addEventListener("pointerdown", (event) => {
      const block = event.target.closest(".entry > a");
      const starts = block && canBeChosen(block) && isPlain(event) && event.button === 0;
      from = starts && !carried && event.pointerType !== "touch" && diary.wide.matches ? block : null;
    });
    document.addEventListener("pointermove", (event) => {
      const block = from && event.target.closest?.("[data-grid] .entry > a");
      if (!block || (block === from && !isDragging)) {
        return;
      }
      if (!isDragging) {
        isDragging = true;
        corner = cornerOf(from);
        kept = [...chosen];
      }
      reach(block, { done: false });
    });
    for (const end of ["pointerup", "pointercancel"]) {
      document.addEventListener(end, () => {
        from = null;
        if (isDragging) {
          beginChoosing();
          showBar();
          setTimeout(() => (isDragging = false)); // after the click that this makes
        }
      });
    }
    grid.addEventListener("dragstart", (event) => {
      if (event.target.closest(".entry > a[id^=slot-]")) {
        event.preventDefault();
      }
    });

    diary.on("click", (event, block) => {
      const isOurs = canBeChosen(block) && event.button === 0 && diary.wide.matches && !carried;
      if (isDragging || !isOurs || event.altKey) {
        return isDragging;
      }
      if (event.shiftKey && corner) {
        reach(block);
      } else if (isChoosing || event.ctrlKey || event.metaKey || event.shiftKey) {
        toggle(block);
      } else {
        corner = cornerOf(block); // from here on, with shift
        kept = [];
        return false;
      }
      return true;
    });

    const STEPS = ["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"];
    diary.on("key", (event, block) => {
      if (event.key === "Escape" && isChoosing && !carried) {
        chooseNone();
        return true;
      }
      if (event.key.toLowerCase() === "b" && chosen.size && block && !page.matches(".without-letters")) {
        diary.book(blocksOf(chosen));
        return true;
      }
      if (!block || carried || !diary.wide.matches) {
        return false;
      }
      if (event.key === " ") {
        if (canBeChosen(block)) {
          toggle(block);
        }
        return true;
      }
      if (event.shiftKey && STEPS.includes(event.key)) {
        const target = diary.step(block, event.key);
        if (!chosen.size) {
          corner = cornerOf(block);
          kept = [];
        }
        if (target) {
          target.focus();
          reach(target);
        }
        return true;
      }
      return false;
    });

    diary.on("fresh", () => {
      const lost = showChosen();
      if (isChoosing) {
        showBar(lost);
      }
    });
  }

  // ---------------------------------------------------------------- what a click and a key do

  diary.on("click", (event, block) => {
    if (carried && isPlain(event) && event.button === 0 && diary.isFree(block)) {
      moveTo(carried.pk, carried.minutes, block);
      return true;
    }
    return false;
  });

  diary.on("key", (event, block) => {
    if (event.key === "Escape" && carried) {
      putDown();
      return true;
    }
    return false;
  });

  diary.on("fresh", () => {
    showCarried();
  });

  if (banner?.dataset.carry) {
    carry(banner.dataset);
  }
})();
