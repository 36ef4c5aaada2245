// What is done on the diary itself: an appointment is carried to another time, and several slots are
// chosen and changed at once. Without this script each has a page of its own.

(() => {
  const diary = window.diary;
  if (!diary) {
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
    const block = carried && document.getElementById(`appointment-${carried.pk}`);
    if (block) {
      cell(block).classList.add("carried");
    }
  };

  const carry = ({ carry: pk, words, minutes }) => {
    carried = { pk, minutes: Number(minutes) };
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
