// A ring says that what this page shows has changed. The page then fetches itself by its own address.
"use strict";

const FETCH_MS = 20000;
const AGAIN_MS = 3000;
const REST = 4; // for so many times as long as a fetch took, none follows: a slow server gets air
const LONGEST_REST_MS = 5000;
const NOT_FETCHED = "The newest state could not be fetched. Trying again.";
let fetching = false;
let owed = false; // a ring came that no fetch has answered yet

function say(text) {
  const notices = document.getElementById("notices");
  const said = notices.querySelector("[data-not-fetched]");
  if (!text || root.dataset.connection === "signed-out") said?.remove();
  else if (!said) {
    const notice = Object.assign(document.createElement("p"), { className: "notice unsure", textContent: text });
    notice.dataset.notFetched = "";
    notices.append(notice);
  }
}

// A page of the site as it is now; that of somebody who is signed out leads elsewhere.
async function getPage(address, headers = {}) {
  const options = { cache: "no-store", redirect: "manual", headers, signal: AbortSignal.timeout(FETCH_MS) };
  const answer = await fetch(address, options);
  if (answer.type === "opaqueredirect") setConnection("signed-out");
  return { answer, text: await answer.text() };
}

// True when the region is as the server has it; a page that may not be seen any more is left to its socket.
async function fetchRegion() {
  try {
    if (document.getElementById("inbox")) return await takeInbox(); // it holds still: what comes waits
    const { answer, text } = await getPage(location.href);
    const target = document.querySelector("[data-doorbell]");
    if (!answer.ok || !text.includes(`id="${target.id}"`)) return false;
    await htmx.swap({ text, target, sourceElement: target, select: `#${target.id}`, swap: "outerMorph" });
    return true;
  } catch {
    return false;
  }
}

async function rung() {
  if (!document.querySelector("[data-doorbell]")) return; // the address was refused: there is nothing to fetch
  owed = true;
  if (fetching) return;
  fetching = true;
  while (owed && !document.hidden && root.dataset.connection !== "signed-out") {
    owed = false;
    const started = Date.now();
    const fetched = await fetchRegion();
    owed ||= !fetched;
    say(fetched ? "" : NOT_FETCHED);
    const rest = Math.min(REST * (Date.now() - started), LONGEST_REST_MS);
    await new Promise((resolve) => { setTimeout(resolve, fetched ? rest : AGAIN_MS); });
  }
  fetching = false;
}

document.addEventListener("telemetry:said", (event) => { if (event.detail.ring) rung(); });
// A hidden page fetches nothing; it does when somebody looks at it again.
document.addEventListener("visibilitychange", () => { if (owed) rung(); });
