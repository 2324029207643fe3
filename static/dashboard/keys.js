// One key alone: only while the page is live, never while somebody writes, and only if this person wants it.
"use strict";

const dialog = document.getElementById("keys");
let before = ""; // the first of two keys

function step(by) {
  const next = lineFrom(wanted, by);
  if (next) select(next.dataset.line, { chosen: WIDE.matches, focus: WIDE.matches });
  else toLine();
}

// The group that is looked at, or what was selected: its page asks once more.
function together() {
  const form = document.getElementById("together");
  if (form && paneIsSelected()) form.querySelector("[data-group].approve")?.click();
  else if (marked.size) sendMarked();
}

function sendMarked() {
  const form = document.getElementById("decide").cloneNode(true);
  form.removeAttribute("id");
  for (const name of form.getAttributeNames()) if (name.startsWith("hx-")) form.removeAttribute(name);
  for (const value of marked) form.append(Object.assign(document.createElement("input"), { type: "hidden", name: "id", value }));
  form.action = "/approvals/together/";
  document.body.append(form);
  form.submit();
}

function mark() {
  const box = document.activeElement?.closest("tr")?.querySelector("input[type=checkbox]");
  if (box) {
    box.click();
    return;
  }
  if (!wanted || wanted.startsWith("alike-")) return;
  if (!marked.delete(wanted)) marked.add(wanted);
  showSelection();
  tellPassing(marked.size ? `${marked.size} selected: Shift and a approves them, Esc lets them go.` : "None is selected any more.");
}

function leave() {
  if (marked.size || marking) stopMarking();
  else if (!WIDE.matches && document.getElementById("inbox").classList.contains("chosen")) back();
  else toLine();
}

// Wherever the focus is, the request is read on: a long text in it, once its end is on the screen, and then the rest.
function readOn(event) {
  if (!WIDE.matches || event.target.closest("button, summary, input, .long, pre")) return;
  event.preventDefault();
  const way = event.shiftKey ? -1 : 1;
  const edge = pane().querySelector(".answer")?.getBoundingClientRect().top ?? innerHeight;
  const unread = [...pane().querySelectorAll(".claim :is(.long, pre)")].find((text) => {
    const { bottom } = text.getBoundingClientRect();
    const left = way > 0 ? text.scrollHeight - text.clientHeight - text.scrollTop : text.scrollTop;
    return left > 2 && bottom > 0 && bottom <= edge;
  });
  if (unread) unread.scrollBy({ top: 0.9 * way * unread.clientHeight });
  else pane().scrollBy({ top: 0.6 * way * pane().clientHeight }); // what the answer covers is no part of it
}

// Of the request that is looked at, else of the last approval.
const undoOf = (held) => document.querySelector(`${held}:not(.released) [data-undo]`);

const KEYS = {
  j: () => step(1),
  k: () => step(-1),
  a: approve,
  d: deny,
  r: () => { if (mayAnswer("deny")) write(false); },
  x: mark,
  A: together,
  e: unfold,
  h: () => { if (paneIsSelected()) pane().querySelector("[data-hand-over]")?.click(); },
  n: () => document.querySelector("#news:not([hidden])")?.click(),
  o: () => { if (wanted && !wanted.startsWith("alike-")) location.assign(`/approvals/${wanted}/`); },
  "/": () => document.getElementById("search").focus(),
  ...Object.fromEntries([..."123456789"].map((digit) => [digit, () => { if (paneIsSelected()) choosePreset(digit - 1); }])),
  z: () => (undoOf(`[data-held="${wanted}"]`) ?? undoOf("[data-held]"))?.click(),
};
const GO = { i: "/", a: "/agents/" };

const writes = (element) => element?.matches("textarea, select, input:not([type=checkbox], [type=radio])");

function pressed(event) {
  const { key } = event;
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || dialog.open) return;
  if (writes(event.target)) {
    if (key === "Escape") {
      event.preventDefault();
      event.target.blur();
      (lineOf(wanted)?.querySelector("a") ?? pane().querySelector("h1"))?.focus({ preventScroll: true });
    }
    return;
  }
  if (key === "?") dialog.showModal();
  else if (key === "Escape") leave();
  else if (key === " ") readOn(event);
  else if (!dialog.hasAttribute("data-on")) return;
  else if (root.dataset.connection !== "live") {
    if ("adAz".includes(key)) tellWhyNot("this page is not live.");
  } else if (!event.repeat) {
    const act = before === "g" && GO[key] ? () => location.assign(GO[key]) : KEYS[key];
    before = key;
    if (!act) return;
    event.preventDefault();
    act();
  }
}

document.addEventListener("keydown", pressed);
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.target !== reasonField() || !denies) return;
  event.preventDefault();
  press("deny");
});
