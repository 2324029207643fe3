// An answer by one key: what may be answered, and why not.
"use strict";

let denies = false; // the reason was opened to deny

const reasonField = () => document.querySelector("#pane textarea[name^=reason-]");
const answerButton = (name) => document.querySelector(`#pane [data-decide].${name}`);
const paneIsSelected = () => pane().dataset.shows === wanted && !pane().classList.contains("leaving");

function write(toDeny) {
  denies = toDeny;
  openAnswer();
  reasonField()?.focus();
}

// Why a key answers nothing: a sentence, and '' where it may.
function whyNot(name) {
  const [button, card] = [answerButton(name), pane().querySelector(".card")];
  if (!wanted || !card) return "choose a request first.";
  if (card.matches(".alike:has([data-group])")) return "these stand together. Shift and a approves them; their buttons are below.";
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

const press = (name) => { if (mayAnswer(name)) answerButton(name).click(); };

// What an approval must bring and does not yet is where the key leads: without it, it could only be refused.
function approve() {
  if (!mayAnswer("approve")) return;
  const lacking = [...pane().querySelectorAll(".answer [data-needed]")].find((field) => (field.type === "checkbox" ? !field.checked : !field.value));
  if (!lacking) return press("approve");
  openAnswer();
  lacking.focus();
}

function deny() {
  if (!mayAnswer("deny")) return;
  if (hasReason()) press("deny");
  else write(true);
}
