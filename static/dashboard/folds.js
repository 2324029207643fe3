// What somebody folded, unfolded or chose stays so, whatever the server has news of.
"use strict";

htmx.config.morphIgnore.push("open");

// All that folds in the pane at once.
function unfold() {
  const folds = [...document.querySelectorAll("#pane details")];
  const open = folds.some((fold) => !fold.open);
  for (const fold of folds) fold.open = open;
}

const presets = () => [...document.querySelectorAll("#pane .presets input")];

function choosePreset(place) {
  presets()[place]?.click();
}

// Whether a denial would say why.
const hasReason = () => Boolean(document.querySelector("#pane textarea[name^=reason-]")?.value) || presets().some((box) => box.checked);
