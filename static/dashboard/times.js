// Exact times in the zone of whoever looks, beside the one that the server wrote.
"use strict";
{
  const form = new Intl.DateTimeFormat("sv-SE", {
    year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
    timeZoneName: "short",
  });

  const clock = new Intl.DateTimeFormat("sv-SE", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

  // What is no relative time is written anew.
  function shown(time, moment) {
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

  new MutationObserver(say).observe(document.getElementById("main"), { childList: true, subtree: true, attributeFilter: ["datetime"] });
  say();
}
