// What the inbox hears and is told: hands, the socket, and answers that came back.
"use strict";

// For who does not see the page: what came, in one sentence.
function announce() {
  const news = arrived.splice(0);
  const many = news.length + crowd;
  crowd = 0;
  if (!many) return;
  const now = Date.now() + skew;
  const soon = news.filter((one) => one.at - now < SOON_MS).sort((one, other) => one.at - other.at);
  const first = many > 1 ? `${many} new requests` : `New request: ${news[0].kind} of ${news[0].agent}`;
  const left = soon.length ? `, ${soon.length > 1 ? `${soon.length} expire, the first` : "it expires"} in ${duration(Math.max(0, Math.ceil((soon[0].at - now) / 1000)))}` : "";
  document.getElementById("arrivals").textContent = first + left;
}

// What somebody looks at was answered elsewhere, or ended by itself.
function sayEnd({ id, kind, agent, word, by }) {
  if (id !== wanted || sending.has(id) || document.querySelector(`#notices [data-held="${id}"]`)) return;
  document.getElementById("arrivals").textContent = `${kind} of ${agent} has ended: ${word}${by && by !== "system" ? ` by ${by}` : ""}`;
}

// What was held by this page and is no more, with no word yet on how its request ended: was the approval taken away?
async function askOfReleased(page) {
  for (const held of document.querySelectorAll("#notices [data-held][data-decision]:not(.told)")) {
    if (page.querySelector(`#line-${held.dataset.held} .mark-held`)) continue;
    const { text } = await getPage(held.querySelector("[data-undo]").formAction.replace(/undo\/$/, ""));
    endVoided(new DOMParser().parseFromString(text, "text/html"));
  }
}

// Of many that were approved together the site says which are held yet, and which did not count and why.
async function askOfTogether() {
  const strip = document.querySelector("#notices [data-became]:not(.told)");
  if (!strip) return;
  const asked = new URLSearchParams([...strip.querySelectorAll("[name=id], [name=of], [name=back]")].map(({ name, value }) => [name, value]));
  const { answer, text } = await getPage(`${strip.dataset.became}?${asked}`);
  if (answer.ok && strip.isConnected) await htmx.swap({ text, target: strip, sourceElement: strip, select: ".held", swap: "outerMorph" });
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("#lines a, #pane .back, #pane [data-alone]");
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  if (link.matches(".back")) back();
  else select(link.dataset.alone ?? link.closest(".line").dataset.line, { chosen: true });
});
document.addEventListener("click", (event) => { if (event.target.id === "news") showFresh(); });
document.addEventListener("change", (event) => {
  if (!event.target.matches("#together input[type=checkbox]")) return;
  const count = document.querySelectorAll("#together input[type=checkbox]:checked").length;
  for (const said of document.querySelectorAll("#together [data-count]")) said.textContent = count;
});
document.addEventListener("telemetry:said", ({ detail: said }) => {
  if (said.came) over.delete(said.came.id);
  if (said.came && !said.came.again) arrived.push(said.came);
  crowd += said.crowd ?? 0;
  if (arrived.length || crowd) setTimeout(announce, 1000);
  if (said.went) {
    over.add(said.went.id);
    const line = lineOf(said.went.id);
    if (line) strike(line, said.went);
    endHeld(said.went);
    sayEnd(said.went);
    closePane(said.went.id);
  }
});
document.addEventListener("telemetry:connection", () => {
  if (root.dataset.connection !== "live") whole = true;
  for (const button of document.querySelectorAll("[data-group]")) button.disabled = root.dataset.connection !== "live";
});
document.addEventListener("htmx:finally:request", (event) => {
  const id = requestIn(event);
  if (id && wasUndo(event) && wanted !== id && lineOf(id)) select(id, { chosen: true }); // to be answered otherwise
  if (!id || wanted !== id) return;
  if (wasAnswer(event) || statusOf(event) === 202) goOnAfter(id);
  else if (document.activeElement === document.body) pane().querySelector("h1")?.focus({ preventScroll: true }); // Undo is gone
});
if (WIDE.matches && !wanted) selectFirst();
