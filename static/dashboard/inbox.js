// The list of the inbox: one line is selected by its id, what comes waits until it is asked for, what ends keeps its place.
"use strict";

const WIDE = matchMedia("(width >= 62rem)");
const SOON_MS = 120000;
const over = new Set(); // lines that are known to have ended
const marked = new Set(); // lines that were selected with x
const arrived = []; // requests that nobody was told of yet
let crowd = 0; // how many more came, too many at once to name them
let wanted = document.getElementById("inbox").dataset.selected; // the line that is selected
let fresh = ""; // the list as the server has it, where that is another one
let fetches = 0; // how many began
let applied = 0; // the last of them whose list is shown
let whole = false; // the list is to be taken as it is: the page was away

const lines = () => [...document.querySelectorAll("#lines > .line")];
const waits = (line) => !line.classList.contains("over");
const isOpen = (line) => waits(line) && !isHeldHere(line.dataset.line); // to be answered by this person yet
const waitingLines = () => lines().filter(waits);
const lineOf = (id) => lines().find((line) => line.dataset.line === id);
const toLine = () => (lineOf(wanted) ?? lines()[0])?.querySelector("a").focus({ preventScroll: true });
const pane = () => document.getElementById("pane");

// The list and the request of an address; null where it cannot be had now.
async function fetchInbox(id) {
  const number = (fetches += 1);
  try {
    const { answer, text } = await getPage(addressOf(id), { "X-Part": "inbox" });
    const here = answer.ok || answer.status === 400; // an address that asks for no list that there is has all of it
    if (!here || !text.includes('id="inbox"')) return null;
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
    line.classList.toggle("marked", marked.has(line.dataset.line));
  }
  sayMarked();
}

// `went` is how it ended, where that is known.
function strike(line, went) {
  line.classList.add("over");
  if (!went || line.querySelector(".ended-as")) return;
  const said = document.createElement("b");
  said.className = "ended-as";
  said.textContent = went.by && went.by !== "system" ? `${went.word} by ${went.by}` : went.word;
  line.querySelector(".facts-line").prepend(said, " ");
}

// What is not on the server's list any more is struck through; what is new there waits.
async function takeList(got) {
  if (got.number < applied) return;
  applied = got.number;
  await put(got.text, "groups", "outerMorph");
  document.querySelector("#decide [name=back]").setAttribute("value", document.getElementById("groups").dataset.onward);
  const here = new Map(lines().map((line) => [line.dataset.line, line]));
  const there = [...got.page.querySelectorAll("#lines > .line")].filter((line) => !over.has(line.dataset.line));
  const ids = new Set(there.map((line) => line.dataset.line));
  for (const [id, line] of here) if (!ids.has(id)) strike(line);
  for (const line of there) {
    const shown = here.get(line.dataset.line);
    if (!shown) continue;
    shown.classList.remove("over");
    shown.querySelector(".ended-as")?.remove();
    if (shown.dataset.state === line.dataset.state) continue;
    shown.dataset.state = line.dataset.state;
    shown.className = line.className;
    shown.querySelector("a").replaceChildren(...line.querySelector("a").cloneNode(true).childNodes);
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
  const hand = document.activeElement;
  if (fresh) await put(fresh, "queue", "outerMorph");
  for (const line of lines()) if (over.has(line.dataset.line)) line.remove(); // the list is older than that word
  offer(0);
  showSelection();
  if (hand.id === "news" || !hand.isConnected) toLine(); // what had the focus is gone
  if (WIDE.matches && !lineOf(wanted) && (!wanted || isOver())) await selectFirst();
}

// What live.js calls when the page was rung: true when what is shown is as the server has it.
async function takeInbox() {
  const id = wanted;
  const got = await fetchInbox(id);
  if (!got) return false;
  if (wanted === id && coming?.late) await arrive(got);
  else if (wanted === id && id && !coming) await takePane(got, id);
  if (!wanted && !id) await put(got.text, "pane", "outerMorph");
  await takeList(got);
  if (WIDE.matches && !wanted) await selectFirst();
  await askOfReleased(got.page);
  await askOfTogether();
  return true;
}
