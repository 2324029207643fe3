// The address follows what is shown, and what is shown follows the address: from a request the list is one step back.
"use strict";

let shownAt = location.search; // of what is shown

function addressOf(id) {
  const address = new URL(location.href);
  if (id) address.searchParams.set("selected", id);
  else address.searchParams.delete("selected");
  return address;
}

// The parts of an address that say which list it is.
function bare(search) {
  const said = new URLSearchParams(search);
  said.delete("selected");
  return said.toString();
}

// The address follows what is shown. `how`: pushState, from the list, or replaceState.
function goTo(id, how) {
  history[how]({ listBefore: how === "pushState" || Boolean(history.state?.listBefore) }, "", addressOf(id));
  shownAt = location.search;
}

// One step for the browser too, however many requests were looked at since the list. The list is there at once: a
// second press is none on the way back.
function back() {
  showList();
  if (history.state?.listBefore) history.back();
  else goTo("", "replaceState");
}

function showList() {
  document.getElementById("inbox").classList.remove("chosen");
  const line = lineOf(wanted);
  [wanted, coming, shownAt] = ["", null, addressOf("").search];
  showSelection();
  (line?.querySelector("a") ?? document.getElementById("queue-title")).focus();
  rung();
}

addEventListener("popstate", () => {
  if (location.search === shownAt) return; // it only jumped within the page
  if (bare(location.search) !== bare(shownAt)) return location.reload();
  const id = new URLSearchParams(location.search).get("selected");
  if (!id) return showList();
  shownAt = location.search;
  document.getElementById("inbox").classList.add("chosen");
  select(id);
});
