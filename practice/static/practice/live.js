// Pages that stay open show what others change: every few seconds the page asks whether anything
// has, and only then what. It stops while nobody can see it, and asks at once when it is seen again.
// Nothing that somebody types, holds in focus or has scrolled to is moved.

window.live = (() => {
  const EVERY = 10_000; // milliseconds; what has changed is seen within 15 seconds
  const page = document.querySelector("[data-live]");
  const said = document.querySelector("[data-live-said]");
  const announced = document.querySelector("[data-live-announced]");
  const clock = new Intl.DateTimeFormat("en-GB", {
    hour: "2-digit",
    minute: "2-digit",
    timeZone: "Europe/London",
  });

  // ---------------------------------------------------------------- putting changes in place

  // What the server sent for an element, before scripts marked it.
  const originals = new WeakMap();
  const plain = (html) =>
    html.replace(/(name="csrfmiddlewaretoken" value=")[^"]*/g, "$1").replace(/(data-since="\d+">)\d+/g, "$1");
  const original = (element) => originals.get(element) ?? plain(element.outerHTML);
  const remember = (element) => originals.set(element, plain(element.outerHTML));
  const CELLS = "li, tr";

  const read = (html) => {
    const template = document.createElement("template");
    template.innerHTML = html;
    return template.content.firstElementChild;
  };

  const keyOf = (element) => element.id || element.firstElementChild?.id || element.dataset.key || "";

  const typedIn = (element) =>
    [...element.querySelectorAll("input, textarea, select")].filter(
      (field) =>
        field.name &&
        field.type !== "hidden" &&
        (field === document.activeElement ||
          (field.defaultValue !== undefined && field.value !== field.defaultValue)),
    );

  // Put one cell in the place of another; what was typed, and the focus, go over to the new one.
  const exchange = (old, fresh) => {
    const typed = typedIn(old);
    const counterparts = typed.map((field) => fresh.querySelector(`[name="${CSS.escape(field.name)}"]`));
    if (counterparts.includes(null)) {
      return old; // somebody is writing here: it stays until they have finished
    }
    const focused = old.contains(document.activeElement) ? document.activeElement : null;
    remember(fresh);
    for (const open of old.querySelectorAll("details[open][id]")) {
      fresh.querySelector(`#${CSS.escape(open.id)}`)?.setAttribute("open", "");
    }
    old.replaceWith(fresh);
    typed.forEach((field, n) => {
      counterparts[n].value = field.value;
    });
    if (focused) {
      const n = typed.indexOf(focused);
      const target =
        counterparts[n] ??
        (focused.id && fresh.querySelector(`#${CSS.escape(focused.id)}`)) ??
        fresh.querySelector("a, button");
      target?.focus({ preventScroll: true });
      if (n >= 0 && focused.selectionStart !== undefined && focused.selectionStart !== null) {
        target.setSelectionRange?.(focused.selectionStart, focused.selectionEnd);
      }
    }
    return fresh;
  };

  // Make an element like a fresh one: only the cells that differ are exchanged. Returns those.
  const merge = (old, fresh) => {
    const changed = [];
    if (old.matches(CELLS) || old.tagName !== fresh.tagName) {
      if (original(old) !== plain(fresh.outerHTML)) {
        changed.push(exchange(old, fresh));
      }
      return changed;
    }
    for (const { name, value } of [...fresh.attributes]) {
      if (old.getAttribute(name) !== value) {
        old.setAttribute(name, value);
      }
    }
    const hasText = [...fresh.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (hasText || !fresh.childElementCount || !old.childElementCount) {
      if (plain(old.innerHTML) !== plain(fresh.innerHTML) && !typedIn(old).length) {
        old.replaceChildren(...fresh.childNodes);
      }
      return changed;
    }
    const there = [...old.children];
    const byKey = new Map(there.filter(keyOf).map((each) => [keyOf(each), each]));
    const rest = there.filter((each) => !keyOf(each));
    const kept = new Set();
    let before = null;
    for (const each of [...fresh.children]) {
      const match = keyOf(each) ? byKey.get(keyOf(each)) : rest.shift();
      let now;
      if (match && match.tagName === each.tagName) {
        const place = match.previousElementSibling;
        changed.push(...merge(match, each));
        now = match.isConnected ? match : (place ? place.nextElementSibling : old.firstElementChild);
      } else {
        now = each;
        remember(now);
        changed.push(now);
      }
      kept.add(now);
      const wanted = before ? before.nextElementSibling : old.firstElementChild;
      if (now !== wanted && !now.contains(document.activeElement)) {
        old.insertBefore(now, wanted);
      } else if (!now.isConnected) {
        old.append(now);
      }
      before = now;
    }
    for (const each of [...old.children]) {
      if (!kept.has(each) && !typedIn(each).length) {
        each.remove();
      }
    }
    return changed;
  };

  const show = (parts) => {
    for (const [id, html] of Object.entries(parts)) {
      const old = document.getElementById(id);
      if (old) {
        merge(old, read(html));
      }
    }
  };

  // ---------------------------------------------------------------- asking

  let timer = null;
  let failed = 0;
  let since = clock.format(new Date());
  let asking = false;
  let again = false; // something was done here while the page was asking
  let over = false;
  let take = (answer) => show(answer.parts ?? {});
  let have = () => ({
    have: JSON.stringify(
      Object.fromEntries([...page.querySelectorAll("[data-part]")].map((part) => [part.id, part.dataset.part])),
    ),
  });

  const say = (text, isLive) => {
    if (said) {
      said.hidden = false;
      said.classList.toggle("lost", !isLive);
      const words = said.querySelector("span");
      if (words.textContent !== text) {
        words.textContent = text;
      }
    }
  };
  const announce = (text) => {
    if (announced) {
      announced.textContent = text;
    }
  };

  const lost = (why) => {
    if (!said?.classList.contains("lost")) {
      announce(why);
    }
    say(why, false);
  };

  const changes = async () => {
    const [path, query] = page.dataset.liveChanges.split("?");
    const asked = new URLSearchParams(query);
    for (const [name, value] of Object.entries(have())) {
      asked.set(name, value);
    }
    const answer = await fetch(`${path}?${asked}`, { cache: "no-store", redirect: "follow" });
    if (answer.redirected || !answer.headers.get("Content-Type")?.includes("json")) {
      over = true;
      lost(`Not live since ${since}: sign in again`);
      return;
    }
    const found = await answer.json();
    take(found);
    page.dataset.live = found.live;
    page.dataset.liveVersion = found.version;
  };

  const ask = async () => {
    again = asking;
    if (asking || over || document.hidden) {
      return;
    }
    asking = true;
    clearTimeout(timer);
    try {
      const answer = await fetch(page.dataset.live, {
        cache: "no-store",
        credentials: "omit",
        headers: { "If-None-Match": `"${page.dataset.liveVersion}"` },
      });
      if (answer.status === 200) {
        await changes();
      } else if (answer.status !== 304) {
        throw new Error(answer.status);
      }
      if (!over) {
        failed = 0;
        since = clock.format(new Date());
        say(`Live, ${since}`, true);
      }
    } catch {
      failed += 1;
      if (failed > 1) {
        lost(`Not live since ${since}: reload the page`);
      }
    } finally {
      asking = false;
      timer = over ? null : setTimeout(ask, again ? 0 : EVERY + Math.random() * 2_000);
    }
  };

  // Minutes that pass, and the time of day.
  const tick = () => {
    for (const waited of document.querySelectorAll("[data-since]")) {
      const minutes = Math.max(0, Math.floor((Date.now() / 1000 - waited.dataset.since) / 60));
      waited.textContent = minutes;
    }
    for (const now of document.querySelectorAll("[data-clock]")) {
      now.textContent = clock.format(new Date());
    }
  };

  if (page) {
    setInterval(tick, 15_000);
    document.addEventListener("visibilitychange", () => {
      clearTimeout(timer);
      ask();
    });
    window.addEventListener("pageshow", (event) => event.persisted && ask());
    say(`Live, ${since}`, true);
    timer = setTimeout(ask, EVERY);
  }

  return {
    announce,
    ask,
    exchange,
    merge,
    read,
    typedIn,
    on: (taking, having) => {
      take = taking;
      have = having;
    },
  };
})();
