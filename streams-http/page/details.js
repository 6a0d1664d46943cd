// What is known of a part of the topology: the panel beside its drawing. Numbers are those of all instances together.

import { chart } from "./charts.js";
import { el, empty, say, set } from "./dom.js";
import { bytes, count, duration, number, time } from "./format.js";
import { droppedBy, tasksOf } from "./instances.js";

const LETTERS_EVERY_MS = 5000;

/** The flows into a topic: what the nodes that write it have sent. */
const sentTo = ({ nodes }) => nodes.map((node) => `sent ${node}`);

export const isTopic = ({ kind }) => kind.endsWith("topic");

/** A panel, with `choose(shape)` for a part of the drawing, and `know(..)` for what instances say of it. */
export function detailsOf(api) {
  const element = el("div", { class: "card details" }, empty("Choose a topic, a processor or a store to see more of it."));
  let known = null;
  let shape = null;
  let shown = null;
  let letters = { at: -Infinity, newest: [] };

  const tell = async () => {
    if (!shape || !known) return;
    if (shown?.shape !== shape) {
      shown = { shape, ...frame(shape) };
      element.replaceChildren(...shown.parts);
    }
    fill(shown, { ...known, letters: letters.newest });
    if (performance.now() - letters.at < LETTERS_EVERY_MS) return;
    letters.at = performance.now();
    // An application may have no dead letters at all.
    letters.newest = await api.get("/api/dead-letters?limit=100").then(({ letters }) => letters, () => []);
    if (shown) fill(shown, { ...known, letters: letters.newest });
  };
  return {
    element,
    choose: (one) => {
      shape = one;
      tell();
    },
    know: (now) => {
      known = now;
      tell();
    },
  };
}

/** What stays the same as long as the same part is looked at. */
function frame(shape) {
  const facts = el("dl");
  const lines = linesOf(shape);
  const flow = lines.length > 0 ? chart(lines.map(({ name }) => name), `Records a second at ${shape.name}`) : null;
  const wait = empty("The next look says how many records flow.");
  const title = flow ? el("h3", {}, "Records a second ", el("span", { class: "quiet", text: "since this page looks, up to 5 minutes" })) : null;
  const parts = [
    el("h2", { class: "mono name", text: shape.name }),
    el("div", { class: "halves" }, facts, flow ? el("div", {}, title, wait, flow.element) : null),
    shape.kind === "store" ? el("p", {}, el("a", { href: `#state/${encodeURIComponent(shape.name)}`, text: "Look at its rows" })) : null,
  ];
  return { facts, flow, wait, lines, parts: parts.filter(Boolean) };
}

function linesOf(shape) {
  if (isTopic(shape)) return [{ name: "read", of: "read" }, { name: "written", of: "sent" }];
  return shape.kind === "processor" ? [{ name: "read by its tasks", of: "processed" }] : [];
}

function fill({ shape, facts, flow, wait, lines }, known) {
  const told = [["Kind", shape.kind], ...FACTS[isTopic(shape) ? "topic" : shape.kind](shape, known), ...troubles(shape, known)];
  if (shape.nodes.length > 1 || isTopic(shape)) told.push(["Nodes", shape.nodes.join(", ")]);
  const names = told.map(([name]) => name).join();
  if (facts.dataset.names === names) {
    facts.querySelectorAll("dd").forEach((dd, place) => say(dd, told[place][1]));
  } else {
    set(facts, "data-names", names);
    facts.replaceChildren(...told.flatMap(([name, value]) => [el("dt", { text: name }), el("dd", { text: value })]));
  }
  if (!flow) return;
  const data = known.flows.lines(...lines.map(({ of }) => flowsOf(shape, of, known)));
  const has = data.times.length > 1;
  wait.hidden = has;
  flow.element.hidden = !has;
  if (has) flow.draw(data);
}

