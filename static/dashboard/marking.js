// Several lines are selected by pointer or thumb too, as by x: while that goes on, a press on a line selects it.
"use strict";

let marking = false;

function sayMarked() {
  const [answer, button] = ["answer-marked", "mark"].map((id) => document.getElementById(id));
  answer.hidden = !marked.size;
  answer.textContent = `Answer ${marked.size} together`;
  button.hidden = !marking && !marked.size && waitingLines().length < 2;
  button.textContent = marking || marked.size ? "Cancel" : "Select several";
  document.getElementById("queue").classList.toggle("marking", marking);
}

function stopMarking() {
  marking = false;
  marked.clear();
  showSelection();
}

document.addEventListener("click", (event) => {
  const line = marking && event.target.closest("#lines > .line");
  if (!line) return;
  event.preventDefault();
  event.stopPropagation();
  const id = line.dataset.line;
  if (id.startsWith("alike-")) return tellPassing("Those are together already: cancel, open them, and answer them there.");
  if (waits(line) && !marked.delete(id)) marked.add(id);
  showSelection();
}, true);

document.addEventListener("click", ({ target }) => {
  if (target.id === "answer-marked") sendMarked();
  if (target.id !== "mark") return;
  if (marking || marked.size) return stopMarking();
  marking = true;
  sayMarked();
});
sayMarked();
