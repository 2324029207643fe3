// On a narrow screen the answer is small until somebody uses it: what is asked has the room.
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
