// Who else looks at the request on this page: the page of the inbox says which one it shows, and hears of others.
"use strict";
{
  let said = ""; // what this socket was told that we show
  let others = { id: "", names: [] };

  const shown = () => {
    const pane = document.getElementById("pane");
    const id = pane && !document.hidden ? pane.dataset.shows : "";
    return id.startsWith("alike-") ? "" : id;
  };

  function tell() {
    if (!document.getElementById("inbox") || root.dataset.connection !== "live" || shown() === said) return;
    const socket = connection?.socket;
    if (socket?.readyState !== WebSocket.OPEN) return;
    said = shown();
    socket.send(said);
  }

  function show() {
    for (const line of document.querySelectorAll("[data-lookers]")) {
      const names = line.dataset.lookers === others.id && root.dataset.connection === "live" ? others.names : [];
      const text = names.length ? `${names.join(", ")} ${names.length > 1 ? "look" : "looks"} at it too` : "";
      if (line.textContent !== text) line.textContent = text;
    }
  }

  document.addEventListener("telemetry:said", (event) => {
    others = event.detail.looking ?? others;
    show();
  });
  // A new socket knows nothing of us.
  document.addEventListener("telemetry:connection", () => { if (root.dataset.connection !== "live") said = ""; show(); });
  setInterval(() => { tell(); show(); }, 500);
}
