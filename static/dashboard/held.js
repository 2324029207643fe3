// An approval that is held: counts down to its release, and offers Undo until then.
"use strict";

function countHeld() {
  const now = Date.now() + skew;
  for (const held of document.querySelectorAll("[data-held]:not(.released)")) {
    const time = held.querySelector("[data-release]");
    const left = Math.ceil((time.dataset.release - now) / 1000);
    time.textContent = duration(Math.max(0, left));
    if (left > 0) continue;
    held.classList.add("released");
    held.querySelector("[data-until]").textContent = `The ${held.matches("form") ? "agents are" : "agent is"} being told.`;
    held.querySelector("[data-undo]").hidden = true;
  }
}

// Its request has ended: what it said of the agent is over. Where another was faster, its person hears that.
function endHeld({ id, word, by, status }) {
  const lost = status !== "approved";
  for (const held of document.querySelectorAll(`[data-held="${id}"], [data-voided="${id}"]`)) {
    if (held.dataset.voided && !lost) continue; // that was another approval
    held.classList.add("released", "told");
    held.classList.toggle("refused", lost);
    const doing = held.querySelector("[data-doing]");
    if (doing) doing.textContent = lost ? "Not approved:" : word;
    held.querySelector("[data-until]").textContent = lost || !doing ? `${word}${by && by !== "system" ? ` by ${by}` : ""}${lost ? ": that approval did not count" : ""}.` : "";
    const undo = held.querySelector("[data-undo]");
    if (undo) undo.hidden = true;
  }
}

// A request's own page hears of no end, and shows it.
function endShown() {
  for (const held of document.querySelectorAll("#notices [data-held]:not(.told)")) {
    const card = document.querySelector(`#request-${held.dataset.held}[class*=over-]`);
    const outcome = card?.querySelector(":scope > header .outcome");
    if (!outcome) continue;
    const status = outcome.classList.contains("approved") ? "approved" : "";
    endHeld({ id: held.dataset.held, word: outcome.textContent, by: card.querySelector(".how b")?.textContent, status });
  }
}

// Its approval was taken away at the release, as the record says on the request's page, and the request waits on. It is
// held no more, so it can be answered again.
function endVoided(page) {
  for (const held of document.querySelectorAll("#notices [data-held][data-decision]:not(.refused)")) {
    const step = page.querySelector(`[data-void="${held.dataset.decision}"]`);
    if (!step) continue;
    held.classList.add("released", "refused");
    held.querySelector("[data-doing]").textContent = "Not approved:";
    held.querySelector("[data-until]").textContent = step.querySelector("span").textContent;
    held.querySelector("[data-undo]").hidden = true;
    held.dataset.voided = held.dataset.held;
    delete held.dataset.held;
  }
}

// What is held is said once, with one Undo: in the strip, where that has it, and else beside the request.
function sayOnce() {
  for (const held of document.querySelectorAll(".card [data-held]")) {
    const said = Boolean(document.querySelector(`#notices [data-held="${held.dataset.held}"]`));
    if (held.hidden !== said) held.hidden = said;
  }
}

function settle() {
  endShown();
  endVoided(document);
  sayOnce();
}

new MutationObserver(settle).observe(document.getElementById("main"),
  { childList: true, subtree: true, attributes: true, attributeFilter: ["hidden"] });
setInterval(countHeld, 250);
