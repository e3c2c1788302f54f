"use strict";

const boards = document.getElementById("boards");
const toast = document.getElementById("toast");
const drawer = document.getElementById("drawer");

async function send(method, url, body) {
  const answer = await fetch(url, {
    method,
    headers: { "Content-Type": "application/json", "X-Sandbox": "1" },
    body: JSON.stringify(body),
  });
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.error);
  return said;
}

let toastTimer;
function complain(error) {
  toast.textContent = error.message;
  toast.hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { toast.hidden = true; }, 6000);
}

// Refreshing: the server draws the page, and what differs is exchanged. Nothing is exchanged under a hand at work.

let busy = false;
let stale = false;
let fetching = false;
const touched = new Set();  // boards whose cards this page moved ahead of the server's answer
const flashes = new Map();
const FLASH_MS = 2400;
const drawn = new Map(Array.from(boards.children, (board) => [board.dataset.vendor, board.outerHTML]));

async function refresh() {
  stale = true;
  if (busy || fetching) return;
  fetching = true;
  try {
    while (stale && !busy) {
      stale = false;
      const answer = await fetch(location.pathname);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (busy) stale = true;
      else show(page);
    }
  } catch {
    stale = true;
  } finally {
    fetching = false;
  }
}

function show(page) {
  const changed = [];
  for (const fresh of page.querySelectorAll(".board")) {
    const { vendor, name } = fresh.dataset;
    const html = fresh.outerHTML;
    const forced = touched.delete(vendor);
    if (drawn.get(vendor) === html && !forced) continue;
    const titles = exchange(vendor, document.adoptNode(fresh));
    drawn.set(vendor, html);
    if (titles.length) changed.push(`${name}: ${titles.join(", ")}`);
  }
  for (const id of ["news", "notices"]) {
    const [old, fresh] = [document.getElementById(id), page.getElementById(id)];
    if (old.outerHTML !== fresh.outerHTML) old.replaceWith(document.adoptNode(fresh));
  }
  if (changed.length) document.getElementById("said").textContent = `Changed in ${changed.join("; ")}`;
}

function cardsOf(html) {
  const holder = new DOMParser().parseFromString(html, "text/html");
  return new Map(Array.from(holder.querySelectorAll(".card"), (card) => [card.dataset.deal, card.outerHTML]));
}

/** Flash a card, or go on flashing one that had begun when its board is drawn again. */
function flash(card, key, changed) {
  const now = performance.now();
  if (changed) flashes.set(key, now);
  const elapsed = now - (flashes.get(key) ?? -Infinity);
  if (elapsed >= FLASH_MS) return;
  card.classList.add("changed");
  card.style.animationDelay = `-${elapsed}ms`;
}

/** Put a fresh board in the place of the old one, keep what the person had open, and return the titles that changed. */
function exchange(vendor, fresh) {
  const old = boards.querySelector(`[data-vendor="${vendor}"]`);
  const before = cardsOf(drawn.get(vendor));
  const open = new Set(Array.from(old.querySelectorAll("details[open]"), (one) => one.closest(".card").dataset.deal));
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  const focusedCard = focused?.closest(".card")?.dataset.deal;
  const titles = [];
  for (const card of fresh.querySelectorAll(".card")) {
    const changed = before.get(card.dataset.deal) !== card.outerHTML;
    if (changed) titles.push(card.querySelector(".title").textContent);
    flash(card, `${vendor} ${card.dataset.deal}`, changed);
    if (open.has(card.dataset.deal)) card.querySelector("details").open = true;
  }
  old.replaceWith(fresh);
  for (const card of fresh.querySelectorAll(".card")) {
    if (card.dataset.deal !== focusedCard) continue;
    card.querySelector(focused.matches(".title") ? ".title" : focused.localName)?.focus();
  }
  return titles;
}

function listen() {
  const live = document.getElementById("live");
  const tell = (yes) => {
    live.dataset.live = yes ? "yes" : "no";
    live.textContent = yes ? "Live" : "Reconnecting…";
  };
  const events = new EventSource("/_/events");
  events.addEventListener("open", () => tell(true));
  events.addEventListener("tick", refresh);
  events.addEventListener("error", () => {
    tell(false);
    if (events.readyState === EventSource.CLOSED) setTimeout(listen, 3000);
  });
}

// Moving a card: by dragging it, or by the list of stages in it.

async function move(card, column) {
  const { vendor } = card.closest(".board").dataset;
  card.classList.add("saving");
  touched.add(vendor);
  try {
    await send("POST", "/_/move", { vendor, deal: card.dataset.deal, column });
  } catch (error) {
    complain(error);
  } finally {
    card.classList.remove("saving");
    refresh();
  }
}

let lifted = null;

function release() {
  lifted?.classList.remove("lifted");
  for (const stage of boards.querySelectorAll(".may-drop, .drop-here")) stage.classList.remove("may-drop", "drop-here");
  lifted = null;
  busy = false;
}

function stageUnder(event) {
  const stage = event.target.closest?.(".stage[data-column]");
  return lifted && stage && stage.closest(".board") === lifted.closest(".board") ? stage : null;
}

