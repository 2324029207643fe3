// What this browser may do while nobody looks at the page. Permission is asked for by the press that switches it on.
"use strict";

const refused = document.querySelector("[data-refused]");
document.querySelector("[data-switches]").hidden = false;

async function allowed(what) {
  if (what === "sound") {
    beep(); // so that it is known
    return true;
  }
  return Boolean(globalThis.Notification) && await Notification.requestPermission() === "granted";
}

for (const box of document.querySelectorAll("[data-attention]")) {
  const what = box.dataset.attention;
  const still = what === "sound" || globalThis.Notification?.permission === "granted";
  box.checked = still && localStorage.getItem(`attention ${what}`) === "1";
  box.addEventListener("change", async () => {
    const on = box.checked && await allowed(what);
    if (what === "desktop") refused.hidden = on || !box.checked;
    box.checked = on;
    localStorage.setItem(`attention ${what}`, on ? "1" : "");
  });
}
