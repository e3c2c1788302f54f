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
