// What the page does by itself: it counts seconds, and it says whether what it shows is true now.
"use strict";

const STALE_MS = 5000;
const WORDS = {
  connecting: "Connecting",
  live: "Live",
  stale: "Not live: connection lost, reconnecting",
  "signed-out": "Signed out: reload to sign in",
};
const root = document.documentElement;
const icon = document.querySelector("link[rel=icon]");
let heard = Date.now();
let skew = 0; // server clock minus ours, in ms
let connection = null; // of hx-ws

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
document.addEventListener("htmx:ws:after:connection", (event) => { connection = event.detail.connection; });
document.addEventListener("htmx:ws:close", (event) => {
  setConnection(event.detail.code === 4401 ? "signed-out" : "stale");
});
setInterval(() => {
  if (Date.now() - heard > STALE_MS && ["live", "connecting", "trouble"].includes(root.dataset.connection)) {
    setConnection("stale");
    connection?.socket?.close(); // it is silent: a new one starts with the whole state
  }
  count();
}, 500);
document.getElementById("connection").textContent = WORDS.connecting;
count();