/** The flows of a part: those of all sub-topologies that read a topic. */
function flowsOf(shape, of, { instances }) {
  if (of === "sent") return sentTo(shape);
  if (of === "processed") return [`processed ${shape.subtopology}`];
  const readers = tasksOf(instances).filter(({ inputs }) => inputs.some(({ topic }) => topic === shape.topic));
  return [...new Set(readers.map(({ subtopology }) => `read ${subtopology} ${shape.topic}`))];
}

const perSecond = (rate) => (rate === null ? "unknown" : `${number(rate)} records/s`);

const FACTS = {
  topic(shape, known) {
    const { instances, topics, flows } = known;
    const topic = topics.find(({ name }) => name === shape.topic);
    const facts = [];
    if (topic) facts.push(["Full name", topic.name], ["Purpose", topic.purpose ?? "none"], ["Types", `${topic.key_type}, ${topic.value_type}`], ["Partitions", String(topic.partitions.length)]);
    const read = flowsOf(shape, "read", known);
    if (read.length) facts.push(["Read", perSecond(flows.rate(...read))]);
    const written = flows.rate(...sentTo(shape));
    if (written !== null) facts.push(["Written", perSecond(written)]);
    const inputs = tasksOf(instances).flatMap(({ inputs }) => inputs).filter(({ topic }) => topic === shape.topic);
    if (inputs.length) {
      const lags = inputs.map(({ lag }) => lag);
      const ages = inputs.map(({ lag_ms: age }) => age).filter((age) => age !== null);
      facts.push(["Lag", lags.includes(null) ? "unknown" : count(lags.reduce((sum, lag) => sum + lag, 0), "record")]);
      facts.push(["Oldest unprocessed", ages.length ? duration(Math.max(...ages)) : "unknown"]);
    }
    return facts;
  },

  processor(shape, known) {
    const { instances, flows } = known;
    return [...tasksAt(shape, instances), ["Read by all its tasks", perSecond(flows.rate(`processed ${shape.subtopology}`))]];
  },

  store(shape, { instances }) {
    const sizes = tasksOf(instances).map(({ stores }) => stores[shape.name]).filter(Boolean);
    const sum = (of) => (sizes.length === 0 || sizes.some((size) => size[of] === null) ? null : sizes.reduce((sum, size) => sum + size[of], 0));
    const [entries, size] = [sum("rows"), sum("bytes")];
    return [
      ...tasksAt(shape, instances),
      ["Rows", entries === null ? "unknown" : `about ${number(entries)}`], ["Size", size === null ? "unknown" : bytes(size)],
      ["Changelog", shape.topic ?? "none: it is not restored"],
    ];
  },
};

/** How the tasks of its sub-topology are. */
function tasksAt({ subtopology }, instances) {
  const own = instances.map(({ tasks }) => (tasks?.tasks ?? []).filter((task) => task.subtopology === subtopology)).filter((tasks) => tasks.length > 0);
  const states = new Map();
  for (const { state } of own.flat()) states.set(state, (states.get(state) ?? 0) + 1);
  const told = [...states].map(([state, many]) => `${many} ${state}`).join(", ");
  const where = own.length > 1 ? ` in ${own.length} instances` : "";
  return [["Sub-topology", String(subtopology)], ["Tasks", told ? `${told}${where}` : "none"]];
}

/** What was left out there, and the last of the dead letters. */
function troubles(shape, { instances, letters }) {
  const isHere = (node) => shape.nodes.includes(node) || (shape.topic !== null && node === shape.topic && isTopic(shape));
  const facts = droppedBy(instances).filter(({ node }) => isHere(node)).map(({ reason, records, last }) =>
    [`Left out, ${reason.replaceAll("-", " ")}`, `${count(records, "record")}, the last at ${time(last)}`]);
  const letter = letters.find(({ node, source }) => isHere(node) || (isTopic(shape) && source?.topic === shape.topic));
  if (letter) facts.push(["Last error", `${time(letter.timestamp)} ${letter.message || letter.exception}`]);
  return facts;
}
