// What stands between a hand and an answer: a button takes a press only where it was aimed at, and only once.
"use strict";

const REST_MS = 500; // what moved or appeared so recently takes no press
const places = new WeakMap(); // button -> where it stands, since when it rests there, since when it is this answer
const heights = new Map(); // id of a card -> its height while it waits
const sending = new Set(); // requests that an answer of this page is on its way to
const page = { height: 0, shifted: -Infinity }; // when anything that decides last changed its place in the page
const aim = { x: -1, y: -1, action: "", since: -Infinity }; // what is under the pointer, and since when
let hand = -Infinity; // when a wheel, a finger or a key last moved the page
let awaited = false; // a frame is to be looked at

const requestOf = (element) => element.closest(".card")?.id.replace("request-", "") ?? "";
const decides = () => document.querySelectorAll("[data-decide]");
const far = (one, other) => Math.abs(one - other) > 1;

// Before the frame is drawn: a card that is over stays as high as it was.
function keepHeights() {
  for (const card of document.querySelectorAll(".card[id]")) {
    if (!card.classList.contains("over")) heights.set(card.id, card.offsetHeight);
    else if (heights.has(card.id) && !card.style.minHeight) card.style.minHeight = `${heights.get(card.id)}px`;
  }
}

// What a hand brought under the pointer was aimed at; what came there by itself was not.
function look(byHand) {
  const action = document.elementFromPoint(aim.x, aim.y)?.closest("[data-decide]")?.formAction ?? "";
  if (action !== aim.action) Object.assign(aim, { action, since: byHand ? -Infinity : performance.now() });
}

function follow(event) {
  if (event.clientX === aim.x && event.clientY === aim.y) return;
  look(false); // what stood there before the pointer moved
  Object.assign(aim, { x: event.clientX, y: event.clientY });
  look(true);
}

// A scroll moves buttons on the screen and not in the page. It is a surprise only where the page has just changed:
// one that becomes shorter scrolls by itself.
function measure() {
  const now = performance.now();
  const height = document.documentElement.scrollHeight;
  const seen = [...decides()].map((button) => {
    const { left, top } = button.getBoundingClientRect();
    const before = places.get(button);
    const action = button.formAction; // a morph may give an element to another request
    const other = before?.action !== action;
    const inPage = top + scrollY;
    return { button, left, top, inPage, action, before, other, shifted: other || far(before.inPage, inPage) };
  });
  if (height !== page.height || seen.some((place) => place.shifted)) page.shifted = now;
  page.height = height;
  for (const { button, left, top, inPage, action, before, other, shifted } of seen) {
    const moved = other || far(before.left, left) || far(before.top, top);
    if (!moved && !shifted) continue; // where it was: small steps add up
    const surprise = moved && (shifted || now - page.shifted < REST_MS);
    places.set(button, { left, top, inPage, action, born: other ? now : before.born, since: surprise ? now : before.since });
  }
  look(now - hand < REST_MS);
  guardButtons();
}

// When the frame stands, and what the browser itself scrolled has its place.
function measureSoon() {
  if (awaited) return;
  awaited = true;
  requestAnimationFrame(() => setTimeout(() => { awaited = false; measure(); }));
}

const rested = (moment) => performance.now() - (moment ?? Infinity) >= REST_MS;
const rests = (button) => rested(places.get(button)?.since);
// A key presses what has the focus, wherever that stands.
const wasAimedAt = (button, byKey) => (byKey
  ? rested(places.get(button)?.born)
  : rests(button) && aim.action === button.formAction && rested(aim.since));

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

let byKey = false; // of the press that is being looked at
document.addEventListener("click", (event) => { byKey = event.detail === 0; }, true);
document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (event.target.id !== "decide" || !button?.matches("[data-decide]")) return;
  const request = requestOf(button);
  const live = document.documentElement.dataset.connection === "live";
  measure(); // the page may have changed since the last frame
  const free = live && !button.disabled && !sending.has(request);
  if (!free || !wasAimedAt(button, byKey)) {
    event.preventDefault();
    event.stopImmediatePropagation();
    if (free) notAimedAt();
    return;
  }
  button.classList.add("pressed");
  sending.add(request);
  setTimeout(guardButtons); // after the form has been read
}, true);
const requestIn = (event) => event.detail?.ctx?.request?.action?.match(/approvals\/([0-9a-f-]{36})\//)?.[1];
document.addEventListener("htmx:finally:request", (event) => { if (requestIn(event)) answered(requestIn(event)); });
document.addEventListener("telemetry:connection", guardButtons);
for (const kind of ["pointermove", "pointerdown"]) document.addEventListener(kind, follow, { capture: true, passive: true });
for (const kind of ["wheel", "touchmove", "keydown"]) {
  document.addEventListener(kind, () => { hand = performance.now(); }, { capture: true, passive: true });
}
document.addEventListener("scroll", measureSoon, { capture: true, passive: true });
new ResizeObserver(measureSoon).observe(document.documentElement);
new MutationObserver(() => { keepHeights(); measureSoon(); })
  .observe(document.getElementById("main"), { childList: true, subtree: true, attributes: true, attributeFilter: ["class", "open", "hidden"] });
setInterval(guardButtons, 250);
keepHeights();
measure();
