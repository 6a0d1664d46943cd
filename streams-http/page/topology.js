// The tab "Topology": a drawing of what the application runs, with what flows through it.

import { el, empty, say, set, svg } from "./dom.js";
import { count, duration, number } from "./format.js";

export function show(element, api) {
  const graph = el("div", { class: "graph card", tabindex: "0", "aria-label": "The topology as a drawing" });
  const details = el("div", { class: "card details", "aria-live": "polite" }, empty("Choose a topic, a processor or a store to see more of it."));
  const whole = el("button", { type: "button", "aria-pressed": "false", text: "Whole drawing" });
  element.append(el("div", { class: "stack" }, el("div", {}, whole, graph), details));
  let drawing = null;
  let known = { tasks: [], topics: [] };
  let chosen = null;
  const flows = new Flows();

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
    chosen = shape;
    tell();
  };
  const tell = () => chosen && describe(details, chosen, known, flows);

  const look = async (signal) => {
    if (!drawing) await draw();
    const [{ tasks }, { topics }] = await Promise.all([api.get("/api/tasks", signal), api.get("/api/topics", signal)]);
    known = { tasks, topics };
    flows.take(tasks, topics);
    showFlows(graph, drawing, flows);
    tell();
  };
  const looking = api.every(2000, look);
  return () => looking.stop();
}

/** How many records a second are read from and written to topics, from one look to the next. */
class Flows {
  constructor() {
    this.last = null;
    this.read = new Map();
    this.written = new Map();
  }

  take(tasks, topics) {
    const now = { at: performance.now(), read: new Map(), written: new Map() };
    for (const { topic, partition, position } of tasks.flatMap(({ inputs }) => inputs)) now.read.set(`${topic} ${partition}`, position);
    for (const { name, partitions } of topics) {
      for (const { partition, end } of partitions) now.written.set(`${name} ${partition}`, end);
    }
    if (this.last) {
      const seconds = (now.at - this.last.at) / 1000;
      for (const way of ["read", "written"]) this[way] = rates(this.last[way], now[way], seconds);
    }
    this.last = now;
  }
}

function rates(before, now, seconds) {
  const sums = new Map();
  for (const [place, offset] of now) {
    const topic = place.slice(0, place.lastIndexOf(" "));
    // What has moved to another instance, or is new, says nothing yet.
    const grown = before.has(place) ? Math.max(offset - before.get(place), 0) : 0;
    sums.set(topic, (sums.get(topic) ?? 0) + grown / seconds);
  }
  return sums;
}

/** A topic's rate; the API's names of internal topics begin with the application's id. */
function rate(rates, name) {
  for (const [topic, value] of rates) if (topic === name || topic.endsWith(`-${name}`)) return value;
  return null;
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
    const x = (shapes[from].x + shapes[to].x) / 2;
    const y = (shapes[from].y + shapes[to].y) / 2 + 3;
    root.append(svg("text", { class: "rate", "data-rate": place, x, y }));
  }
  for (const shape of shapes) root.append(shapeOf(shape, choose));
  return root;
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
  const { x, y, width, height, name, kind } = shape;
  const left = x - width / 2;
  const top = y - height / 2;
  const round = kind === "processor" ? 5 : kind === "store" ? 2 : height / 2;
  const node = svg("g", { class: `shape ${kind.split(" ").reverse().join(" ")}`, role: "button", tabindex: "0", "aria-label": `${kind} ${name}` });
  node.append(svg("rect", { x: left, y: top, width, height, rx: round }));
  if (kind === "store") node.append(svg("path", { d: `M${left} ${top + 7}h${width}` }));
  node.append(svg("text", { x, y: y + 4, text: name }));
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
  for (const [place, { from, to, kind }] of arrows.entries()) {
    if (kind !== "records") continue;
    const isTopic = (shape) => shape.kind.endsWith("topic");
    const value = isTopic(shapes[from]) ? rate(flows.read, shapes[from].name) : isTopic(shapes[to]) ? rate(flows.written, shapes[to].name) : null;
    const label = graph.querySelector(`[data-rate="${place}"]`);
    const arrow = graph.querySelector(`[data-arrow="${place}"]`);
    say(label, value === null ? "" : `${number(value)}/s`);
    arrow.classList.toggle("flows", value > 0);
  }
}

function describe(element, shape, { tasks, topics }, flows) {
  const facts = [["Kind", shape.kind]];
  const own = tasks.filter(({ subtopology }) => subtopology === shape.subtopology);
  if (shape.subtopology !== null) {
    const states = Map.groupBy ? [...Map.groupBy(own, ({ state }) => state)].map(([state, all]) => `${all.length} ${state}`) : own.map(({ state }) => state);
    facts.push(["Sub-topology", String(shape.subtopology)], ["Tasks here", states.join(", ") || "none"]);
    facts.push(["Processed here", count(own.reduce((sum, { processed }) => sum + processed, 0), "record")]);
    const dropped = own.flatMap(({ dropped }) => Object.entries(dropped)).reduce((sum, [, many]) => sum + many, 0);
    facts.push(["Dropped", number(dropped)]);
  }
  if (shape.kind.endsWith("topic")) {
    const topic = topics.find(({ name }) => name === shape.name || name.endsWith(`-${shape.name}`));
    const inputs = tasks.flatMap(({ inputs }) => inputs).filter(({ topic }) => topic === shape.name || topic.endsWith(`-${shape.name}`));
    if (topic) facts.push(["Types", `${topic.key_type}, ${topic.value_type}`], ["Partitions", String(topic.partitions.length)]);
    const [read, written] = [rate(flows.read, shape.name), rate(flows.written, shape.name)];
    if (read !== null) facts.push(["Read here", `${number(read)} records/s`]);
    if (written !== null) facts.push(["Grows by", `${number(written)} offsets/s`]);
    if (inputs.length) {
      const lags = inputs.map(({ lag }) => lag);
      const ages = inputs.map(({ lag_ms: age }) => age).filter((age) => age !== null);
      facts.push(["Lag", lags.includes(null) ? "unknown" : count(lags.reduce((sum, lag) => sum + lag, 0), "record")]);
      facts.push(["Oldest unprocessed", ages.length ? duration(Math.max(...ages)) : "unknown"]);
    }
  }
  if (shape.nodes.length) facts.push(["Nodes", shape.nodes.join(", ")]);
  const list = el("dl", {}, ...facts.flatMap(([name, value]) => [el("dt", { text: name }), el("dd", { text: value })]));
  const title = el("h2", { class: "mono", text: shape.name });
  if (element.dataset.shape === shape.id && element.querySelectorAll("dd").length === facts.length) {
    element.querySelectorAll("dd").forEach((dd, place) => say(dd, facts[place][1]));
    return;
  }
  set(element, "data-shape", shape.id);
  element.replaceChildren(title, list, ...(shape.kind === "store" ? [el("p", {}, el("a", { href: `#state/${encodeURIComponent(shape.name)}`, text: "Look at its rows" }))] : []));
}
