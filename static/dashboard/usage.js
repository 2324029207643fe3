// Draws the charts of a page from the data beside them, in the colours of the theme. Nothing moves by itself.
"use strict";

const charts = new Map(); // by the id of the plot
const bars = { categoryPercentage: 0.86, barPercentage: 0.94, maxBarThickness: 64, borderRadius: 2 };

// A custom property may hold light-dark(); only a real property is told as one colour.
function colour(name) {
  const probe = document.createElement("i");
  probe.hidden = true;
  probe.className = name;
  document.body.append(probe);
  const style = getComputedStyle(probe);
  const found = name.startsWith("colour-") ? style.backgroundColor : style.color;
  probe.remove();
  return found;
}

function money(value, places) {
  const digits = { minimumFractionDigits: places, maximumFractionDigits: places };
  const text = `$${Math.abs(value).toLocaleString("en-US", digits)}`;
  return value < 0 ? `-${text}` : text;
}

const kinds = {
  stack: (data, plot) => ({
    labels: data.labels,
    datasets: data.series.map((one) => ({
      ...bars, label: one.name, data: one.values, stack: "all", backgroundColor: colour(`colour-${one.colour}`),
      borderColor: colour("tone-surface"), borderWidth: { top: plot.clientWidth > 9 * data.labels.length ? 1 : 0, right: 0, bottom: 0, left: 0 }, borderSkipped: false,
    })),
  }),
  waterfall: (data) => {
    const tones = { level: "tone-link", less: "tone-less", more: "tone-bad", same: "tone-dim" };
    const colours = data.kinds.map((kind) => colour(tones[kind]));
    const labels = data.labels.map((label) => label.split(" ")); // a line for each word
    return { labels, datasets: [{ ...bars, data: data.bars, backgroundColor: colours, minBarLength: 2 }] };
  },
};

// What Chart.js is told besides the data; asked again at each theme.
function options(kind, plot) {
  const dim = colour("tone-dim");
  const told = () => charts.get(plot.id).told;
  const grid = { color: colour("tone-grid") };
  const ticks = { color: dim, font: { family: getComputedStyle(document.body).fontFamily, size: 12 } };
  const label = kind === "stack"
    ? (item) => `${item.dataset.label}: ${money(item.raw, told().places)}`
    : (item) => told().texts[item.dataIndex];
  const sum = (items) => (items.length > 1 ? `All: ${money(items.reduce((all, item) => all + item.raw, 0), told().places)}` : "");
  return {
    animation: false, responsive: true, maintainAspectRatio: false, ...(plot.dataset.calls ? calls(plot) : {}),
    interaction: { mode: "index", intersect: false },
    scales: {
      x: { stacked: kind === "stack", grid: { display: false }, border: { color: grid.color }, ticks: { ...ticks, maxRotation: 0, autoSkip: kind === "stack", autoSkipPadding: 12 } },
      y: { stacked: kind === "stack", grid, border: { display: false }, beginAtZero: true, ticks: { ...ticks, maxTicksLimit: 6, callback: (value, _, all) => axis(value, all, told().places) } },
    },
    plugins: {
      legend: { display: false }, // the table below the chart names the colours
      tooltip: {
        animation: false, filter: (item) => kind !== "stack" || item.raw !== 0, itemSort: (a, b) => b.datasetIndex - a.datasetIndex,
        callbacks: { title: (items) => (items[0] ? (told().titles ?? told().labels)[items[0].dataIndex] : ""), label, footer: kind === "stack" ? sum : () => "" },
      },
    },
  };
}

// A bar leads to its calls: those of its name in its day or hour.
function calls(plot) {
  const at = (event, chart) => chart.getElementsAtEventForMode(event, "nearest", { intersect: true }, true)[0];
  return {
    onClick: (event, _, chart) => {
      const bar = at(event, chart);
      const told = charts.get(plot.id).told;
      if (!bar || !told.periods) return;
      const narrowed = told.series[bar.datasetIndex].narrowed;
      location.assign(`${plot.dataset.calls}?${told.periods[bar.index]}${narrowed && `&${narrowed}`}`);
    },
    onHover: (event, _, chart) => { event.native.target.dataset.leads = at(event, chart) ? "yes" : ""; },
  };
}

function axis(value, all, places) {
  return money(value, all.every((tick) => Number.isInteger(tick.value)) ? 0 : Math.max(2, places));
}

function draw() {
  for (const [id, known] of charts) {
    if (known.chart.canvas.isConnected) continue;
    known.chart.destroy();
    charts.delete(id);
  }
  for (const plot of document.querySelectorAll("[data-plot]")) {
    const told = JSON.parse(document.getElementById(plot.dataset.of).textContent);
    const kind = plot.dataset.plot;
    const known = charts.get(plot.id);
    if (known) {
      known.told = told;
      known.chart.data = kinds[kind](told, plot);
      known.chart.options = options(kind, plot);
      known.chart.update("none");
    } else {
      charts.set(plot.id, { told });
      const config = { type: "bar", data: kinds[kind](told, plot), options: options(kind, plot) };
      charts.get(plot.id).chart = new Chart(plot.querySelector("canvas"), config);
    }
  }
}

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const zones = document.getElementById("zones");
if (zones && zone && zone !== "UTC") zones.append(new Option(zone, zone));
document.documentElement.dataset.charts = "";
document.addEventListener("htmx:after:swap", draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
draw();
