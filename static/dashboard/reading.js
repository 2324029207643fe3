// A text of more than two screens must have been on the screen to its end before it can be approved. Deny is always open.
"use strict";
{
  const SCREENS = 2;
  const seen = new Map(); // id of a card -> which ends of its text were on the screen
  let due = false;

  const inner = (text) => [...text.querySelectorAll(".long, pre")].filter((box) => box.scrollHeight > box.clientHeight + 1);
  // What is covered was not seen: by the strip of notices, and in the inbox by the answer that stands above it.
  const bottom = () => Math.min(innerHeight - (document.getElementById("notices")?.offsetHeight ?? 0),
    document.querySelector(".inbox .answer")?.getBoundingClientRect().top ?? Infinity);

  function isLong(text, boxes) {
    const hidden = boxes.reduce((sum, box) => sum + box.scrollHeight - box.clientHeight, 0);
    return text.offsetHeight + hidden > SCREENS * innerHeight;
  }

  // Its last line is within the window, and it is scrolled to its end itself.
  function endIsInView(box) {
    const end = box.getBoundingClientRect().bottom;
    return end > 0 && end <= bottom() + 1 && box.scrollTop + box.clientHeight >= box.scrollHeight - 2;
  }

  function isRead(card, text, boxes) {
    const ends = seen.get(card.id) ?? new Set();
    seen.set(card.id, ends);
    boxes.forEach((box, place) => { if (endIsInView(box)) ends.add(place); });
    if (endIsInView(text)) ends.add("all");
    return ends.has("all") && boxes.every((_box, place) => ends.has(place));
  }

  function look() {
    due = false;
    for (const button of document.querySelectorAll("[data-decide].approve")) {
      const card = button.closest(".card");
      const text = card.querySelector(".claim");
      const boxes = text ? inner(text) : [];
      const long = Boolean(text) && isLong(text, boxes);
      card.classList.toggle("long-text", long || card.classList.contains("long-text"));
      card.classList.toggle("unread", long && !isRead(card, text, boxes));
    }
    close();
  }

  // Whoever opens the button for another reason, such as a page that is live again, does not open it here.
  function close() {
    for (const button of document.querySelectorAll(".unread [data-decide].approve")) {
      if (!button.disabled) button.disabled = true;
      if (button.getAttribute("aria-disabled") !== "true") button.setAttribute("aria-disabled", "true");
    }
  }

  function soon() {
    close();
    if (!due) requestAnimationFrame(look);
    due = true;
  }

  document.addEventListener("submit", (event) => {
    if (!event.submitter?.matches(".unread [data-decide].approve")) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }, true);
  document.addEventListener("scroll", soon, { capture: true, passive: true });
  addEventListener("resize", soon);
  new MutationObserver(soon).observe(document.getElementById("main"),
    { childList: true, subtree: true, attributes: true, attributeFilter: ["class", "disabled"] });
  look();
}
