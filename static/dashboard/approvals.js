// What stands between a hand and an answer: a button takes a press only where it was aimed at, and only once.
"use strict";

const REST_MS = 500; // a button that moved or appeared so recently takes no press
const places = new WeakMap(); // button -> where it stands, and since when it rests there
const heights = new Map(); // id of a card -> its height while it waits
const sending = new Set(); // requests that an answer of this page is on its way to

const requestOf = (element) => element.closest(".card")?.id.replace("request-", "") ?? "";
const decides = () => document.querySelectorAll("[data-decide]");

// A scroll by hand moves every button and is no surprise: `surprise` is false then.
function measure(surprise) {
  const now = performance.now();
  for (const card of document.querySelectorAll(".card[id]")) {
    if (!card.classList.contains("over")) heights.set(card.id, card.offsetHeight);
    else if (heights.has(card.id) && !card.style.minHeight) card.style.minHeight = `${heights.get(card.id)}px`;
  }
  for (const button of decides()) {
    const { left, top } = button.getBoundingClientRect();
    const before = places.get(button);
    const action = button.formAction; // a morph may give an element to another request
    const other = before?.action !== action;
    const moved = other || Math.abs(before.left - left) > 1 || Math.abs(before.top - top) > 1;
    places.set(button, { left, top, action, since: other || (moved && surprise) ? now : before.since });
  }
  guardButtons();
}

const rests = (button) => performance.now() - (places.get(button)?.since ?? Infinity) >= REST_MS;

// Only a live page may decide: what a stale one shows may be over.
function guardButtons() {
  const live = document.documentElement.dataset.connection === "live";
  for (const button of decides()) {
    const card = button.closest(".card");
    card.classList.toggle("sending", sending.has(requestOf(card)));
    button.disabled = !live || card.classList.contains("sending") || card.classList.contains("due");
    button.setAttribute("aria-disabled", String(button.disabled || !rests(button)));
  }
}

function answered(request) {
  sending.delete(request);
  document.querySelector(`#request-${request} .pressed`)?.classList.remove("pressed");
  guardButtons();
}

document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (event.target.id !== "decide" || !button?.matches("[data-decide]")) return;
  const request = requestOf(button);
  const live = document.documentElement.dataset.connection === "live";
  if (!live || button.disabled || sending.has(request) || !rests(button)) {
    event.preventDefault();
    event.stopImmediatePropagation();
    return;
  }
  button.classList.add("pressed");
  sending.add(request);
  setTimeout(guardButtons); // after the form has been read
}, true);
const requestIn = (event) => event.detail?.ctx?.request?.action?.match(/approvals\/([0-9a-f-]{36})\//)?.[1];
document.addEventListener("htmx:finally:request", (event) => { if (requestIn(event)) answered(requestIn(event)); });
document.addEventListener("telemetry:connection", guardButtons);
document.addEventListener("scroll", () => measure(false), { capture: true, passive: true });
new ResizeObserver(() => measure(true)).observe(document.documentElement);
new MutationObserver(() => measure(true))
  .observe(document.getElementById("main"), { childList: true, subtree: true, attributes: true, attributeFilter: ["class", "open", "hidden"] });
setInterval(guardButtons, 250);
measure(true);
