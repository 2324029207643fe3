// What a person typed or must hear: reasons outlive the page, notices leave, the focus goes on.
"use strict";

const NOTICE_MS = 10000;
const DRAFT = "reason of ";
const SENT = "reason sent with a held approval of ";
const WHOSE = "whose reasons these are";

// A new notice takes the place of the old ones, but for what can yet be taken back, or is on its way.
function makeRoom(request = "") {
  for (const said of [...document.getElementById("notices").children]) {
    const stays = said.matches("[data-held]:not(.released), .held.refused, [data-sending]");
    if (!stays || (request && said.dataset.held === request)) said.remove();
  }
}

function notice(text, kind = "unsure") {
  makeRoom();
  const said = Object.assign(document.createElement("p"), { className: `notice ${kind}`, textContent: text });
  document.getElementById("notices").prepend(said);
}

// An approval that can yet be taken back keeps its place, and says this too.
function tellPassing(text) {
  const held = document.querySelector("#notices [data-held]:not(.released)");
  if (!held) return notice(text, "unsure passing");
  held.querySelector(".passing")?.remove();
  held.querySelector("[data-until]").after(Object.assign(document.createElement("span"), { className: "passing", textContent: ` ${text}` }));
}

// A press that was not taken is no riddle, and no word on an answer gives way to this one.
function notAimedAt() {
  if (!document.querySelector("#notices .notice:not(.held)")) tellPassing("That press was not taken: the button had only just come there. Press it again.");
}

// A key that answers nothing says why.
const tellWhyNot = (why) => tellPassing(`Nothing was sent: ${why}`);

// What one person typed is nobody else's reason who signs in after them.
function forgetOthers() {
  const name = document.querySelector(".who .name")?.textContent ?? "";
  if (sessionStorage.getItem(WHOSE) !== name) sessionStorage.clear();
  sessionStorage.setItem(WHOSE, name);
}

// A reason that somebody types outlives the page, the connection and the request.
function keepDrafts() {
  for (const field of document.querySelectorAll("textarea[name^=reason-]")) {
    const kept = sessionStorage.getItem(DRAFT + requestOf(field));
    if (kept && !field.value && field !== document.activeElement) field.value = kept;
  }
  for (const card of document.querySelectorAll(".card[class*=over][id]")) {
    const kept = sessionStorage.getItem(DRAFT + requestOf(card));
    if (!kept || card.querySelector(".draft")) continue;
    const said = Object.assign(document.createElement("p"), { className: "draft" });
    const words = Object.assign(document.createElement("q"), { textContent: kept });
    said.append("Your reason was not sent: ", words);
    card.append(said);
  }
}

function moveDraft(request, from, to) {
  const kept = sessionStorage.getItem(from + request);
  if (kept && to) sessionStorage.setItem(to + request, kept);
  sessionStorage.removeItem(from + request);
}

function tidy() {
  for (const said of document.querySelectorAll("#notices :is(.done, .passing, .released:not(.refused))")) {
    said.dataset.seen ??= Date.now();
    if (Date.now() - said.dataset.seen > NOTICE_MS) said.remove();
  }
}

// Whoever answered by keyboard goes on where they were: the inbox shows the next one.
function goOn(request) {
  if (document.getElementById("inbox")) return;
  if (document.activeElement !== document.body && document.activeElement?.closest(".card")?.id !== `request-${request}`) return;
  document.querySelector(".approval h1")?.focus({ preventScroll: true });
}

document.addEventListener("input", (event) => {
  if (event.target.name?.startsWith("reason-")) sessionStorage.setItem(DRAFT + requestOf(event.target), event.target.value);
});
document.addEventListener("htmx:after:request", (event) => {
  const request = requestIn(event);
  if (!request) return;
  makeRoom(request);
  if (wasAnswer(event)) moveDraft(request, DRAFT);
  else if (statusOf(event) === 202) moveDraft(request, DRAFT, SENT);
  else if (wasUndo(event)) moveDraft(request, SENT, DRAFT);
});
document.addEventListener("htmx:finally:request", (event) => { if (requestIn(event)) goOn(requestIn(event)); });
document.addEventListener("htmx:error", (event) => {
  const request = requestIn(event);
  if (request) notice(`No answer from the site${sending.has(request) ? `: ${sending.get(request)}` : ""}. The request shows what is true once the page is live again.`);
});
new MutationObserver(keepDrafts).observe(document.getElementById("main"), { childList: true, subtree: true });
setInterval(tidy, 500);
forgetOthers();
keepDrafts();
// A live region says changes alone: another says what the page came with.
const cameWith = document.getElementById("notices").textContent.replace(/\s+/g, " ").trim();
const aloud = document.getElementById("arrivals");
if (cameWith && aloud) setTimeout(() => { aloud.textContent = cameWith; }, 500);
