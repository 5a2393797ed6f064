// Latency and status over time: a point for each exchange, coloured by the class of its status.

import { $ } from "./dom.js";
import uPlot from "./uPlot.esm.js";

const WINDOW = 5 * 60; // of the time that is seen, in seconds
const LEAST = 30; // what is seen of it at least, so that a few points do not fill the width
const MOST = 5000;
const decade = (value) => value > 0 && Number.isInteger(Math.round(Math.log10(value) * 1e6) / 1e6);
const CLASSES = [["--good", "2xx"], ["--moved", "3xx"], ["--caller", "4xx"], ["--bad", "5xx, none"]];

export class Plot {
  constructor() {
    this.box = $("plot");
    const sheet = document.createElement("link");
    sheet.rel = "stylesheet";
    sheet.href = "/inspector/static/uPlot.min.css";
    document.head.append(sheet);
    this.make();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.make());
    new ResizeObserver(() => this.chart.setSize(this.room())).observe(this.box);
  }

  room() {
    return { width: Math.max(100, this.box.clientWidth - 8), height: 122 };
  }

  make() {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const axis = { stroke: colour("--quiet"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "11px system-ui", size: 22 };
    const data = this.chart?.data ?? [[], [], [], [], []];
    this.chart?.destroy();
    this.chart = new uPlot({
      ...this.room(),
      padding: [10, 8, 0, 0],
      cursor: { show: false },
      legend: { show: false },
      scales: { x: { time: true, range: (_, first, last) => [Math.min(first, last - LEAST), last + 0.5] }, y: { distr: 3 } },
      axes: [axis, {
        ...axis, size: 62, space: 10,
        filter: (_, values) => values.map((value) => (decade(value) ? value : null)),
        grid: { ...axis.grid, filter: (_, values) => values.map((value) => (decade(value) ? value : null)) },
        values: (_, values) => values.map((value) => (value === null ? null : value < 1000 ? `${value} ms` : `${value / 1000} s`)),
      }],
      series: [{}, ...CLASSES.map(([name, label]) => ({
        label, stroke: colour(name), paths: () => null, points: { show: true, size: 5, fill: colour(name), width: 0 },
      }))],
    }, data, this.box);
  }

  /** Show these exchanges, which are the newest first. */
  show(exchanges) {
    if (!exchanges.length) return this.chart.setData([[], [], [], [], []]);
    const newest = exchanges[0].at / 1000;
    const seen = [];
    for (const exchange of exchanges) {
      if (exchange.at / 1000 < newest - WINDOW || seen.length === MOST) break;
      seen.push(exchange);
    }
    seen.sort((one, other) => one.at - other.at);
    const data = [new Array(seen.length), ...CLASSES.map(() => new Array(seen.length).fill(null))];
    seen.forEach((exchange, place) => {
      data[0][place] = exchange.at / 1000;
      const series = exchange.status >= 200 && exchange.status < 500 ? Math.floor(exchange.status / 100) - 1 : exchange.status >= 100 && exchange.status < 200 ? 1 : 4;
      data[series][place] = Math.max(0.1, exchange.took);
    });
    return this.chart.setData(data);
  }
}
