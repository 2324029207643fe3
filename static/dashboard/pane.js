// The request that is looked at: the one of the selected line, and after an answer that of the next.
"use strict";

let coming = null; // the line whose request is on its way, and how it was selected; late: it could not be fetched
const isOver = () => !document.querySelector("#pane [data-decide], #pane [data-group]");

// The next line that waits, by 1 or -1, from that of a request; undefined where there is none.
function lineFrom(id, by, fits = waits) {
  const all = lines();
  const place = all.findIndex((line) => line.dataset.line === id);
  return by > 0 ? all.slice(place + 1).find(fits) : all.slice(0, Math.max(place, 0)).findLast(fits);
}

async function selectFirst() {
  const first = lines().find(isOpen);
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
  const mine = { id, chosen, quiet, late: false };
  for (const said of document.querySelectorAll("#notices .passing")) said.remove(); // it was about what was shown
  [wanted, coming] = [id, mine];
  showSelection();
  leaveEnded(had);
  lineOf(id)?.scrollIntoView({ block: "nearest" });
  if (focus) lineOf(id)?.querySelector("a").focus({ preventScroll: true });
  pane().querySelector(":scope > .empty")?.replaceChildren("This request is on its way.");
  pane().classList.add("leaving"); // what is shown is not what is selected, so nothing there takes a press
  guardButtons();
  const got = await fetchInbox(id);
  if (coming !== mine || wanted !== id) return;
  if (!got) {
    mine.late = true;
    say(NOT_FETCHED);
    rung(); // until it is there, or another is chosen
    return;
  }
  say("");
  await arrive(got);
  await takeList(got);
}

async function arrive(got) {
  const { id, chosen, quiet } = coming;
  coming = null;
  const inside = pane().contains(document.activeElement) || document.activeElement === document.body;
  await takePane(got, id);
  const inbox = document.getElementById("inbox");
  inbox.dataset.selected = id;
  if (chosen && !inbox.classList.contains("chosen")) goTo(id, "pushState");
  else if (inbox.classList.contains("chosen")) goTo(id, "replaceState");
  if (chosen) inbox.classList.add("chosen");
  if (!quiet && (inside || !WIDE.matches)) pane().querySelector("h1, .empty")?.focus({ preventScroll: true });
}

// An ended line keeps its height until the selection leaves it and the pointer is elsewhere.
function leaveEnded(id) {
  const line = lineOf(id);
  if (line?.classList.contains("over") && !document.getElementById("list").matches(":hover, :focus-within")) line.remove();
}

// The next line that waits, else the one before; the list as it is now where none is left.
async function goOnAfter(id) {
  const next = lineFrom(id, 1, isOpen) ?? lineFrom(id, -1, isOpen);
  const focus = Boolean(lineOf(id)?.contains(document.activeElement)); // who is on the list hears which is next
  if (next) await select(next.dataset.line, { chosen: !WIDE.matches, focus });
  else if (!WIDE.matches) back();
  else if (!isHeldHere(id)) {
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
