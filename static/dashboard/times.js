// Exact times in the zone of whoever looks, beside the one that the server wrote.
"use strict";
{
  const numbers = { hour: "2-digit", minute: "2-digit" };
  const form = new Intl.DateTimeFormat("sv-SE", {
    year: "numeric", month: "2-digit", day: "2-digit", ...numbers, second: "2-digit", timeZoneName: "short",
  });
  const clock = new Intl.DateTimeFormat("sv-SE", { ...numbers, second: "2-digit" });
  const day = new Intl.DateTimeFormat("en-US", { month: "short", day: "2-digit" });
  const minute = new Intl.DateTimeFormat("sv-SE", numbers);

  // What is no relative time is written anew; a time of day has its date when that is another one.
  function shown(time, moment) {
    if ("moment" in time.dataset) {
      const today = moment.toDateString() === new Date().toDateString();
      return today ? clock.format(moment) : `${day.format(moment)} ${minute.format(moment)}`;
    }
    if (/^\d{4}-\d\d-\d\d /.test(time.textContent)) return form.format(moment);
    return /^\d\d:\d\d:\d\d$/.test(time.textContent) ? clock.format(moment) : time.textContent;
  }

  function say() {
    for (const time of document.querySelectorAll("time[datetime]")) {
      const moment = new Date(time.dateTime);
      if (time.dataset.told === time.dateTime || Number.isNaN(moment.getTime())) continue;
      const there = time.title || (time.hasAttribute("data-exact") ? time.textContent : time.dateTime);
      const text = shown(time, moment);
      if (text !== time.textContent) time.textContent = text;
      const here = form.format(moment);
      time.title = here === there ? here : `${here}, at the site ${there}`;
      time.dataset.told = time.dateTime;
    }
  }

  for (const zone of document.querySelectorAll("[data-zone]")) zone.textContent = form.resolvedOptions().timeZone;
  new MutationObserver(say).observe(document.getElementById("main"), { childList: true, subtree: true, attributeFilter: ["datetime"] });
  say();
}
