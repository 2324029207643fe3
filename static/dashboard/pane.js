// The request that is looked at: the one of the selected line, and after an answer that of the next.
"use strict";

let shownAt = location.search; // of what is shown
const isOver = () => !document.querySelector("#pane [data-decide], #pane [data-group]");

function addressOf(id) {
  const address = new URL(location.href);
  if (id) address.searchParams.set("selected", id);
  else address.searchParams.delete("selected");
  return address;
}

// The next line that waits, by 1 or -1, from that of a request; undefined where there is none.
function lineFrom(id, by) {
  const all = lines();
  const place = all.findIndex((line) => line.dataset.line === id);
  return by > 0 ? all.slice(place + 1).find(waits) : all.slice(0, Math.max(place, 0)).findLast(waits);
}

// The address follows what is shown. `how`: pushState or replaceState.
function goTo(id, how) {
  history[how]({}, "", addressOf(id));
  shownAt = location.search;
}

async function selectFirst() {
  const first = waitingLines()[0];
  const quiet = document.activeElement === document.body; // nobody has begun here
  if (first) await select(first.dataset.line, { quiet });
}

async function takePane(got, id) {
  const same = pane().dataset.shows === id;
  if (same) await put(got.text, "pane", "outerMorph");
  else pane().replaceWith(document.importNode(got.page.getElementById("pane"), true));
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
    rung(); // until it is there, or another is chosen
    return;
  }
  say("");
  const inside = pane().contains(document.activeElement) || document.activeElement === document.body;
  await takePane(got, id);
  const inbox = document.getElementById("inbox");
  inbox.dataset.selected = id;
  if (chosen && !inbox.classList.contains("chosen")) goTo(id, "pushState");
  else if (inbox.classList.contains("chosen")) goTo(id, "replaceState");
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
  const next = lineFrom(id, 1) ?? lineFrom(id, -1);
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
  goTo("", "replaceState");
  showSelection();
  (line?.querySelector("a") ?? document.getElementById("search")).focus();
  rung();
}
