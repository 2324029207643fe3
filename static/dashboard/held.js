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
  for (const held of document.querySelectorAll(`[data-held="${id}"]`)) {
    held.classList.add("released");
    held.classList.toggle("refused", lost);
    const doing = held.querySelector("[data-doing]");
    if (doing) doing.textContent = lost ? "Not approved:" : word;
    held.querySelector("[data-until]").textContent = lost || !doing ? `${word}${by && by !== "system" ? ` by ${by}` : ""}${lost ? ": that approval did not count" : ""}.` : "";
    const undo = held.querySelector("[data-undo]");
    if (undo) undo.hidden = true;
  }
}

// What is held is said once, with one Undo: in the strip, where that has it, and else beside the request.
function sayOnce() {
  for (const held of document.querySelectorAll(".card [data-held]")) {
    const said = Boolean(document.querySelector(`#notices [data-held="${held.dataset.held}"]`));
    if (held.hidden !== said) held.hidden = said;
  }
}

new MutationObserver(sayOnce).observe(document.getElementById("main"),
  { childList: true, subtree: true, attributes: true, attributeFilter: ["hidden"] });
setInterval(countHeld, 250);
