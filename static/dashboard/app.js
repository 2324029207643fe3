// What the page does by itself: it counts seconds, and it says whether what it shows is true now.
"use strict";

const STALE_MS = 5000;
const ASK_MS = 30000; // between two questions why a socket is refused
const WORDS = {
  connecting: "Connecting",
  live: "Live",
  stale: "Not live: connection lost, reconnecting",
  "signed-out": "Signed out: reload to sign in",
};
htmx.config.history = false; // an address is its page's own
const root = document.documentElement;
const icon = document.querySelector("link[rel=icon]");
let heard = Date.now();
let skew = 0; // server clock minus ours, in ms
let connection = null; // of hx-ws
let opened = false; // did its socket ever open
let asked = -Infinity; // when the site was asked why not

function duration(seconds) {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86400)} d ${Math.floor((seconds % 86400) / 3600)} h`;
}

function setConnection(state, text = WORDS[state]) {
  const said = document.getElementById("connection");
  if (said.textContent !== text) said.textContent = text;
  if (root.dataset.connection === state) return;
  root.dataset.connection = state;
  document.dispatchEvent(new Event("telemetry:connection"));
}

function count() {
  const now = Date.now() + skew;
  for (const time of document.querySelectorAll("[data-ago], [data-for]")) {
    time.textContent = duration(Math.max(0, Math.floor((now - (time.dataset.ago ?? time.dataset.for)) / 1000))) + (time.dataset.ago ? " ago" : "");
  }
  for (const time of document.querySelectorAll("[data-deadline]")) {
    const left = Math.ceil((time.dataset.deadline - now) / 1000);
    time.textContent = left > 0 ? `${duration(left)} left` : "time is up";
    time.classList.toggle("soon", left <= 60);
    time.classList.toggle("now", left <= 15);
    const card = time.closest(".card");
    if (card?.classList.contains("due") === left > 0) card.classList.toggle("due", left <= 0);
  }
}

document.addEventListener("htmx:ws:after:message:incoming", (event) => {
  const text = event.detail.message.data;
  heard = Date.now();
  if (text.startsWith("{")) {
    const said = JSON.parse(text);
    if (said.tick) skew = said.tick - Date.now();
    if (said.ok) setConnection("live");
    else setConnection("trouble", said.why);
    document.dispatchEvent(new CustomEvent("telemetry:said", { detail: said }));
  }
  count();
});
document.addEventListener("htmx:ws:after:connection", (event) => {
  connection = event.detail.connection;
  opened = true;
  heard = Date.now();
});
document.addEventListener("htmx:ws:close", (event) => {
  if (event.detail.code === 4401) setConnection("signed-out");
  else if (root.dataset.connection !== "signed-out") setConnection("stale");
  if (!opened) askWhy();
  opened = false;
});

// A session that ended while the page was away: its socket is refused without a word.
async function askWhy() {
  if (Math.abs(Date.now() - asked) < ASK_MS) return;
  asked = Date.now();
  const options = { method: "HEAD", cache: "no-store", redirect: "manual" };
  const answer = await fetch(location.href, options).catch(() => null);
  if (answer?.type === "opaqueredirect") setConnection("signed-out");
}

// A socket that is silent, or a clock that was set: nobody knows whether what is shown is true.
function listen() {
  if (Math.abs(Date.now() - heard) <= STALE_MS || root.dataset.connection === "signed-out") return;
  setConnection("stale");
  if (connection?.socket?.readyState === WebSocket.OPEN) connection.socket.close(); // a new one starts with the whole state
}

for (const kind of ["submit", "visibilitychange"]) document.addEventListener(kind, listen, true); // timers may have slept
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); }); // its socket was closed for good
setInterval(() => { listen(); count(); }, 500);
document.getElementById("connection").textContent = WORDS.connecting;
count();
