// What stands between a hand and an answer: a button takes a press only where it was aimed at, and only once.
"use strict";

const heights = new Map(); // id of a card -> its height while it waits
const sending = new Map(); // requests that an answer of this page is on its way to, and its button's name
const LONG_MS = 4000; // of an answer that is on its way

const requestOf = (element) => element.closest(".card")?.id.replace("request-", "") ?? "";

// Before the frame is drawn: a card that is over stays as high as it was.
function keepHeights() {
  for (const card of document.querySelectorAll(".card[id]")) {
    if (!card.classList.contains("over")) heights.set(card.id, card.offsetHeight);
    else if (heights.has(card.id) && !card.style.minHeight) card.style.minHeight = `${heights.get(card.id)}px`;
  }
}

// Only a live page may decide: what a stale one shows may be over. One without a socket shows what the server just said.
const isLive = () => ["live", "none"].includes(document.documentElement.dataset.connection);

// This page has just been told that its own approval is held: until it is taken back there is nothing to approve.
const isHeldHere = (request) => Boolean(request && document.querySelector(`#notices [data-held="${request}"]`));

function guardButtons() {
  const live = isLive();
  for (const button of decides()) {
    const card = button.closest(".card");
    card.classList.toggle("sending", sending.has(requestOf(card)));
    button.disabled = !live || card.closest(".leaving") !== null || ["sending", "due", "over"].some((state) => card.classList.contains(state))
      || (button.matches(".approve") && isHeldHere(requestOf(card)));
    button.setAttribute("aria-disabled", String(button.disabled || !rests(button)));
  }
}

// One that takes long holds up no other, and says so.
function sayOnItsWay(request) {
  if (!sending.has(request)) return;
  notice(`No word from the site yet: ${sending.get(request)}. It is on its way. Others can be answered meanwhile.`);
  document.querySelector("#notices .notice").dataset.sending = request;
}

function answered(request) {
  sending.delete(request);
  document.querySelector(`#notices [data-sending="${request}"]`)?.remove();
  document.querySelector(`#request-${request} .pressed`)?.classList.remove("pressed");
  guardButtons();
}

let byKey = false; // of the press that is being looked at
document.addEventListener("click", (event) => { byKey = event.detail === 0; }, true);
document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (event.target.id !== "decide" || !button?.matches("[data-decide]")) return;
  const request = requestOf(button);
  const live = isLive();
  measure(); // the page may have changed since the last frame
  const free = live && !button.disabled && !sending.has(request) && !button.closest(".leaving");
  if (!free || !wasAimedAt(button, byKey)) {
    event.preventDefault();
    event.stopImmediatePropagation();
    if (free) notAimedAt();
    return;
  }
  button.classList.add("pressed");
  sending.set(request, button.ariaLabel ?? button.textContent);
  setTimeout(sayOnItsWay, LONG_MS, request);
  setTimeout(guardButtons); // after the form has been read
}, true);
const actionOf = (event) => event.detail?.ctx?.request?.action ?? "";
const requestIn = (event) => actionOf(event).match(/approvals\/([0-9a-f-]{36})\//)?.[1];
const statusOf = (event) => event.detail.ctx.response?.status;
const wasUndo = (event) => statusOf(event) === 200 && actionOf(event).endsWith("/undo/");
// An answer that was taken; more time, and an approval that was taken back, leave the request to be answered.
const wasAnswer = (event) => statusOf(event) === 200 && !/\/(undo|extend)\/$/.test(actionOf(event));
document.addEventListener("htmx:finally:request", (event) => { if (requestIn(event)) answered(requestIn(event)); });
document.addEventListener("telemetry:connection", guardButtons);
new MutationObserver(() => { keepHeights(); measureSoon(); })
  .observe(document.getElementById("main"), { childList: true, subtree: true, attributes: true, attributeFilter: ["class", "open", "hidden"] });
setInterval(guardButtons, 250);
keepHeights();
watchAim();