boards.addEventListener("dragstart", (event) => {
  lifted = event.target.closest?.(".card");
  if (!lifted) return;
  busy = true;
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", lifted.querySelector(".title").textContent);
  lifted.classList.add("lifted");
  for (const stage of lifted.closest(".board").querySelectorAll(".stage[data-column]")) {
    if (!stage.contains(lifted)) stage.classList.add("may-drop");
  }
});

boards.addEventListener("dragover", (event) => {
  const stage = stageUnder(event);
  for (const other of boards.querySelectorAll(".drop-here")) if (other !== stage) other.classList.remove("drop-here");
  if (!stage) return;
  event.preventDefault();
  event.dataTransfer.dropEffect = "move";
  if (!stage.contains(lifted)) stage.classList.add("drop-here");
});

boards.addEventListener("drop", (event) => {
  const stage = stageUnder(event);
  if (!stage) return;
  event.preventDefault();
  const card = lifted;
  const there = stage.contains(card);
  release();
  if (there) return;
  stage.querySelector(".cards").append(card.closest("li"));
  move(card, stage.dataset.column);
});

boards.addEventListener("dragend", () => {
  release();
  if (stale) refresh();
});

boards.addEventListener("change", (event) => {
  if (event.target.matches(".move")) move(event.target.closest(".card"), event.target.value);
});

// Renaming a deal.

function rename(title) {
  if (title.querySelector("input")) return;
  const card = title.closest(".card");
  const { vendor, titleField } = title.closest(".board").dataset;
  const before = title.textContent;
  const input = document.createElement("input");
  input.value = before;
  input.setAttribute("aria-label", "Title");
  busy = true;
  card.draggable = false;
  title.replaceChildren(input);
  input.focus();
  input.select();

  let closed = false;
  const close = async (save) => {
    if (closed) return;
    closed = true;
    const after = input.value.trim();
    const refocus = document.activeElement === input;
    title.textContent = save && after ? after : before;
    card.draggable = true;
    if (refocus) title.focus();
    busy = false;
    if (save && after && after !== before) {
      card.classList.add("saving");
      try {
        await send("POST", "/_/edit", { vendor, deal: card.dataset.deal, changes: { [titleField]: after } });
      } catch (error) {
        title.textContent = before;
        complain(error);
      }
      card.classList.remove("saving");
      refresh();
    } else if (stale) refresh();
  };
  input.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Enter") close(true);
    if (event.key === "Escape") close(false);
  });
  input.addEventListener("blur", () => close(true));
}

const byTouch = matchMedia("(pointer: coarse)");
boards.addEventListener("dblclick", (event) => {
  const title = event.target.closest(".title");
  if (title) rename(title);
});
boards.addEventListener("click", (event) => {
  const title = event.target.closest(".title");
  if (title && (event.detail === 0 || byTouch.matches)) rename(title);
});
boards.addEventListener("keydown", (event) => {
  if (!event.target.matches(".title") || !["Enter", " "].includes(event.key)) return;
  event.preventDefault();
  rename(event.target);
});

// The drawer: every setting is saved as soon as it is changed.

function valueOf(input) {
  if (input.type === "checkbox") return input.checked;
  return input.type === "number" ? Number(input.value) : input.value;
}

function fill(form, settings) {
  for (const { name, value } of settings) {
    const input = form.elements.namedItem(name);
    if (input.type === "checkbox") input.checked = value;
    else input.value = value;
  }
}

function fillAll(said, vendor) {
  if (said.faults) fill(document.getElementById("faults"), said.faults);
  if (said.targets) fill(document.getElementById("targets"), said.targets);
  for (const form of drawer.querySelectorAll("form[data-vendor]")) {
    const settings = said[form.dataset.vendor];
    if (settings && (!vendor || form.dataset.vendor === vendor)) fill(form, settings);
  }
}

async function save(url, changes, vendor) {
  try {
    fillAll(await send("PUT", url, vendor ? { [vendor]: changes } : changes), vendor);
    refresh();
  } catch (error) {
    complain(error);
    fillAll(await (await fetch(url)).json(), vendor);
  }
}

document.getElementById("open-drawer").addEventListener("click", async () => {
  drawer.showModal();
  for (const url of ["/_/faults", "/_/switches", "/_/targets"]) fillAll(await (await fetch(url)).json());
});
document.getElementById("close-drawer").addEventListener("click", () => drawer.close());
drawer.addEventListener("click", (event) => {
  if (event.target === drawer && event.clientX < drawer.getBoundingClientRect().left) drawer.close();
});
drawer.addEventListener("submit", (event) => event.preventDefault());
drawer.addEventListener("change", (event) => {
  const { url, vendor } = event.target.form.dataset;
  save(url, { [event.target.name]: valueOf(event.target) }, vendor);
});
for (const button of drawer.querySelectorAll("[data-preset]")) {
  button.addEventListener("click", () => save("/_/faults", JSON.parse(button.dataset.preset)));
}

listen();
