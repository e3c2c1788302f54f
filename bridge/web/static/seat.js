// What the pages do beyond htmx: say why something failed, ask before a deed, copy a text, keep "3 min ago" true.
"use strict";

function say(text, tone) {
  const note = document.createElement("p");
  note.className = `note ${tone}`;
  note.textContent = text;
  document.getElementById("notes").replaceChildren(note);
}

document.addEventListener("htmx:responseError", (event) => {
  say(event.detail.xhr.responseText || "The bridge did not do this. Load the page again.", "bad");
});
document.addEventListener("htmx:sendError", () => say("The bridge does not answer. It is tried again.", "bad"));
document.addEventListener("htmx:afterRequest", (event) => {
  const note = document.querySelector("#notes .bad");
  if (event.detail.successful && note && note.textContent.startsWith("The bridge does not answer")) note.remove();
});

document.addEventListener("submit", (event) => {
  const asked = event.submitter?.dataset.confirm ?? event.target.dataset.confirm;
  if (asked && !window.confirm(asked)) event.preventDefault();
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  say("Copied.", "good");
});

document.addEventListener("change", (event) => {
  if (event.target.closest("form[data-at-once]")) event.target.form.requestSubmit();
});

// A list that stays up to date: its parts come by a stream, or every 5 s where the server has no stream to spare.
function keepUpToDate(list) {
  const pill = document.getElementById(list.dataset.live);
  let source = null;
  let timer = 0;

  const show = (words, on) => {
    pill.textContent = words;
    pill.classList.toggle("on", on);
  };
  const put = (html) => {
    const parts = document.createElement("template");
    parts.innerHTML = html;
    for (const part of [...parts.content.children].reverse()) {
      const old = document.getElementById(part.id);
      if (old && old.outerHTML === part.outerHTML) continue;
      if (old) {
        old.replaceWith(part);
      } else {
        part.classList.add("fresh");
        part.addEventListener("animationend", () => part.classList.remove("fresh"));
        const after = [...list.children].find((each) => each.id < part.id);
        list.insertBefore(part, after ?? null);
      }
    }
    while (list.children.length > 100) list.lastElementChild.remove();
    document.querySelector(".empty")?.remove();
  };
  const poll = async (left) => {
    if (left === 0) return open();
    try {
      const answer = await fetch(list.dataset.lines, { headers: { "HX-Request": "true" } });
      if (answer.status === 401) return location.reload();
      if (!answer.ok) throw new Error(answer.status);
      show("Brought up to date every 5 s", true);
      put(await answer.text());
    } catch {
      show("The bridge does not answer", false);
    }
    timer = setTimeout(poll, 5000, left - 1);
  };
  const close = () => {
    clearTimeout(timer);
    source?.close();
  };
  const open = () => {
    close();
    source = new EventSource(list.dataset.stream);
    source.addEventListener("open", () => show("Live", true));
    source.addEventListener("parts", (event) => put(event.data));
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED) poll(12);
    });
  };
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  open();
}

const list = document.querySelector("[data-stream]");
if (list) keepUpToDate(list);

function ago(s) {
  const steps = [[60, "s"], [60, "min"], [24, "h"], [Infinity, "d"]];
  let left = Math.floor(Math.abs(s));
  if (left < 1) return "just now";
  for (const [size, unit] of steps) {
    if (left < size) return s > 0 ? `${left} ${unit} ago` : `in ${left} ${unit}`;
    left = Math.floor(left / size);
  }
}

setInterval(() => {
  for (const time of document.querySelectorAll("time[data-ago]")) {
    const words = ago((Date.now() - Date.parse(time.dateTime)) / 1000);
    if (time.textContent !== words) time.textContent = words;
  }
}, 5000);
