// The tab "Topology": a drawing of what the application runs, with what flows through it.

import { detailsOf, isTopic } from "./details.js";
import { el, say, set, svg } from "./dom.js";
import { Flows } from "./flows.js";
import { number } from "./format.js";
import { gaps, instances } from "./instances.js";

/** Two layers are less apart than that. */
const NEXT_LAYER = 80;

// They go on while another tab is shown.
const flows = new Flows();

export function show(element, api) {
  const graph = el("div", { class: "graph card", tabindex: "0", "aria-label": "The topology as a drawing" });
  const details = detailsOf(api);
  const whole = el("button", { type: "button", "aria-pressed": "false", text: "Whole drawing", hidden: true });
  const said = el("p", { class: "quiet", role: "status", hidden: true });
  element.append(el("div", { class: "stack" }, el("div", {}, el("div", { class: "row" }, whole, said), graph), details.element));
  let drawing = null;

  const draw = async () => {
    drawing = await api.get("/api/topology/drawing");
    graph.replaceChildren(picture(drawing, choose));
    resize();
  };
  /** As large as it is readable, or as small as it is seen as a whole. */
  const resize = () => {
    const { width, height } = drawing;
    const fits = Math.min((graph.clientWidth - 40) / width, 1);
    const scale = whole.getAttribute("aria-pressed") === "true" ? fits : Math.max(fits, 0.8);
    set(graph.firstElementChild, "width", Math.round(width * scale));
    set(graph.firstElementChild, "height", Math.round(height * scale));
    whole.hidden = fits >= 0.8;
    graph.scrollLeft = (graph.scrollWidth - graph.clientWidth) / 2;
  };
  whole.addEventListener("click", () => {
    set(whole, "aria-pressed", String(whole.getAttribute("aria-pressed") !== "true"));
    resize();
  });
  const choose = (shape, node) => {
    graph.querySelectorAll(".selected").forEach((other) => other.classList.remove("selected"));
    node.classList.add("selected");
    details.choose(shape);
  };

  const look = async (signal) => {
    try {
      if (!drawing) await draw();
      const [all, { topics }] = await Promise.all([instances(api, signal), api.get("/api/topics", signal)]);
      flows.take(all);
      say(said, gaps(all));
      said.hidden = !said.textContent;
      showFlows(graph, drawing, flows);
      details.know({ instances: all, topics, flows });
    } catch (error) {
      if (!(error instanceof api.Gone)) throw error;
    }
  };
  const looking = api.every(2000, look);
  return () => looking.stop();
}

function picture({ width, height, shapes, arrows }, choose) {
  const marker = svg("marker", { id: "tip", viewBox: "0 0 8 8", refX: "7", refY: "4", markerWidth: "9", markerHeight: "9", markerUnits: "userSpaceOnUse", orient: "auto" },
    svg("path", { d: "M0 0L8 4L0 8z" }));
  const root = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": `${shapes.length} shapes` }, svg("defs", {}, marker));
  for (const [place, { from, to, kind }] of arrows.entries()) {
    root.append(svg("path", {
      class: `arrow ${kind}`, "data-arrow": place, d: curve(shapes[from], shapes[to]), "marker-end": kind === "records" ? "url(#tip)" : null,
    }));
  }
  for (const [place, { from, to, kind }] of arrows.entries()) {
    if (kind !== "records") continue;
    root.append(svg("text", { class: "rate", "data-rate": place, ...besides(shapes[from], shapes[to]) }));
  }
  for (const shape of shapes) root.append(shapeOf(shape, choose));
  return root;
}

/** Where an arrow's label is: in its middle, or just before its end if there may be other shapes in between. */
function besides(from, to) {
  const top = to.y - to.height / 2;
  const gap = top - (from.y + from.height / 2);
  return gap > 0 && gap < NEXT_LAYER ? { x: (from.x + to.x) / 2, y: top - gap / 2 + 4 } : { x: to.x, y: top - 16 };
}

function curve(from, to) {
  if (from === to) {
    const right = from.x + from.width / 2;
    return `M${right} ${from.y - 8}C${right + 40} ${from.y - 30} ${right + 40} ${from.y + 30} ${right} ${from.y + 8}`;
  }
  const down = to.y >= from.y ? 1 : -1;
  const [y1, y2] = [from.y + (down * from.height) / 2, to.y - (down * to.height) / 2];
  const bend = Math.max(Math.abs(y2 - y1) / 2, 14) * down;
  return `M${from.x} ${y1}C${from.x} ${y1 + bend} ${to.x} ${y2 - bend} ${to.x} ${y2}`;
}

function shapeOf(shape, choose) {
  const { x, y, width, height, name, label, kind } = shape;
  const left = x - width / 2;
  const top = y - height / 2;
  const round = kind === "processor" ? 5 : kind === "store" ? 2 : height / 2;
  const node = svg("g", { class: `shape ${kind.split(" ").reverse().join(" ")}`, role: "button", tabindex: "0", "aria-label": `${kind} ${name}` });
  node.append(svg("rect", { x: left, y: top, width, height, rx: round }));
  if (kind === "store") node.append(svg("path", { d: `M${left} ${top + 7}h${width}` }));
  node.append(svg("text", { x, y: y + 4, text: label }));
  if (label !== name) node.append(svg("title", { text: name }));
  const pick = () => choose(shape, node);
  node.addEventListener("click", pick);
  node.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    pick();
  });
  return node;
}

function showFlows(graph, { shapes, arrows }, flows) {
  for (const [place, { from, to, kind, sink }] of arrows.entries()) {
    if (kind !== "records") continue;
    const value = flows.rate(...(sink ? [`sent ${sink}`] : flowsAlong(shapes[from], shapes[to])));
    const label = graph.querySelector(`[data-rate="${place}"]`);
    const arrow = graph.querySelector(`[data-arrow="${place}"]`);
    say(label, value === null ? "" : `${number(value)}/s`);
    arrow.classList.toggle("flows", value > 0);
  }
}

/** What flows along an arrow from a topic: what is read from it by the sub-topology at the other end. */
function flowsAlong(from, to) {
  return isTopic(from) ? [`read ${to.subtopology} ${from.topic}`] : [];
}
