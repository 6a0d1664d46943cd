// Line charts in plain SVG, redrawn in place.

import { el, repeat, say, set, svg } from "./dom.js";
import { axis, time } from "./format.js";

/** As high as it is where nothing stretches it; see the style. */
const HEIGHT = 210;
const LEFT = 44;
const BOTTOM = 22;
const TOP = 8;
const GRID = 4;

/** The next larger number that people count in. */
function rounded(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 2.5, 4, 5, 8, 10].map((step) => step * power).find((step) => step >= value * 0.999);
}

/** A chart with a line for each name. `draw` takes times, values by line, how many of the last are open, and the span. */
export function chart(names, label) {
  const grid = svg("g");
  const ticks = svg("g");
  const lines = svg("g");
  const picture = svg("svg", { class: "chart", role: "img", "aria-label": label }, grid, ticks, lines);
  const legend = el("div", { class: "legend" }, ...names.map((name, place) => el("span", {}, el("i", { class: `s${(place % 4) + 1}` }), name)));
  legend.hidden = names.length < 2;
  const element = el("div", { class: "chart-frame" }, picture, legend);
  let last = null;
  const draw = (data) => {
    last = data;
    const [width, height] = [picture.clientWidth || 600, picture.clientHeight || HEIGHT];
    const { times, values, open, span } = data;
    const all = values.flat();
    const high = rounded(Math.max(...all, 0));
    const low = Math.min(...all, 0) < 0 ? -rounded(-Math.min(...all, 0)) : 0;
    const end = times.at(-1) ?? 0;
    // A chart that has just begun is not squeezed into its end.
    const begin = Math.min(times[0] ?? end, end - (span ?? 10) / 10);
    const x = (at) => LEFT + ((at - begin) / Math.max(end - begin, 1)) * (width - LEFT - 6);
    const y = (value) => TOP + (1 - (value - low) / (high - low)) * (height - TOP - BOTTOM);
    const levels = Array.from({ length: GRID + 1 }, (_, place) => low + ((high - low) * place) / GRID);
    repeat(grid, levels, () => svg("g", {}, svg("line", { class: "grid" }), svg("text", { "text-anchor": "end" })), (group, level) => {
      const [line, text] = group.children;
      for (const [name, value] of [["x1", LEFT], ["x2", width - 6], ["y1", y(level)], ["y2", y(level)]]) set(line, name, value.toFixed(1));
      set(text, "x", LEFT - 7);
      set(text, "y", (y(level) + 4).toFixed(1));
      say(text, axis(level));
    });
    const moments = times.length === 0 ? [] : width < 480 ? [begin, end] : [begin, (begin + end) / 2, end];
    repeat(ticks, moments, () => svg("text"), (text, at, place) => {
      set(text, "x", x(at).toFixed(1));
      set(text, "y", height - 4);
      set(text, "text-anchor", place === 0 ? "start" : place === moments.length - 1 ? "end" : "middle");
      say(text, time(Math.round(at)));
    });
    const closed = times.length - open;
    const path = (line, from, to) => {
      const points = line.slice(from, to).map((value, place) => `${x(times[from + place]).toFixed(1)} ${y(value).toFixed(1)}`);
      return points.length ? `M${points.join("L")}` : "";
    };
    repeat(lines, values, (_, place) => svg("g", {}, svg("path", { class: `s${(place % 4) + 1}` }), svg("path", { class: `open s${(place % 4) + 1}` })), (group, line) => {
      set(group.children[0], "d", path(line, 0, closed));
      set(group.children[1], "d", open && closed > 0 ? path(line, closed - 1, times.length) : path(line, closed, times.length));
    });
  };
  new ResizeObserver(() => last && draw(last)).observe(picture);
  return { element, draw };
}
