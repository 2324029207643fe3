// The inbox: one line is selected by its id, what comes waits until it is asked for, what ends keeps its place.
"use strict";

const WIDE = matchMedia("(width >= 62rem)");
const SOON_MS = 120000;
const over = new Set(); // lines that are known to have ended
const arrived = []; // requests that nobody was told of yet
let wanted = document.getElementById("inbox").dataset.selected; // the line that is selected
let fresh = ""; // the list as the server has it, where that is another one
let asked = 0; // how many fetches began
let applied = 0; // the last of them whose list is shown
let whole = false; // the list is to be taken as it is: the page was away

const lines = () => [...document.querySelectorAll("#lines > .line")];
const waitingLines = () => lines().filter((line) => !line.classList.contains("over"));
const lineOf = (id) => lines().find((line) => line.dataset.line === id);
const pane = () => document.getElementById("pane");

function addressOf(id) {
  const address = new URL(location.href);
  if (id) address.searchParams.set("selected", id);
  else address.searchParams.delete("selected");
  return address;
}

// The list and the request of an address; null where it cannot be had now.
async function fetchInbox(id) {
  const number = (asked += 1);
  try {
    const options = { cache: "no-store", redirect: "manual", headers: { "X-Part": "inbox" }, signal: AbortSignal.timeout(FETCH_MS) };
    const answer = await fetch(addressOf(id), options);
    const text = await answer.text();
    if (!answer.ok || !text.includes('id="inbox"')) return null;
    return { text, number, page: new DOMParser().parseFromString(text, "text/html") };
  } catch {
    return null;
  }
}

const put = (text, id, swap) => {
  const target = document.getElementById(id);
  return htmx.swap({ text, target, sourceElement: target, select: `#${id}`, swap });
};

