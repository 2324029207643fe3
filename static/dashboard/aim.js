// Where buttons stand and stood, and what is under the pointer: what a press was aimed at.
"use strict";

const REST_MS = 500; // what moved or appeared so recently takes no press
const places = new WeakMap(); // button -> where it stands, since when it rests there, since when it is this answer
const page = { height: 0, shifted: -Infinity }; // when anything that decides last changed its place in the page
const aim = { x: -1, y: -1, action: "", since: -Infinity }; // what is under the pointer, and since when
let hand = -Infinity; // when a wheel, a finger or a key last moved the page
let awaited = false; // a frame is to be looked at

const decides = () => document.querySelectorAll("[data-decide]");
const far = (one, other) => Math.abs(one - other) > 1;

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

function watchAim() {
  for (const kind of ["pointermove", "pointerdown"]) document.addEventListener(kind, follow, { capture: true, passive: true });
  for (const kind of ["wheel", "touchmove", "keydown"]) {
    document.addEventListener(kind, () => { hand = performance.now(); }, { capture: true, passive: true });
  }
  document.addEventListener("scroll", measureSoon, { capture: true, passive: true });
  new ResizeObserver(measureSoon).observe(document.documentElement);
  measure();
}
