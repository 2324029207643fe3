// The answer to the request that is looked at. On a narrow screen it is small until somebody uses it: what is asked has
// the room. Where a key answers nothing, the page says why.
"use strict";

const begun = new Set(); // requests whose answer somebody has opened

const answerBar = () => document.querySelector("#pane .answer:has([data-open-answer])");
const opener = (bar) => bar.querySelector("[data-open-answer]");

// What is filled in already is never sent unseen.
const isFilledIn = (bar) => [...bar.querySelectorAll("textarea, input[type=text]")].some((field) => field.value)
  || bar.querySelector("input:checked") !== null;

function foldAnswer() {
  const bar = answerBar();
  if (!bar) return;
  const open = WIDE.matches || begun.has(requestOf(bar)) || isFilledIn(bar);
  if (opener(bar).hidden !== WIDE.matches) opener(bar).hidden = WIDE.matches;
  if (opener(bar).ariaExpanded !== String(open)) opener(bar).ariaExpanded = String(open);
  if (bar.classList.contains("small") === open) bar.classList.toggle("small", !open);
}

function openAnswer() {
  const bar = answerBar();
  if (bar) begun.add(requestOf(bar));
  foldAnswer();
}

// Why a key answers nothing: a sentence, and '' where it may.
function whyNot(name) {
  const [button, card] = [answerButton(name), pane().querySelector(".card")];
  if (!wanted || !card) return "choose a request first.";
  if (card.matches(".alike")) return "these stand together. Shift and a approves them; their buttons are below.";
  if (card.matches(".over, [class*=over-]")) return "this request has ended.";
  if (card.matches(".due")) return "the time of this request is up.";
  if (name === "approve" && (card.querySelector(".approving") || isHeldHere(wanted))) return "your approval is held. z takes it back.";
  if (name === "approve" && card.matches(".unread")) return "Approve opens when the end of the text has been on your screen.";
  return button ? "" : pane().querySelector(".barred")?.textContent ?? "there is nothing to answer here.";
}

// True where a key may answer what is shown; else the page says why not.
function mayAnswer(name) {
  if (wanted && !paneIsSelected()) return false; // it is on its way
  const why = whyNot(name);
  if (why) tellWhyNot(why);
  return !why;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("#pane .answer button");
  const small = button?.closest(".small");
  if (button?.matches("[data-open-answer]")) {
    if (small) openAnswer();
    else {
      begun.delete(requestOf(button));
      foldAnswer();
    }
  } else if (small && button.matches("[data-more]")) {
    event.preventDefault(); // it could only be refused: what it needs is not on the screen
    openAnswer();
  }
}, true);
WIDE.addEventListener("change", foldAnswer);
new MutationObserver(foldAnswer).observe(document.getElementById("main"),
  { childList: true, subtree: true, attributes: true, attributeFilter: ["class", "hidden", "aria-expanded"] });
foldAnswer();