function showSelection() {
  for (const line of lines()) {
    const link = line.querySelector("a");
    if (line.dataset.line === wanted) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

function strike(line) {
  line.classList.add("over");
}

// What is not on the server's list any more is struck through; what is new there waits.
async function takeList(got) {
  if (got.number < applied) return;
  applied = got.number;
  await put(got.text, "groups", "outerMorph");
  const here = new Map(lines().map((line) => [line.dataset.line, line]));
  const there = [...got.page.querySelectorAll("#lines > .line")].filter((line) => !over.has(line.dataset.line));
  const ids = new Set(there.map((line) => line.dataset.line));
  for (const [id, line] of here) if (!ids.has(id)) strike(line);
  for (const line of there) {
    const shown = here.get(line.dataset.line);
    if (!shown) continue;
    shown.classList.remove("over");
    if (shown.dataset.state === line.dataset.state) continue;
    shown.dataset.state = line.dataset.state;
    shown.className = line.className;
    shown.querySelector("a").innerHTML = line.querySelector("a").innerHTML;
  }
  const news = there.filter((line) => !here.has(line.dataset.line)).length;
  fresh = got.text;
  if (whole || !waitingLines().length) await showFresh();
  else offer(news);
  showSelection();
}

function offer(news) {
  const button = document.getElementById("news");
  button.hidden = !news;
  button.textContent = news ? `${news} new, show` : "";
}

async function showFresh() {
  whole = false;
  if (fresh) await put(fresh, "queue", "outerMorph");
  for (const line of lines()) if (over.has(line.dataset.line)) strike(line);
  offer(0);
  showSelection();
  if (WIDE.matches && !lineOf(wanted) && (!wanted || isOver())) await selectFirst();
}

const isOver = () => !document.querySelector("#pane [data-decide], #pane [data-group]");

async function selectFirst() {
  const first = waitingLines()[0];
  const quiet = document.activeElement === document.body; // nobody has begun here
  if (first) await select(first.dataset.line, { quiet });
}

async function takePane(got, id) {
  const same = pane().dataset.shows === id;
  await put(got.text, "pane", same ? "outerMorph" : "outerHTML");
  const shown = pane();
  shown.classList.remove("leaving");
  if (!same) shown.scrollTop = 0;
  if (over.has(id)) closePane(id);
}

// Another line: its request stands in the pane as soon as it is there.
async function select(id, { chosen = false, focus = false, quiet = false } = {}) {
  const had = wanted;
  wanted = id;
  showSelection();
  leaveEnded(had);
  lineOf(id)?.scrollIntoView({ block: "nearest" });
  if (focus) lineOf(id)?.querySelector("a").focus({ preventScroll: true });
  pane().classList.add("leaving");
  const got = await fetchInbox(id);
  if (wanted !== id) return;
  if (!got) {
    pane().classList.remove("leaving");
    say(NOT_FETCHED);
    return;
  }
  say("");
  const inside = pane().contains(document.activeElement) || document.activeElement === document.body;
  await takePane(got, id);
  const inbox = document.getElementById("inbox");
  inbox.dataset.selected = id;
  if (chosen && !inbox.classList.contains("chosen")) history.pushState({ chosen: true }, "", addressOf(id));
  else if (chosen || inbox.classList.contains("chosen")) history.replaceState({ chosen: true }, "", addressOf(id));
  if (chosen) inbox.classList.add("chosen");
  if (!quiet && (inside || !WIDE.matches)) pane().querySelector("h1, .empty")?.focus({ preventScroll: true });
  await takeList(got);
}

// An ended line keeps its height until the selection leaves it and the pointer is elsewhere.
function leaveEnded(id) {
  const line = lineOf(id);
  if (line?.classList.contains("over") && !document.getElementById("list").matches(":hover, :focus-within")) line.remove();
}

// The next line that waits, else the one before; the list as it is now where none is left.
async function goOnAfter(id) {
  const all = lines();
  const place = all.findIndex((line) => line.dataset.line === id);
  const waits = (line) => !line.classList.contains("over") && line.dataset.line !== id;
  const next = all.slice(place + 1).find(waits) ?? all.slice(0, Math.max(place, 0)).reverse().find(waits);
  if (next && WIDE.matches) await select(next.dataset.line);
  else if (next) await select(next.dataset.line, { chosen: true });
  else if (!WIDE.matches) back();
  else {
    wanted = "";
    await rung();
    if (!wanted) document.getElementById("queue-title").focus({ preventScroll: true });
  }
}

function closePane(id) {
  if (pane().dataset.shows !== id) return;
  document.getElementById(`request-${id}`)?.classList.add("over");
  guardButtons();
}

function back() {
  document.getElementById("inbox").classList.remove("chosen");
  const line = lineOf(wanted);
  wanted = "";
  history.replaceState({}, "", addressOf(""));
  showSelection();
  (line?.querySelector("a") ?? document.getElementById("search")).focus();
  rung();
}

// For who does not see the page: what came, in one sentence.
function announce() {
  if (!arrived.length) return;
  const news = arrived.splice(0);
  const now = Date.now() + skew;
  const soon = news.filter((one) => one.at - now < SOON_MS).sort((one, other) => one.at - other.at);
  const first = news.length > 1 ? `${news.length} new requests` : `New request: ${news[0].kind} of ${news[0].agent}`;
  const left = soon.length ? `, ${soon.length > 1 ? `${soon.length} expire, the first` : "it expires"} in ${duration(Math.max(0, Math.ceil((soon[0].at - now) / 1000)))}` : "";
  document.getElementById("arrivals").textContent = first + left;
}

// What live.js calls when the page was rung: true when what is shown is as the server has it.
async function takeInbox() {
  const id = wanted;
  const got = await fetchInbox(id);
  if (!got) return false;
  if (wanted === id && id && pane().dataset.shows === id) await takePane(got, id);
  if (!wanted && !id) await put(got.text, "pane", "outerMorph");
  await takeList(got);
  if (WIDE.matches && !wanted) await selectFirst();
  return true;
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("#lines a, #pane .back");
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  if (link.matches(".back")) back();
  else select(link.closest(".line").dataset.line, { chosen: true });
});
document.addEventListener("click", (event) => { if (event.target.id === "news") showFresh(); });
addEventListener("popstate", () => location.reload());
document.addEventListener("change", (event) => {
  if (!event.target.matches("#together input[type=checkbox]")) return;
  const count = document.querySelectorAll("#together input[type=checkbox]:checked").length;
  for (const said of document.querySelectorAll("#together [data-count]")) said.textContent = count;
});
document.addEventListener("htmx:ws:after:message:incoming", (event) => {
  const text = event.detail.message.data;
  if (!text.startsWith("{")) return;
  const said = JSON.parse(text);
  if (said.came) {
    over.delete(said.came.id);
    arrived.push(said.came);
    setTimeout(announce, 1000);
  }
  if (said.went) {
    over.add(said.went.id);
    const line = lineOf(said.went.id);
    if (line) strike(line);
    closePane(said.went.id);
  }
});
document.addEventListener("telemetry:connection", () => {
  if (root.dataset.connection !== "live") whole = true;
  for (const button of document.querySelectorAll("[data-group]")) button.disabled = root.dataset.connection !== "live";
});
document.addEventListener("htmx:finally:request", (event) => {
  const id = requestIn(event);
  if (id && event.detail.ctx.response?.status === 200 && wanted === id) goOnAfter(id);
});
if (WIDE.matches && !wanted) selectFirst();
