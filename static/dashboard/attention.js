// For who looks elsewhere: how many wait, in title and icon; sound and desktop, where they asked for it; a forecast.
// It reads what any page may have: [data-waiting] says how many wait, its data-deadlines when the next are due (ms
// since 1970), a [data-deadline] in a [data-line] or #request-... when one is, and [data-forecast] is the place of the
// sentence.
"use strict";

const FRESH = ["live", "connecting", "none"];
const SPANS = [1, 3, 5, 10]; // minutes of a forecast
const SOUND_MS = 3000; // of several open tabs one makes the sound
const SETTLE_MS = 300; // what came at once, a card and the count of all, is one arrival
const REQUESTS = "[data-line], [id^=request-]";
let settling = null;
let seenLast = null; // who waited when somebody looked last: how many, and their ids

function isFresh() {
  return FRESH.includes(root.dataset.connection);
}

function howMany() {
  return Number(document.querySelector("main [data-waiting]")?.dataset.waiting ?? 0);
}

// A number that may be old is marked as one, and so is none.
function sayHowMany() {
  const waiting = howMany();
  const mark = isFresh() ? (waiting ? `(${waiting}) ` : "") : `(${waiting || ""}?) `;
  const title = mark + document.title.replace(/^\(\d*\??\) /, "");
  if (document.title !== title) document.title = title;
  const look = icon.dataset[isFresh() ? (waiting ? "waiting" : "calm") : "stale"];
  if (icon.getAttribute("href") !== look) icon.setAttribute("href", look);
}

function requestKey(element) {
  const holder = element.closest(REQUESTS);
  return holder?.dataset.line ?? holder?.id.replace(/^request-/, "") ?? "";
}

function deadlines() {
  const found = new Map();
  for (const time of document.querySelectorAll("[data-deadline]")) found.set(requestKey(time), Number(time.dataset.deadline));
  return found;
}

// Of all that wait where the page was told so, else of what it shows.
function nextDue() {
  const told = document.querySelector("main [data-deadlines]")?.dataset.deadlines;
  return told === undefined ? [...deadlines().values()] : told.split(" ").filter(Boolean).map(Number);
}

// The shortest of a few spans in which something expires, and how much does.
function forecastOf(left) {
  for (const minutes of SPANS) {
    const many = left.filter((ms) => ms > 0 && ms <= minutes * 60000).length;
    if (many) return `${many} ${many > 1 ? "expire" : "expires"} in ${minutes > 1 ? `${minutes} minutes` : "a minute"}`;
  }
  return "";
}

function sayForecast() {
  const place = document.querySelector("[data-forecast]");
  if (!place) return;
  const now = Date.now() + skew;
  const said = isFresh() ? forecastOf(nextDue().map((deadline) => deadline - now)) : "";
  if (place.textContent !== said) place.textContent = said;
}

function wants(what) {
  return localStorage.getItem(`attention ${what}`) === "1";
}

function makeSound() {
  if (!navigator.locks) return beep();
  return navigator.locks.request("telemetry sound", { ifAvailable: true }, async (lock) => {
    if (!lock) return;
    beep();
    await new Promise((resolve) => { setTimeout(resolve, SOUND_MS); });
  });
}

function tellElsewhere(waiting) {
  if (wants("sound")) makeSound();
  if (!wants("desktop") || globalThis.Notification?.permission !== "granted") return;
  const text = waiting > 1 ? `${waiting} requests wait for an answer` : "1 request waits for an answer";
  const said = new Notification(text, { tag: "telemetry", renotify: true });
  said.onclick = () => { window.focus(); said.close(); };
}

// Something came while nobody looks: more wait than before, or as many and one of them is new. Where fewer wait, one
// that was not shown has moved up.
function hearArrivals() {
  if (!isFresh() || !document.querySelector("main [data-waiting]")) return;
  const now = { waiting: howMany(), ids: new Set(deadlines().keys()) };
  const more = seenLast ? now.waiting - seenLast.waiting : -1;
  const news = more > 0 || (more === 0 && [...now.ids].some((id) => !seenLast.ids.has(id)));
  if (news && now.waiting && document.hidden) tellElsewhere(now.waiting);
  seenLast = now;
}

function attend() {
  sayHowMany();
  sayForecast();
  settling ??= setTimeout(() => { settling = null; hearArrivals(); }, SETTLE_MS);
}

document.addEventListener("telemetry:connection", attend);
document.addEventListener("htmx:ws:after:message:incoming", attend);
new MutationObserver(attend).observe(document.getElementById("main"), { childList: true, subtree: true });
setInterval(attend, 500);
attend();
